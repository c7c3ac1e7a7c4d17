# Mask: what was dropped in one forward pass, to run it again and to run it backward.
#
# A. Of a planned variant the core does everything: fused where each element has its
#    own decision and no bits are there, else bits first, then a select.
# B. Of a free variant the mask keeps what the variant saved, and hands it arrays that
#    are C-contiguous, float32 or float64, and read-only.
# C. A draw is taken after every check and allocation: a failed call takes none, but
#    where a variant's own code fails, which needs the draw to run.
# D. Pickles hold the variant by its class and the decisions by their draw; bits are
#    pickled only where there is no draw to make them from.

cimport cython
cimport numpy as cnp
import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from dropcore._core cimport apply
from dropcore._core.arrays cimport (
    as_array, check_out, check_shape, dtype_of, empty_like, probability,
)
from dropcore._core.layout cimport Layout, is_dense, lie_alike, nest_of
from dropcore._core.table cimport FLOAT32, FLOAT64, Affine, Dtype, Nest
from dropcore.stream cimport Draw, draw_of, take_draw

from dropcore.plugins import get_variant
from dropcore.stream import STREAM_VERSION, check_version
from dropcore.variants.base import MAX_AXES, DecidingVariant, PlannedVariant, Variant

cnp.import_array()


cpdef double p_for(object variant, object p) except? -1.0:
    """`p` as a float, if it is in the variant's domain."""
    cdef double value = probability(p)
    domain = variant.p_domain
    if (value == 0 and domain[0] == "(") or (value == 1 and domain[-1] == ")"):
        raise ValueError(f"p must be in {domain} for variant {variant.name!r}, not {p!r}")
    return value


# ---------------------------------------------------------------------- plans

@cython.final
cdef class ShapedPlan:
    # A Plan made ready for arrays of one shape.
    pass


cdef ShapedPlan shaped_plan(object plan, tuple shape):
    cdef ShapedPlan ready = ShapedPlan.__new__(ShapedPlan)
    ready.layout = Layout(
        shape, normalize_axis_tuple(plan.shared_axes, len(shape), argname="shared_axes")
    )
    set_affines(ready, plan)
    return ready


cdef int set_affines(ShapedPlan ready, object plan) except -1:
    ready.forward = Affine(scale=plan.scale, shift=plan.shift, drop=plan.drop)
    ready.backward = Affine(scale=plan.scale, shift=0, drop=0)
    return 0


cdef ShapedPlan decided_plan(object variant, double p, tuple shape, cnp.ndarray keep):
    # The plan of a deciding variant, for the decisions it made.
    cdef ShapedPlan ready = ShapedPlan.__new__(ShapedPlan)
    ready.layout = layout_of("keep", (<object> keep).shape, shape)
    set_affines(ready, variant.plan(p, shape, keep))
    return ready


cdef Layout layout_of(str name, tuple mask_shape, tuple shape):
    # Decisions that broadcast to an array: an axis of length 1 is shared.
    if len(mask_shape) != len(shape) or any(
        [length not in (1, whole) for length, whole in zip(mask_shape, shape)]
    ):
        raise ValueError(
            f"{name} must have an axis for each of shape {shape}, of its length or 1, "
            f"not shape {mask_shape}"
        )
    return Layout(
        shape, tuple([axis for axis, length in enumerate(mask_shape) if length != shape[axis]])
    )


# ---------------------------------------------------------------------- masks

cdef Mask new_mask(object variant, double p, tuple shape, bint training, ShapedPlan plan):
    cdef Mask mask = Mask.__new__(Mask)
    mask.variant = variant
    mask.p = p
    mask.shape = shape
    mask.training = training
    mask.plan = plan
    return mask


