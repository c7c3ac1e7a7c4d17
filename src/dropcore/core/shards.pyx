# The core over buffers for the block of a larger array.

cimport cython
from libc.stdint cimport uint8_t

from numpy.lib.array_utils import normalize_axis_tuple

from dropcore._core.arguments cimport checked_shape, probability
from dropcore._core.layout cimport Sharing
from dropcore._core.shard cimport checked_shard
from dropcore._core.work cimport DROP_SHARD, KEEP_SHARD, Work, execute, new_work
from dropcore.core.buffers cimport (
    Buffer, address_of, bytes_taken, check_apart, plan_of, set_arrays, taken,
)
from dropcore.core.refusals cimport check_bits, check_elements, check_unshared


@cython.final
cdef class Shard:
    """The block of a larger array, and the places of its decisions in the whole mask.

    Parameters
    ----------
    shape : int or tuple of int
        The shape of the block.
    global_shape, offsets : sequence of int
        The shape of the whole array, and the index along each axis at which the block begins.
    shared_axes : int or tuple of int, default: ()
        Axes along which one decision holds for all elements.

    Attributes
    ----------
    decisions : int
        The number of decisions of the block.
    shape, global_shape, offsets, shared_axes : tuple of int
        The arguments as tuples: an int becomes a tuple of one. A negative number in `shared_axes`
        becomes the axis that it stands for.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted, or the block is not within the whole array.

    Examples
    --------
    >>> from dropcore import core
    >>> core.Shard((2, 3), global_shape=(4, 6), offsets=(2, 3)).decisions
    6
    """

    def __init__(self, shape, global_shape, offsets, shared_axes=()):
        shape = checked_shape(shape if isinstance(shape, (tuple, list)) else (shape,))
        shard = checked_shard((global_shape, offsets), "the block", shape)
        shared = normalize_axis_tuple(shared_axes, len(shape), argname="shared_axes")
        self.shape, self.shared_axes = shape, shared
        self.global_shape, self.offsets = shard
        self.places = Sharing(shape, shared, shard).shard

    @property
    def decisions(self):
        return self.places.n * self.places.rows

    def __repr__(self):
        shared = f", shared_axes={self.shared_axes}" if self.shared_axes else ""
        return f"Shard({self.shape}, {self.global_shape}, {self.offsets}{shared})"


cdef Shard as_shard(object shard):
    if type(shard) is not Shard:
        raise TypeError(f"shard must be a dropcore.core.Shard, not {shard!r}")
    return shard


cdef int keep_shard_of(draw, p, shard, bits) except -1:
    cdef Shard block = as_shard(shard)
    cdef Work w = new_work(KEEP_SHARD, block.places.n * block.places.rows)
    cdef Buffer packed
    w.p = probability(p)
    w.draw = address_of(draw)[0]
    w.shard = &block.places
    packed = bytes_taken(bits, True)
    check_bits(packed.length(), w.n)
    w.bits_out = <uint8_t*> packed.view.buf
    return execute(&w, None, None, packed)


cdef int forward_shard_of(int named, draw, p, shard, x, y, scale, shift, drop, bits) except -1:
    cdef Buffer source = taken("x", x, False), target = taken("y", y, True), packed = None
    cdef Shard block = as_shard(shard)
    cdef Work w = new_work(DROP_SHARD, block.places.n * block.places.rows)
    set_arrays(&w, source, target, named)
    check_unshared(block.places.shared)
    check_elements(w.n, source.length())
    w.p = probability(p)
    w.draw = address_of(draw)[0]
    w.shard = &block.places
    w.plan = plan_of(scale, shift, drop)
    if bits is not None:
        packed = bytes_taken(bits, True)
        check_bits(packed.length(), w.n)
        w.bits_out = <uint8_t*> packed.view.buf
        check_apart(source, target, packed, 0, w.n)
    return execute(&w, source, target, packed)
