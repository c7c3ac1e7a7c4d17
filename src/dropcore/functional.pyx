# The functions `dropout` and `keep_mask`. `dropout` checks x, p, training, the variant with its
# options, store, rng and shard. Then it calls `drop` of the variant's Runner, which checks `out`
# and the further inputs of a free variant. `keep_mask` only makes decisions, and needs no Runner.

cimport numpy as cnp

import numpy as np

from dropcore._core cimport apply
from dropcore._core.arguments cimport accepted, checked_shape, integer_of, probability
from dropcore._core.bits cimport unpack
from dropcore._core.layout cimport Sharing
from dropcore._core.shard cimport checked_shard, set_neighbours
from dropcore._core.table cimport DrawAddress, Shard
from dropcore.mask cimport Runner, p_for, shard_for
from dropcore.rng cimport check_agreed, check_rng, take_draw
from dropcore.runners.lookup cimport runner_for

from dropcore.plugins import registry

cnp.import_array()


cdef bint boolean(str name, object value) except? 0:
    if value is True:
        return True
    if value is False:
        return False
    if isinstance(value, np.bool_):
        return bool(value)
    raise TypeError(f"{name} must be True or False, not {value!r}")


cpdef bint keeps_bits(object store) except? 0:
    """Whether `store` is "bits"; an error for all values but "bits" and "draw"."""
    if type(store) is str:
        if store == "bits":
            return True
        if store == "draw":
            return False
    raise ValueError(f"store must be 'bits' or 'draw', not {store!r}")


def dropout(
    x, p, *, training, rng=None, variant="standard", out=None, store="bits", shard=None, **options,
):
    """Drop elements of an array at random; return the result and the mask.

    Parameters
    ----------
    x : array_like
        float32, float64, float16 or bfloat16, of any shape and strides. In the built-in variants,
        the memory layout of x does not change the decision for an element: for a given draw, p and
        shape, only the element's index counts. (With `shard`, the shape of the larger array and
        the index in it count.)
    p : float
        The probability that an element is dropped, in [0, 1].
    training : bool
        False applies the variant's inference rule; for most variants y is a copy of x. There
        is no default, because a forgotten `training` is a frequent bug.
    rng : None, Stream, Draw, int, SeedSequence, Generator or BitGenerator, optional
        The source of the draw, which determines the decisions. A Stream gives its next draw. A Draw
        is used as it is. An int or a SeedSequence gives the same draw in each call. A Generator or
        a BitGenerator gives 32 bytes in each call, the seed of this call's draw. None stands for
        the stream of the process, which the operating system seeds. Inference takes no draw.
    variant : str or Variant, default: "standard"
        The kind of dropout; `dropcore.variant_names` lists the installed variants.
    out : numpy.ndarray, optional
        The array for y: x itself, or an array with the shape and dtype of x that shares no memory
        with x. A view with the address and the strides of x, such as ``x[:]``, counts as x. If the
        variant is planned (see `store`), no array is copied if x and `out` are aligned, and have
        equal strides, none of them negative, and no gaps between their elements.
    store : {"bits", "draw"}, default: "bits"
        What the mask of a planned variant (such as "standard", "spatial" and "alpha") keeps for
        backward: one bit for each decision, or only the draw, from which backward makes the bits
        again. The gradients are the same to the bit. For other variants the choice has no effect:
        the mask of a variant that makes its own decisions (deciding) always keeps the bits, and the
        mask of a variant with its own backward (free) keeps the arrays that the variant saves.
    shard : (global_shape, offsets), optional
        Says that x is a block of a larger array: `global_shape` is the shape of the larger array,
        and `offsets` has, for each axis, the index at which the block begins. With the same draw,
        all blocks get their parts of one mask. Put together, the blocks of y and dx equal y and dx
        of the whole array, however the array is cut. With `shard`, `rng` in training must be a
        Draw, an int or a SeedSequence.
    **options
        The options of the variant, such as ``shared_axes`` for "standard". If the variant has
        several inputs, also each input after x, by name.

    Returns
    -------
    y : numpy.ndarray
        `out`, or a new array in C order. A new array shares no memory with x, not even in
        inference.
    mask : Mask
        ``mask.backward(dy)`` is the gradient.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted. Nothing was written, and no draw was taken. But an error in
        a variant's own methods can use up the draw: `decide` and `plan` of a deciding variant, and
        `forward` of a free variant, run after the draw was taken.
    LookupError
        If no variant has the name `variant`.
    OverflowError
        If the stream has no draw left.

    Notes
    -----
    A thread can flush subnormal numbers to zero, for example after ``torch.set_flush_denormal``, or
    in a program with a library that was built for fast mathematics. In such a thread the product of
    x and the scale is 0 if x or the product is subnormal, except in float16. Where the
    product is 0, a kept element becomes 0, or the shift of the variant ("alpha" has a shift).
    Decisions and all other elements stay the same to the bit.

    With `shard`, the cost of a planned variant depends on the size of the block, not on the size of
    the whole array. A deciding variant decides for the whole array, and keeps the decisions of the
    block. A free variant is refused, because it may need elements outside the block. For the same
    reason, a variant with its own inference rule is refused in inference.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> x = np.arange(6, dtype=np.float32)
    >>> stream = dropcore.Stream(42)
    >>> y, mask = dropcore.dropout(x, p=0.5, training=True, rng=stream)
    >>> bool((y == np.where(mask.keep, x * 2, 0)).all())
    True
    >>> dx = mask.backward(np.ones_like(x), out=y)

    The right half of an array, as another machine would drop it:

    >>> x, draw = np.ones((4, 6)), stream.draw()
    >>> whole, _ = dropcore.dropout(x, p=0.5, training=True, rng=draw)
    >>> half, _ = dropcore.dropout(
    ...     x[:, 3:], p=0.5, training=True, rng=draw, shard=((4, 6), (0, 3)))
    >>> bool((half == whole[:, 3:]).all())
    True
    """
    return dropout_by_position(x, p, training, rng, variant, out, store, shard, options)