@cython.final
cdef class Mask:
    """What was dropped in one forward pass.

    `dropcore.dropout` and the layers give it; `Mask.from_keep` makes one of decisions
    that you bring, `Mask.from_record` one of a record. It does not change.

    Attributes
    ----------
    draw : Draw or None
        The address of the decisions. None in inference, and for decisions from
        `from_keep`.
    p : float
        The probability that an element is dropped.
    shape : tuple of int
        The shape of x.
    variant : Variant
        With its options.
    training : bool
        Whether anything could be dropped; False for a mask from inference.
    keep : numpy.ndarray
        True where kept, made on demand as a new bool array of the mask's own shape: an
        axis along which decisions are shared has length 1, so it broadcasts to x.
    packed : numpy.ndarray
        The same, one bit an element in C order: ``numpy.packbits(keep,
        bitorder="little")``.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> x = np.array([0.36, 0.13, 0.42, 0.25])
    >>> mask = dropcore.Mask.from_keep([1, 0, 1, 0], p=0.5)
    >>> mask.forward(x)
    array([0.72, 0.  , 0.84, 0.  ])
    >>> mask.backward(np.array([0.3, -0.1, 0.2, -0.05]))
    array([0.6, 0. , 0.4, 0. ])
    """

    def __init__(self):
        raise TypeError(
            "a Mask comes from dropout(), a layer, Mask.from_keep() or Mask.from_record()"
        )

    @staticmethod
    def from_keep(keep, p, *, shape=None, variant="standard", **options):
        """A mask of decisions that you bring.

        Parameters
        ----------
        keep : array_like of bool, or of 0 and 1
            True where kept.
        p : float
            The probability that the scale makes up for.
        shape : tuple of int, optional
            The shape of x, where `keep` has axes of length 1 that are shared. By
            default the shape of `keep`.
        variant : str or Variant, default: "standard"
            A planned variant; its options follow by name.

        Returns
        -------
        Mask
            With a copy of the decisions.

        Raises
        ------
        TypeError, ValueError
            If `keep` has other values, or does not fit `shape`; if the variant has no such p.
        """
        cdef ShapedPlan plan
        cdef Mask mask
        variant = get_variant(variant, **options)
        p = p_for(variant, p)
        if not isinstance(variant, PlannedVariant):
            raise TypeError(f"variant must be a planned one, not {variant.name!r}")
        decisions = as_array("keep", keep)
        if decisions.dtype != bool:
            numbers = np.issubdtype(decisions.dtype, np.number)
            if not numbers or not np.isin(decisions, (0, 1)).all():
                raise TypeError(f"keep must be bool, or 0 and 1, not {keep!r}")
            decisions = decisions.astype(bool)
        shape = decisions.shape if shape is None else _shape(shape)
        plan = shaped_plan(variant.plan(p, shape), shape)
        plan.layout = layout_of("keep", decisions.shape, shape)
        mask = new_mask(variant, p, shape, True, plan)
        mask.bits = np.packbits(decisions, bitorder="little")
        return mask

    # ------------------------------------------------------------ run it

    def forward(self, *inputs, out=None):
        """The same decisions, on another x.

        Parameters
        ----------
        *inputs : array_like
            x, and further inputs in the order of ``variant.inputs``, each of the
            mask's shape and of a dtype that `dropout` takes.
        out : numpy.ndarray, optional
            As for `dropout`.

        Returns
        -------
        numpy.ndarray
            `out`, or a new array in C order.
        """
        if len(inputs) != len(self.variant.inputs):
            raise TypeError(
                f"forward takes {', '.join(self.variant.inputs)} for variant "
                f"{self.variant.name!r}, not {len(inputs)} arrays"
            )
        if not self.training:
            return self.infer(inputs, out)
        if self.plan is None:
            return self.free_forward(inputs, out, None, False)
        return self.through("x", inputs[0], out, self.plan.forward)

    def backward(self, dy, *, out=None):
        """The gradient of x, given that of y.

        The decisions are those of the forward pass, never inferred from zeros; where an
        element was dropped the gradient is +0.0, whatever dy is there.

        Parameters
        ----------
        dy : array_like
            Of the mask's shape, and of a dtype that `dropout` takes.
        out : numpy.ndarray, optional
            As for `dropout`: it may be dy itself. Only for a variant of one input.

        Returns
        -------
        numpy.ndarray or tuple of numpy.ndarray
            `out`, or a new array in C order; one for each input, in their order, where
            the variant has several.
        """
        if out is not None and len(self.variant.inputs) > 1:
            raise TypeError(
                f"out is not taken by variant {self.variant.name!r}, which has several inputs"
            )
        if not self.training:
            return self.infer_backward(dy, out)
        if self.plan is None:
            return self.free_backward(dy, out)
        return self.through("dy", dy, out, self.plan.backward)

    cdef object first_forward(self, tuple inputs, object out, object rng, bint store):
        # Takes the draw, and may keep the bits.
        if not self.training:
            return self.infer(inputs, out)
        if self.plan is None:
            if isinstance(self.variant, DecidingVariant):
                return self.decided_forward(inputs[0], out, rng)
            return self.free_forward(inputs, out, rng, True)
        return self.planned_forward(inputs[0], out, rng, store)

    # ---------------------------------------------------- by the core

    cdef object planned_forward(self, object value, object out, object rng, bint store):
        cdef cnp.ndarray x = as_array("x", value), source, target
        cdef Dtype dtype = dtype_of("x", x)
        cdef Layout layout = self.plan.layout
        cdef Nest own
        cdef const Nest* nest
        cdef cnp.ndarray bits = None, room
        target = target_for("x", x, out)
        nest = nest_of(layout, target, &own)
        room = apply.room_for(nest)
        if store or not is_fused(nest):
            bits = empty_bits(layout.decisions)
        self.address = take_draw(rng)
        self.has_draw = True
        source = source_for(x, target)
        if is_fused(nest):
            apply.forward(&self.address, self.p, self.plan.forward, dtype, source, target, bits)
        else:
            apply.keep_bits(&self.address, self.p, 0, layout.decisions, bits)
            apply.select(bits, nest, room, self.plan.forward, dtype, source, target)
        if store:
            self.bits = bits
        return finish(target, out)

    cdef object decided_forward(self, object value, object out, object rng):
        cdef cnp.ndarray x = as_array("x", value), source, target
        cdef Dtype dtype = dtype_of("x", x)
        cdef Nest own
        cdef const Nest* nest
        self.variant.independent_unit(self.shape)  # raises for a rank it does not read
        target = target_for("x", x, out)
        self.address = take_draw(rng)
        self.has_draw = True
        self.decide()
        source = source_for(x, target)
        nest = nest_of(self.plan.layout, target, &own)
        room = apply.room_for(nest)
        apply.select(self.bits, nest, room, self.plan.forward, dtype, source, target)
        return finish(target, out)

    cdef int decide(self) except -1:
        keep = np.asarray(self.variant.decide(draw_of(self.address), self.p, self.shape))
        if keep.dtype != bool:
            raise TypeError(
                f"variant {self.variant.name!r} must decide with an array of bool, "
                f"not of {keep.dtype}"
            )
        self.plan = decided_plan(self.variant, self.p, self.shape, keep)
        self.bits = np.packbits(keep, bitorder="little")
        return 0

    cdef object through(self, str name, object value, object out, Affine affine):
        cdef cnp.ndarray x = as_array(name, value), source, target
        cdef Dtype dtype = dtype_of(name, x)
        cdef Nest own
        cdef const Nest* nest
        check_shape(name, x, self.shape)
        target = target_for(name, x, out)
        source = source_for(x, target)
        nest = nest_of(self.plan.layout, target, &own)
        if self.bits is None and is_fused(nest):
            apply.forward(&self.address, self.p, affine, dtype, source, target, None)
        else:
            room = apply.room_for(nest)
            apply.select(self.decisions(), nest, room, affine, dtype, source, target)
        return finish(target, out)

    cdef cnp.ndarray decisions(self):
        # Packed, in the mask's own shape; the mask's own array or a new one.
        cdef cnp.ndarray bits
        if self.bits is not None:
            return self.bits
        if self.plan is None:
            if not self.training:
                return all_kept(self.shape)
            raise TypeError(f"variant {self.variant.name!r} has no keep decisions")
        bits = empty_bits(self.plan.layout.decisions)
        apply.keep_bits(&self.address, self.p, 0, self.plan.layout.decisions, bits)
        return bits

    # ---------------------------------------- by the variant's own rules

    cdef object infer(self, tuple inputs, object out):
        cdef cnp.ndarray x = as_array("x", inputs[0])
        cdef cnp.ndarray target
        dtype_of("x", x)
        check_shape("x", x, self.shape)
        target = target_for("x", x, out)
        if type(self.variant).infer is Variant.infer:
            np.copyto(target, x)
        else:
            put(target, self.result(self.variant.infer(self.p, *self.computing(inputs))))
        return finish(target, out)

    cdef object infer_backward(self, object value, object out):
        cdef cnp.ndarray dy = as_array("dy", value)
        cdef cnp.ndarray target
        dtype_of("dy", dy)
        check_shape("dy", dy, self.shape)
        if type(self.variant).infer_backward is Variant.infer_backward:
            target = target_for("dy", dy, out)
            np.copyto(target, dy)
            return finish(target, out)
        (wide,) = self.computing((dy,))
        return self.gradients(dy, self.variant.infer_backward(self.p, wide), out)

    cdef object free_forward(self, tuple inputs, object out, object rng, bint first):
        cdef cnp.ndarray x = as_array("x", inputs[0])
        cdef cnp.ndarray target
        dtype_of("x", x)
        check_shape("x", x, self.shape)
        target = target_for("x", x, out)
        inputs = self.computing(inputs)
        if first:
            self.variant.independent_unit(self.shape)  # raises for a rank it does not read
            self.address = take_draw(rng)
            self.has_draw = True
        y, saved = self.variant.forward(draw_of(self.address), self.p, *inputs)
        put(target, self.result(y))
        if first:
            self.saved = tuple(saved)
        return finish(target, out)

    cdef object free_backward(self, object value, object out):
        cdef cnp.ndarray dy = as_array("dy", value)
        dtype_of("dy", dy)
        check_shape("dy", dy, self.shape)
        (wide,) = self.computing((dy,))
        gradient = self.variant.backward(draw_of(self.address), self.p, wide, *self.saved)
        return self.gradients(dy, gradient, out)

    cdef tuple computing(self, tuple arrays):
        # As a variant sees them: C order, float32 or float64, not to be written.
        cdef Dtype dtype
        ready = []
        for name, value in zip(self.variant.inputs, arrays):
            array = as_array(name, value)
            dtype = dtype_of(name, array)
            check_shape(name, array, self.shape)
            if ready and array.dtype != first:
                raise TypeError(f"{name} must have the dtype of x, {first}, not {array.dtype}")
            first = array.dtype
            if dtype != FLOAT32 and dtype != FLOAT64:
                array = array.astype(np.float32)
            view = np.require(array, requirements=["C", "A"]).view()
            view.flags.writeable = False
            ready.append(view)
        return tuple(ready)

    cdef object result(self, object array):
        if isinstance(array, np.generic):  # what NumPy makes of 0-d arrays
            array = np.asarray(array)
        if not isinstance(array, np.ndarray) or array.shape != self.shape:
            raise TypeError(
                f"variant {self.variant.name!r} must give an array of shape {self.shape}, "
                f"not {getattr(array, 'shape', array)!r}"
            )
        if array.dtype not in (np.float32, np.float64):
            raise TypeError(
                f"variant {self.variant.name!r} must give an array of the dtype it was given, "
                f"not {array.dtype}"
            )
        return array

    cdef object gradients(self, cnp.ndarray dy, object gradient, object out):
        cdef cnp.ndarray target
        several = len(self.variant.inputs) > 1
        if several != isinstance(gradient, tuple) or (
            several and len(gradient) != len(self.variant.inputs)
        ):
            raise TypeError(
                f"variant {self.variant.name!r} must give a gradient for each of "
                f"{', '.join(self.variant.inputs)}, not {gradient!r}"
            )
        targets = [target_for("dy", dy, out) for _ in self.variant.inputs]
        for target, each in zip(targets, gradient if several else (gradient,)):
            put(target, self.result(each))
        return tuple(targets) if several else finish(targets[0], out)

    # ------------------------------------------------- take it apart

    def split(self):
        """What backward needs and the mask's address does not say, and how to join it again.

        For a framework that holds arrays itself, and frees them when no gradient can be asked
        for any more.

        Returns
        -------
        held : tuple
            The packed decisions, as kept by ``store="bits"``; of a variant with a backward of
            its own what that saved, most often arrays. They are the mask's own: not to be written.
        join : callable
            ``join(held)`` is this mask; it holds none of them itself.

        Examples
        --------
        >>> import dropcore, numpy as np
        >>> y, mask = dropcore.dropout(np.ones(9), p=0.5, training=True, rng=0)
        >>> held, join = mask.split()
        >>> [array.nbytes for array in held]
        [2]
        >>> bool((join(held).backward(np.ones(9)) == y).all())
        True
        """
        cdef Mask bare = new_mask(self.variant, self.p, self.shape, self.training, self.plan)
        bare.has_draw = self.has_draw
        bare.address = self.address
        return (self.saved or ()) if self.bits is None else (self.bits,), bare._join

    def _join(self, held):
        cdef Mask mask = new_mask(self.variant, self.p, self.shape, self.training, self.plan)
        mask.has_draw = self.has_draw
        mask.address = self.address
        if self.plan is None:
            mask.saved = tuple(held)
        elif held or not self.has_draw or not isinstance(self.variant, PlannedVariant):
            (mask.bits,) = held
            check_bits(mask.bits, self.plan.layout)
        return mask

    # ------------------------------------------------------ look at it

    @property
    def draw(self):
        return draw_of(self.address) if self.has_draw else None

    @property
    def packed(self):
        bits = self.decisions()
        return bits.copy() if bits is self.bits else bits

    @property
    def keep(self):
        cdef cnp.ndarray bits = self.decisions()
        keep = np.empty(self.plan.layout.mask_shape if self.plan is not None else self.shape, bool)
        unpack(bits, keep)
        return keep

    def __repr__(self):
        where = f"draw={str(self.draw)!r}" if self.has_draw else f"training={bool(self.training)}"
        return f"<Mask {self.variant!r} p={self.p} shape={self.shape} {where}>"

    # ---------------------------------------------------------- save it

    def record(self):
        """A JSON-able dict from which `from_record` makes this mask again.

        Returns
        -------
        dict
            Stream version, draw, p, shape, variant and options.

        Raises
        ------
        TypeError
            If the mask has no draw to record: decisions of `from_keep`. Save `packed`.

        Examples
        --------
        >>> import dropcore, json, numpy as np
        >>> y, mask = dropcore.dropout(np.ones(5), p=0.5, training=True, rng=dropcore.Stream(1))
        >>> line = json.dumps(mask.record())
        >>> again = dropcore.Mask.from_record(json.loads(line))
        >>> bool((again.forward(np.ones(5)) == y).all())
        True
        """
        if self.training and not self.has_draw:
            raise TypeError(
                "a Mask from from_keep has no draw to record; save its `packed` instead"
            )
        return {
            "stream_version": STREAM_VERSION,
            "draw": str(self.draw) if self.has_draw else None,
            "p": self.p,
            "shape": list(self.shape),
            "variant": self.variant.name,
            "options": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in self.variant.options().items()
            },
        }

    @staticmethod
    def from_record(record):
        """The mask that `record` wrote.

        A free variant that saves what it computed from x can run forward again, not
        backward.

        Parameters
        ----------
        record : dict

        Returns
        -------
        Mask

        Raises
        ------
        TypeError, ValueError
            If `record` is broken, or of another stream version.
        LookupError
            If its variant is not installed.
        """
        check_version("record", record)
        expected = {"stream_version", "draw", "p", "shape", "variant", "options"}
        if set(record) != expected:
            raise ValueError(f"record must have the keys {sorted(expected)}, not {list(record)}")
        if not isinstance(record["variant"], str):
            raise TypeError(f"record['variant'] must be a str, not {record['variant']!r}")
        if not isinstance(record["options"], dict):
            raise TypeError(f"record['options'] must be a dict, not {record['options']!r}")
        if not isinstance(record["draw"], (str, type(None))):
            raise TypeError(f"record['draw'] must be a str or None, not {record['draw']!r}")
        draw = None if record["draw"] is None else Draw.parse(record["draw"])
        variant = get_variant(record["variant"], **record["options"])
        return _rebuild(
            variant, p_for(variant, record["p"]), _shape(record["shape"]), draw,
            draw is not None, None, None, None,
        )

    def __reduce__(self):
        bits = None if self.has_draw else self.bits
        mask_shape = None if bits is None else self.plan.layout.mask_shape
        return _rebuild, (
            self.variant, self.p, self.shape, self.draw, bool(self.training), bits, mask_shape,
            self.saved,
        )


