# Mask: the decisions of one forward pass. Runner: the interface of the objects that run variants.
# A. A Mask holds the decisions, and computes nothing itself. It is immutable.
# B. A Runner runs one variant. Each kind of variant has a module in runners/, which passes its
#    subclass of Runner to `register_runner`. Only `runner_of` chooses a class for a variant.
# C. A pickle of a Mask leaves out the plan, which is made again. If the mask has a draw, the pickle
#    also leaves out the bits, which are made again from the draw.

cimport cython
cimport numpy as cnp

from dropcore._core.arguments cimport accepted, check_shape, checked_shape, probability
from dropcore._core.bits cimport decisions_of, unpacked
from dropcore._core.plan cimport ShapedPlan
from dropcore._core.shard cimport checked_shard
from dropcore._core.table cimport DrawAddress
from dropcore.draw cimport Draw, draw_of

from dropcore import records
from dropcore.plugins import get_variant

cnp.import_array()


cpdef double p_for(object variant, object p) except? -1.0:
    """`p` as a float, if it is in the variant's domain."""
    cdef double value = probability(p)
    domain = variant.p_domain if value == 0 or value == 1 else "[]"  # 0 < p < 1 is in every domain
    if (value == 0 and domain[0] == "(") or (value == 1 and domain[-1] == ")"):
        raise ValueError(f"p must be in {domain} for variant {variant.name!r}, not {p!r}")
    return value


# -------------------------------------------------------------------- runners

cdef class Runner:
    # x and dy are checked before a call; in methods with an argument `mask`, their shape too. The
    # methods check `others` (the inputs after x) and `out`. A subclass overrides what it supports.

    def __cinit__(self, variant):
        self.variant = variant
        self.inputs = getattr(variant, "inputs", ())
        self.training = True

    cdef tuple drop(
        self, cnp.ndarray x, tuple others, double p, object out, object rng, bint store, tuple shard
    ):
        # Returns y and its mask; `shard` may be None. The draw is taken after all checks; for a
        # planned variant, also after all arrays were allocated (stream.pyx, B).
        raise NotImplementedError

    cdef object again(self, Mask mask, cnp.ndarray x, tuple others, object out):
        # Returns y, computed with the decisions of the mask.
        raise NotImplementedError

    cdef object backward(self, Mask mask, cnp.ndarray dy, object out):
        # Returns the gradient of x, or a tuple of gradients if there are several inputs.
        raise NotImplementedError

    cdef cnp.ndarray decisions(self, Mask mask):
        # Returns the packed decisions, in C order of keep.shape: the mask's array or a new one.
        raise TypeError(f"variant must be a variant with keep decisions, not {self.variant.name!r}")

    cdef tuple mask_shape(self, Mask mask):
        return mask.shape

    cdef Mask from_keep(self, double p, tuple shape, cnp.ndarray keep):
        raise TypeError(f"variant must be a planned one, not {self.variant.name!r}")

    cdef Mask restored(
        self, double p, tuple shape, Draw draw, object bits, tuple mask_shape, tuple saved,
        tuple shard,
    ):
        # Returns the mask that a record or a pickle describes.
        raise NotImplementedError

    cdef tuple held(self, Mask mask):
        # Returns the stored arrays that backward needs.
        raise NotImplementedError

    cdef Mask joined(self, Mask bare, tuple held):
        # Returns the mask made of `bare` and `held`.
        raise NotImplementedError


cdef tuple shard_for(Runner runner, object shard, tuple shape):
    # `shard` as tuples of int. Raises if the variant takes no shard, or if the shard does not fit.
    if not runner.variant.takes_shard(runner.training):
        raise TypeError(
            f"shard must be None for variant {runner.variant.name!r}, "
            f"training={bool(runner.training)}, not {shard!r}: its rule may need the whole array"
        )
    return checked_shard(shard, "x", shape)


cdef Runner no_runner = Runner(None)  # for an empty Mask, which a broken pickle can make
cdef list kinds = []  # pairs: a base class of variants, the class of Runner for them
cdef type inference = None  # the class of Runner for inference, of any variant


cdef int register_runner(object kind, type runner) except -1:
    # `kind` is None for the Runner of inference.
    global inference
    if kind is None:
        inference = runner
    else:
        kinds.append((kind, runner))
    return 0