cpdef tuple dropout_by_position(
    x, p, training, rng, variant, out, store, shard, dict options
):
    """`dropout` with arguments by position, for layers: arguments by name are slower."""
    cdef Runner runner
    cdef tuple others = (), block = None
    cdef double value
    cdef bint train, store_bits
    cdef cnp.ndarray array = accepted("x", x)
    if type(variant) is not str and isinstance(variant, str):
        variant = str.__str__(variant)
    if options:
        for name in inputs_of(variant)[1:]:  # users pass these by name, like options
            if name not in options:
                raise_missing(variant, name)
            others += (options.pop(name),)
    runner = runner_for(variant, options)
    if 1 + len(others) < len(runner.inputs):
        raise_missing(runner.variant.name, runner.inputs[1])
    value = p_for(runner.variant, p)
    train = boolean("training", training)
    store_bits = keeps_bits(store)
    check_rng(rng)
    if not train:
        runner = runner.inference
    if shard is not None:
        block = shard_for(runner, shard, (<object> array).shape)
        if train:
            check_agreed(rng)
    return runner.drop(array, others, value, out, rng, store_bits, block)


cdef int raise_missing(object variant, str name) except -1:
    raise TypeError(f"{name} must be passed by name for variant {variant!r}, not left out")


cdef dict inputs_by_name = {}  # the key is the name of a variant


cdef tuple inputs_of(object variant):
    if type(variant) is not str:
        return getattr(variant, "inputs", ("x",))
    if variant not in inputs_by_name:
        inputs_by_name[variant] = registry().variant_class(variant).inputs
    return inputs_by_name[variant]


def keep_mask(shape, p, *, rng=None, packed=False, start=0, shard=None):
    """The decisions of standard dropout: True where kept.

    Parameters
    ----------
    shape : int or tuple of int
    p : float
        The probability that an element is dropped, in [0, 1].
    rng : optional
        As for `dropout` in training.
    packed : bool, default: False
        Return one bit for each decision, as ``numpy.packbits(keep, bitorder="little")`` does,
        instead of a bool array.
    start : int, default: 0
        The index of the first decision in a larger mask. With the same Draw, several calls can make
        the pieces of one mask.
    shard : (global_shape, offsets), optional
        As for `dropout`: the result is the mask of a block of shape `shape` in a larger array.
        Cannot be combined with `start`.

    Returns
    -------
    numpy.ndarray
        bool, of shape `shape`; with ``packed=True``, ``(size + 7) // 8`` bytes of dtype uint8.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If an argument is not accepted, or ``start + size`` is above 2**63, or the stream has no
        draw left.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> draw = dropcore.Stream(42).draw()
    >>> whole = dropcore.keep_mask(1000, 0.1, rng=draw)
    >>> piece = dropcore.keep_mask(300, 0.1, rng=draw, start=700)
    >>> bool((whole[700:] == piece).all())
    True
    """
    cdef double value = probability(p)
    cdef bint pack = boolean("packed", packed)
    cdef DrawAddress address
    cdef Shard places
    shape = checked_shape(shape if isinstance(shape, (tuple, list)) else (shape,))
    size = 1
    for length in shape:
        size *= length
    start = integer_of("start", start, "an integer >= 0")
    if start + size > 2**63:
        raise OverflowError(f"start + size must be at most 2**63, not {start + size}")
    check_rng(rng)
    if shard is None:
        set_neighbours(start, size, &places)
    else:
        if start:
            raise ValueError(f"start must be 0 where shard is given, not {start}")
        shard = checked_shard(shard, "the mask", shape)
        check_agreed(rng)
        places = Sharing(shape, (), shard).shard
    bits = np.empty((size + 7) >> 3, np.uint8)
    try:
        keep = bits if pack else np.empty(shape, bool)
    except ValueError as error:
        raise ValueError(f"shape must be one that NumPy can make, not {shape}: {error}") from None
    address = take_draw(rng)
    apply.keep_bits(&address, value, &places, bits)
    if not pack:
        unpack(bits, keep)
    return keep