def _rebuild(variant, p, shape, draw, training, bits, mask_shape, saved):
    cdef Mask mask = new_mask(variant, p, _shape(shape), training, None)
    mask.saved = saved or ()
    if draw is not None:
        mask.address = (<Draw> draw).address
        mask.has_draw = True
    if training and isinstance(variant, PlannedVariant):
        mask.plan = shaped_plan(variant.plan(p, shape), shape)
        if bits is not None:
            mask.plan.layout = layout_of("keep", mask_shape, shape)
            mask.bits = np.ascontiguousarray(bits)
            check_bits(mask.bits, mask.plan.layout)
    elif training and isinstance(variant, DecidingVariant):
        mask.decide()
    return mask


# -------------------------------------------------------------------- buffers

cdef inline cnp.ndarray empty_bits(Py_ssize_t decisions):
    cdef cnp.npy_intp size = (decisions + 7) >> 3
    return cnp.PyArray_EMPTY(1, &size, cnp.NPY_UINT8, 0)


cdef int check_bits(cnp.ndarray bits, Layout layout) except -1:
    if (
        cnp.PyArray_TYPE(bits) != cnp.NPY_UINT8 or not cnp.PyArray_IS_C_CONTIGUOUS(bits)
        or (<object> bits).shape != ((layout.decisions + 7) >> 3,)
    ):
        raise ValueError(f"bits must be those of keep decisions of shape {layout.mask_shape}")
    return 0