cdef Runner runner_of(object variant):
    cdef Runner found
    for kind, runner in kinds:
        if isinstance(variant, kind):
            found = runner(variant)
            found.inference = inference(variant)
            return found
    raise TypeError(f"variant must be planned, deciding or free, not {variant!r}")


# ---------------------------------------------------------------------- masks

cdef Mask remember(
    Runner runner, double p, tuple shape, const DrawAddress* draw, ShapedPlan plan, object bits,
    tuple saved, tuple shard,
):
    # `draw` may be NULL; `plan`, `bits` and `shard` may be None.
    cdef Mask mask = Mask.__new__(Mask)
    mask.runner = runner
    mask.p = p
    mask.shape = shape
    mask.has_draw = draw != NULL
    if draw != NULL:
        mask.address = draw[0]
    mask.plan = plan
    mask.bits = bits
    mask.saved = saved
    mask.shard = shard
    return mask


@cython.final
@cython.freelist(16)
cdef class Mask:
    """Mask(never, /)\n--\n\nThe decisions of one forward pass.

    `dropcore.dropout` and the layers return a Mask; `Mask.from_keep` makes one from your own
    decisions, `Mask.from_record` one from a record. A Mask is immutable.

    Attributes
    ----------
    draw : Draw or None
        The address of the decisions. None in a mask from inference or from `from_keep`.
    p : float
        The probability that an element is dropped.
    shape : tuple of int
        The shape of x.
    shard : tuple or None
        ``(global_shape, offsets)`` if x is a block of a larger array, otherwise None.
    variant : Variant
        The variant with its options.
    training : bool
        True for a mask from training, whatever p is; False for a mask from inference.
    keep : numpy.ndarray
        True where kept: a new bool array at each access. An axis along which decisions are
        shared has length 1, so the array broadcasts to x. In inference all elements are kept. The
        mask of a free variant has no decisions: in training `keep` and `packed` raise TypeError.
    packed : numpy.ndarray
        ``numpy.packbits(keep, bitorder="little")``: one bit for each decision, in C order.

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

    def __cinit__(self):
        self.runner, self.shape = no_runner, ()

    def __init__(self):
        raise TypeError(
            "a Mask comes from dropout(), a layer, Mask.from_keep() or Mask.from_record()"
        )

    @staticmethod
    def from_keep(keep, p, *, shape=None, variant="standard", **options):
        """A mask made of your own decisions.

        Parameters
        ----------
        keep : array_like of bool, or of 0 and 1
            True where kept.
        p : float
            The probability from which scale and shift are computed; `keep` may have another rate.
        shape : tuple of int, optional
            The shape of x; by default the shape of `keep`. Along an axis where `keep` has length 1
            and x does not, elements share a decision.
        variant : str or Variant, default: "standard"
            A planned variant. Pass its options by name.

        Returns
        -------
        Mask
            With a copy of the decisions.

        Raises
        ------
        TypeError, ValueError
            If `keep` has other values than 0 and 1, or does not fit `shape`; if the variant is not
            planned, or does not accept p.
        """
        cdef Runner runner = runner_of(get_variant(variant, **options))
        cdef double value = p_for(runner.variant, p)
        cdef cnp.ndarray decisions = decisions_of(keep)
        shape = (<object> decisions).shape if shape is None else checked_shape(shape)
        return runner.from_keep(value, shape, decisions)

    def forward(self, *inputs, out=None):
        """Apply the same decisions to another x.

        Parameters
        ----------
        *inputs : array_like
            x, and further inputs in the order of ``variant.inputs``. Each has the shape that x had
            in the forward pass (`Mask.shape`), and a dtype that `dropout` accepts.
        out : numpy.ndarray, optional
            As for `dropout`.

        Returns
        -------
        numpy.ndarray
            `out`, or a new array in C order.
        """
        cdef cnp.ndarray x
        if len(inputs) != len(self.runner.inputs):
            raise TypeError(
                f"inputs must be {', '.join(self.runner.inputs)} for variant "
                f"{self.runner.variant.name!r}, not {len(inputs)} arrays"
            )
        x = accepted("x", inputs[0])
        check_shape("x", x, self.shape)
        return self.runner.again(self, x, inputs[1:], out)

    def backward(self, dy, *, out=None):
        """The gradient of x, computed from the gradient of y.

        Backward uses the decisions of the forward pass; it does not look for zeros in y. The
        gradient of a dropped element is +0.0, whatever the value of dy.

        Parameters
        ----------
        dy : array_like
            The gradient of y: of the shape of x, and of a dtype that `dropout` accepts.
        out : numpy.ndarray, optional
            As for `dropout`, with dy in place of x. Only for a variant with one input.

        Returns
        -------
        numpy.ndarray or tuple of numpy.ndarray
            `out`, or a new array in C order. If the variant has several inputs, a tuple with the
            gradient of each input, in the order of ``variant.inputs``.
        """
        cdef cnp.ndarray array
        if out is not None and len(self.runner.inputs) > 1:
            raise TypeError(
                f"out must be None for variant {self.runner.variant.name!r} of several inputs, "
                f"not {type(out).__name__}"
            )
        array = accepted("dy", dy)
        check_shape("dy", array, self.shape)
        return self.runner.backward(self, array, out)

    def split(self):
        """The stored arrays that backward needs, and a function that rebuilds the mask from them.

        For frameworks that hold these arrays themselves, and free them after the last backward.

        Returns
        -------
        held : tuple
            The packed decisions, if the mask stores them; for a free variant, the arrays that
            its forward saved. The mask still uses these arrays: do not write to them.
        join : callable
            ``join(held)`` returns the mask again; `join` itself holds no array.

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
        cdef const DrawAddress* draw = &self.address if self.has_draw else NULL
        cdef Mask bare = remember(
            self.runner, self.p, self.shape, draw, self.plan, None, (), self.shard
        )
        return self.runner.held(self), bare._join

    def _join(self, held):
        if not isinstance(held, (tuple, list)):
            raise TypeError(f"held must be a tuple of arrays, as split() gave it, not {held!r}")
        return self.runner.joined(self, tuple(held))

    @property
    def variant(self):
        return self.runner.variant

    @property
    def training(self):
        return bool(self.runner.training)

    @property
    def draw(self):
        return draw_of(self.address) if self.has_draw else None

    @property
    def packed(self):
        bits = self.runner.decisions(self)
        return bits if self.bits is None else bits.copy()

    @property
    def keep(self):
        return unpacked(self.runner.decisions(self), self.runner.mask_shape(self))

    def __repr__(self):
        where = f"draw={str(self.draw)!r}" if self.has_draw else f"training={self.training}"
        shard = f" shard={self.shard}" if self.shard is not None else ""
        return f"<Mask {self.variant!r} p={self.p} shape={self.shape}{shard} {where}>"

    def record(self):
        """Plain data for JSON, from which `from_record` makes this mask again.

        Returns
        -------
        dict
            Stream version, draw, p, shape, variant, options, and the shard if there is one.

        Raises
        ------
        TypeError
            If the mask comes from `from_keep`, so it has no draw. Save `packed` instead.

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
        return records.record_of(self.variant, self.p, self.shape, self.draw, self.shard)

    @staticmethod
    def from_record(record):
        """The mask that a record describes.

        If a free variant saves arrays for backward, its record does not contain these arrays. So
        the mask made from this record can run forward, but not backward.

        Parameters
        ----------
        record : dict

        Raises
        ------
        TypeError, ValueError, LookupError
            If `record` is broken or has another stream version, or its variant is not installed.
        """
        variant, p, shape, draw, shard = records.read(record)
        return _rebuild(variant, p, shape, draw, draw is not None, None, None, None, shard)

    def __reduce__(self):
        bits = None if self.has_draw else self.bits
        mask_shape = None if bits is None else self.runner.mask_shape(self)
        return _rebuild, (
            self.variant, self.p, self.shape, self.draw, self.training, bits, mask_shape,
            self.saved, self.shard,
        )


def _rebuild(variant, p, shape, draw, training, bits, mask_shape, saved, shard=None):
    cdef Runner runner = runner_of(variant)
    p = p_for(variant, p)
    runner = runner if training else runner.inference
    shape = checked_shape(shape)
    if shard is not None:
        shard = shard_for(runner, shard, shape)
    return runner.restored(p, shape, draw, bits, mask_shape, saved or (), shard)
