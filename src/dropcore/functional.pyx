# The functions `dropout` and `keep_mask`: they check every argument, and have the variant's Runner
# drop.

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
    """Whether `store` is "bits"; an error if it is not "draw" either."""
    if type(store) is str:
        if store == "bits":
            return True
        if store == "draw":
            return False
    raise ValueError(f"store must be 'bits' or 'draw', not {store!r}")


def dropout(
    x, p, *, training, rng=None, variant="standard", out=None, store="bits", shard=None, **options,
):
    """Drop elements of an array at random, and say which.

    Parameters
    ----------
    x : array_like
        float32, float64, float16 or bfloat16, of any shape and strides. By one draw and p,
        the decision for an element depends on its place in C order alone.
    p : float
        The probability that an element is dropped, in [0, 1].
    training : bool
        False gives the variant's inference rule; for the standard one, x itself is
        copied. There is no default: forgetting it is the commonest bug of its kind.
    rng : None, Stream, Draw, int, SeedSequence, Generator or BitGenerator, optional
        A Stream gives its next draw, a Draw is used as it is. An int or SeedSequence
        repeats its mask. A Generator gives 32 bytes for a fresh key. None is a stream
        of the process, seeded by the operating system.
    variant : str or Variant, default: "standard"
        What kind of dropout; `dropcore.variant_names` lists the installed ones.
    out : numpy.ndarray, optional
        Where y is written: x itself, or an array of its shape and dtype that shares no
        memory with it. Nothing is copied where its strides are those of x and leave no gaps,
        whatever the order of the axes in memory.
    store : {"bits", "draw"}, default: "bits"
        What the mask keeps for backward: one bit for each decision, or nothing but its
        draw, from which the bits are made again. Gradients are the same to the bit.
    shard : (global_shape, offsets), optional
        x is the block of a larger array of shape `global_shape` that begins at `offsets`, one for
        each axis. By the same draw, blocks get their parts of one mask: put together, y and dx are
        those of the whole array, however it is cut. `rng` must be a Draw; an int or a SeedSequence
        will do.
    **options
        The variant's own, such as ``shared_axes`` for "standard", and its further
        inputs by name.

    Returns
    -------
    y : numpy.ndarray
        `out`, or a new array in C order; in training and in inference alike it shares
        memory with x only where `out` does.
    mask : Mask
        ``mask.backward(dy)`` is the gradient.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is accepted; nothing is written, no draw is taken. What a
        variant's own code raises comes after the draw was taken.
    LookupError
        If there is no such variant.
    OverflowError
        If the stream has no draw left.

    Notes
    -----
    A thread can flush subnormal numbers to zero, as after ``torch.set_flush_denormal`` or
    with a library built for fast mathematics. Then subnormal elements of float32, float64
    and bfloat16 become 0 here, as in all its arithmetic; those of float16 stay. Decisions
    and all other elements stay the same to the bit.

    Of a block a planned variant costs what the block costs. A variant that decides for an array as
    a whole does so for all of it, and keeps the block's part. One that computes by itself, or has a
    rule of its own for inference, is refused: it may need elements outside of the block.

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
    """`dropout` by position, `options` in a dict: a call by name costs a layer as much as this."""
    cdef Runner runner
    cdef tuple others = (), block = None
    cdef double value
    cdef bint train, store_bits
    cdef cnp.ndarray array = accepted("x", x)
    if type(variant) is not str and isinstance(variant, str):
        variant = str.__str__(variant)
    if options:
        for name in inputs_of(variant)[1:]:  # they come by name, among the options
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


cdef dict inputs_by_name = {}  # of the variants that take more than x


cdef tuple inputs_of(object variant):
    if type(variant) is not str:
        return getattr(variant, "inputs", ("x",))
    if variant not in inputs_by_name:
        inputs_by_name[variant] = registry().variant_class(variant).inputs
    return inputs_by_name[variant]


def keep_mask(shape, p, *, rng=None, packed=False, start=0, shard=None):
    """Only the decisions of standard dropout: True where kept.

    Parameters
    ----------
    shape : int or tuple of int
    p : float
        The probability that an element is dropped, in [0, 1].
    rng : optional
        As for `dropout`.
    packed : bool, default: False
        One bit a decision, ``numpy.packbits(keep, bitorder="little")``, instead of a
        bool array.
    start : int, default: 0
        The first decision's place in a larger mask, so that pieces can be made apart,
        of one Draw.
    shard : (global_shape, offsets), optional
        As for `dropout`: the mask of a block of `shape`, in a larger one. Instead of `start`.

    Returns
    -------
    numpy.ndarray
        bool of `shape`, or uint8 of ``(size + 7) // 8``.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As for `dropout`; also if ``start + size`` is above 2**63.

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