cdef int unpack(
    cnp.ndarray bits,  # IN
    cnp.ndarray keep,  # OUT: bool, in C order
) except -1:
    # In pieces, so that no second array of the size of `keep` is made.
    flat = keep.reshape(-1)
    for first in range(0, flat.size, 1 << 20):
        piece = flat[first:first + (1 << 20)]
        piece[:] = np.unpackbits(bits[first >> 3:], count=piece.size, bitorder="little")
    return 0


cdef cnp.ndarray all_kept(tuple shape):
    return np.packbits(np.ones(shape, bool), bitorder="little")


cdef cnp.ndarray target_for(str name, cnp.ndarray x, object out):
    # Where the kernels write: `out` where they can, else a new array.
    if out is None:
        return empty_like(x)
    check_out(x, name, out)
    if not is_dense(out):
        return empty_like(x)
    return out if type(out) is np.ndarray else out.view(np.ndarray)


cdef cnp.ndarray source_for(cnp.ndarray x, cnp.ndarray target):
    # What the kernels read: x where it lies as the target does, else its copy in the target.
    if cnp.PyArray_ISALIGNED(x) and lie_alike(x, target):
        return x
    np.copyto(target, x)
    return target


cdef inline bint is_fused(const Nest* nest) noexcept:
    # Whether decisions can be used as they are made.
    return nest.dense and not nest.reordered


cdef int put(cnp.ndarray target, cnp.ndarray result) except -1:
    # Rounded once; past the half types' range it is inf, as the kernels give it.
    with np.errstate(over="ignore"):
        np.copyto(target, result, casting="unsafe")
    return 0


cdef object finish(cnp.ndarray target, object out):
    if out is None or out is target:
        return target
    np.copyto(out, target)
    return out


def _shape(shape):
    if not isinstance(shape, (tuple, list)):
        raise TypeError(f"shape must be a sequence of integers >= 0, not {shape!r}")
    for length in shape:
        if isinstance(length, bool) or not isinstance(length, (int, np.integer)):
            raise TypeError(f"shape must be a sequence of integers >= 0, not {shape!r}")
        if length < 0:
            raise ValueError(f"shape must be a sequence of integers >= 0, not {shape!r}")
    if len(shape) > MAX_AXES:
        raise ValueError(f"shape must have at most {MAX_AXES} axes, not {len(shape)}")
    size = 1
    for length in shape:
        size *= int(length) or 1
    if size >= 2**63:
        raise ValueError(f"shape must have fewer than 2**63 elements, not {shape}")
    return tuple([int(length) for length in shape])
