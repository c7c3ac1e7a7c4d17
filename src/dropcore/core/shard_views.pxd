# A part of `dropcore.core`: the functions over typed memoryviews for the block of a larger array.

cimport cython
from cython cimport floating
from libc.stdint cimport uint8_t, uint16_t

from dropcore._core.api cimport (
    dropcore_draw, dropcore_keep_shard, dropcore_plan, dropcore_shard, dropcore_shard_decisions,
)
from dropcore.core.refusals cimport (
    check_arrays, check_bits, check_draws, check_elements, check_unshared, check_view,
    check_views,
)

# written by tools/write_interface.py: imports
from dropcore._core.api cimport (
    dropcore_forward_shard_bfloat16, dropcore_forward_shard_float16, dropcore_forward_shard_float32,
    dropcore_forward_shard_float64,
)
# end of imports


cdef inline int keep_shard(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, uint8_t[::1] bits,
) except -1 nogil:
    cdef Py_ssize_t n = dropcore_shard_decisions(shard)
    check_view(b"bits", bits is None)
    check_draws(p, 0, n)
    check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        dropcore_keep_shard(draw, p, shard, 0, n, &bits[0])
    return 0


# written by tools/write_interface.py: functions
cdef inline int forward_shard(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, const floating[::1] x,
    floating[::1] y, double scale, double shift=0, double drop=0, uint8_t[::1] bits=None,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_views(b"x", x is None, b"y", y is None)
    check_draws(p, 0, n)
    check_unshared(shard.shared)
    check_elements(dropcore_shard_decisions(shard), n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], 0, n)
        if floating is float:
            dropcore_forward_shard_float32(draw, p, shard, 0, n, &plan, &x[0], &y[0], &bits[0])
        else:
            dropcore_forward_shard_float64(draw, p, shard, 0, n, &plan, &x[0], &y[0], &bits[0])
    return 0


cdef inline int forward_shard_float16(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, const uint16_t[::1] x,
    uint16_t[::1] y, double scale, double shift=0, double drop=0, uint8_t[::1] bits=None,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_views(b"x", x is None, b"y", y is None)
    check_draws(p, 0, n)
    check_unshared(shard.shared)
    check_elements(dropcore_shard_decisions(shard), n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], 0, n)
        dropcore_forward_shard_float16(draw, p, shard, 0, n, &plan, &x[0], &y[0], &bits[0])
    return 0


cdef inline int forward_shard_bfloat16(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, const uint16_t[::1] x,
    uint16_t[::1] y, double scale, double shift=0, double drop=0, uint8_t[::1] bits=None,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_views(b"x", x is None, b"y", y is None)
    check_draws(p, 0, n)
    check_unshared(shard.shared)
    check_elements(dropcore_shard_decisions(shard), n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], 0, n)
        dropcore_forward_shard_bfloat16(draw, p, shard, 0, n, &plan, &x[0], &y[0], &bits[0])
    return 0
# end of functions
