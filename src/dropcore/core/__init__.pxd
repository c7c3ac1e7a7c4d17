# The compiled core over typed memoryviews: `from dropcore.core cimport forward`. docs/core.md
# explains the functions.
#
# A. The functions are inline. They check p, `start`, `first`, the lengths and the alignment, and
#    that no memoryview is None, except an argument `bits=None`. They also check that x and y do not
#    overlap in part, and that bits share no memory with x or y. Then they call the exported
#    functions over pointers. They allocate nothing and keep no pointer. They run without the GIL,
#    and take the GIL only to raise an error.
# B. float and double share a name. float16 and bfloat16 are both passed as uint16_t, so their
#    functions have the dtype in the name.
# C. In functions without `first`, bits have exactly (n + 7) // 8 bytes for n elements. In functions
#    with `first`, bits may be longer; the function reads a window of them.

cimport cython
from cython cimport floating
from libc.stdint cimport uint8_t, uint16_t, uint64_t

from dropcore._core.api cimport dropcore_draw, dropcore_keep_bits, dropcore_plan
from dropcore.core.refusals cimport (
    check_arrays, check_bits, check_draws, check_shared, check_view, check_views,
    check_window,
)

# written by tools/write_interface.py: imports
from dropcore._core.api cimport (
    dropcore_backward_bfloat16, dropcore_backward_float16, dropcore_backward_float32,
    dropcore_backward_float64, dropcore_forward_bfloat16, dropcore_forward_float16,
    dropcore_forward_float32, dropcore_forward_float64, dropcore_forward_plan_bfloat16,
    dropcore_forward_plan_float16, dropcore_forward_plan_float32, dropcore_forward_plan_float64,
    dropcore_repeat_bfloat16, dropcore_repeat_float16, dropcore_repeat_float32,
    dropcore_repeat_float64, dropcore_select_bfloat16, dropcore_select_float16,
    dropcore_select_float32, dropcore_select_float64, dropcore_tile_bfloat16, dropcore_tile_float16,
    dropcore_tile_float32, dropcore_tile_float64,
)
from dropcore.core.shard_views cimport (
    forward_shard, forward_shard_bfloat16, forward_shard_float16, keep_shard,
)
# end of imports


cdef inline int keep_bits(
    const dropcore_draw* draw, double p, uint8_t[::1] bits, Py_ssize_t n, uint64_t start=0,
) except -1 nogil:
    check_view(b"bits", bits is None)
    check_draws(p, start, n)
    check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        dropcore_keep_bits(draw, p, start, n, &bits[0])
    return 0


# written by tools/write_interface.py: functions
cdef inline int forward(
    const dropcore_draw* draw, double p, const floating[::1] x, floating[::1] y,
    uint8_t[::1] bits=None, uint64_t start=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    check_views(b"x", x is None, b"y", y is None)
    check_draws(p, start, n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], 0, n)
        if floating is float:
            dropcore_forward_float32(draw, p, start, n, &x[0], &y[0], &bits[0])
        else:
            dropcore_forward_float64(draw, p, start, n, &x[0], &y[0], &bits[0])
    return 0


cdef inline int forward_float16(
    const dropcore_draw* draw, double p, const uint16_t[::1] x, uint16_t[::1] y,
    uint8_t[::1] bits=None, uint64_t start=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    check_views(b"x", x is None, b"y", y is None)
    check_draws(p, start, n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], 0, n)
        dropcore_forward_float16(draw, p, start, n, &x[0], &y[0], &bits[0])
    return 0


cdef inline int forward_bfloat16(
    const dropcore_draw* draw, double p, const uint16_t[::1] x, uint16_t[::1] y,
    uint8_t[::1] bits=None, uint64_t start=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    check_views(b"x", x is None, b"y", y is None)
    check_draws(p, start, n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], 0, n)
        dropcore_forward_bfloat16(draw, p, start, n, &x[0], &y[0], &bits[0])
    return 0


cdef inline int backward(
    const dropcore_draw* draw, double p, const floating[::1] dy, floating[::1] dx,
    const uint8_t[::1] bits=None, uint64_t start=0,
) except -1 nogil:
    cdef Py_ssize_t n = dy.shape[0]
    check_views(b"dy", dy is None, b"dx", dx is None)
    check_draws(p, start, n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"dy", b"dx", &dy[0], n, &dx[0], dx.shape[0], sizeof(dy[0]), &bits[0], 0, n)
        if floating is float:
            dropcore_backward_float32(draw, p, start, n, &dy[0], &dx[0], &bits[0])
        else:
            dropcore_backward_float64(draw, p, start, n, &dy[0], &dx[0], &bits[0])
    return 0


cdef inline int backward_float16(
    const dropcore_draw* draw, double p, const uint16_t[::1] dy, uint16_t[::1] dx,
    const uint8_t[::1] bits=None, uint64_t start=0,
) except -1 nogil:
    cdef Py_ssize_t n = dy.shape[0]
    check_views(b"dy", dy is None, b"dx", dx is None)
    check_draws(p, start, n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"dy", b"dx", &dy[0], n, &dx[0], dx.shape[0], sizeof(dy[0]), &bits[0], 0, n)
        dropcore_backward_float16(draw, p, start, n, &dy[0], &dx[0], &bits[0])
    return 0


cdef inline int backward_bfloat16(
    const dropcore_draw* draw, double p, const uint16_t[::1] dy, uint16_t[::1] dx,
    const uint8_t[::1] bits=None, uint64_t start=0,
) except -1 nogil:
    cdef Py_ssize_t n = dy.shape[0]
    check_views(b"dy", dy is None, b"dx", dx is None)
    check_draws(p, start, n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"dy", b"dx", &dy[0], n, &dx[0], dx.shape[0], sizeof(dy[0]), &bits[0], 0, n)
        dropcore_backward_bfloat16(draw, p, start, n, &dy[0], &dx[0], &bits[0])
    return 0


cdef inline int forward_plan(
    const dropcore_draw* draw, double p, const floating[::1] x, floating[::1] y, double scale,
    double shift=0, double drop=0, uint8_t[::1] bits=None, uint64_t start=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_views(b"x", x is None, b"y", y is None)
    check_draws(p, start, n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], 0, n)
        if floating is float:
            dropcore_forward_plan_float32(draw, p, start, n, &plan, &x[0], &y[0], &bits[0])
        else:
            dropcore_forward_plan_float64(draw, p, start, n, &plan, &x[0], &y[0], &bits[0])
    return 0


cdef inline int forward_plan_float16(
    const dropcore_draw* draw, double p, const uint16_t[::1] x, uint16_t[::1] y, double scale,
    double shift=0, double drop=0, uint8_t[::1] bits=None, uint64_t start=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_views(b"x", x is None, b"y", y is None)
    check_draws(p, start, n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], 0, n)
        dropcore_forward_plan_float16(draw, p, start, n, &plan, &x[0], &y[0], &bits[0])
    return 0


cdef inline int forward_plan_bfloat16(
    const dropcore_draw* draw, double p, const uint16_t[::1] x, uint16_t[::1] y, double scale,
    double shift=0, double drop=0, uint8_t[::1] bits=None, uint64_t start=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_views(b"x", x is None, b"y", y is None)
    check_draws(p, start, n)
    if bits is not None:
        check_bits(bits.shape[0], n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], 0, n)
        dropcore_forward_plan_bfloat16(draw, p, start, n, &plan, &x[0], &y[0], &bits[0])
    return 0


cdef inline int select(
    const uint8_t[::1] bits, const floating[::1] x, floating[::1] y, double scale, double shift=0,
    double drop=0, uint64_t first=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_view(b"bits", bits is None)
    check_views(b"x", x is None, b"y", y is None)
    check_window(bits.shape[0], first, n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], first, n)
        if floating is float:
            dropcore_select_float32(&bits[0], first, n, &plan, &x[0], &y[0])
        else:
            dropcore_select_float64(&bits[0], first, n, &plan, &x[0], &y[0])
    return 0


cdef inline int select_float16(
    const uint8_t[::1] bits, const uint16_t[::1] x, uint16_t[::1] y, double scale, double shift=0,
    double drop=0, uint64_t first=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_view(b"bits", bits is None)
    check_views(b"x", x is None, b"y", y is None)
    check_window(bits.shape[0], first, n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], first, n)
        dropcore_select_float16(&bits[0], first, n, &plan, &x[0], &y[0])
    return 0


cdef inline int select_bfloat16(
    const uint8_t[::1] bits, const uint16_t[::1] x, uint16_t[::1] y, double scale, double shift=0,
    double drop=0, uint64_t first=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_view(b"bits", bits is None)
    check_views(b"x", x is None, b"y", y is None)
    check_window(bits.shape[0], first, n)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], first, n)
        dropcore_select_bfloat16(&bits[0], first, n, &plan, &x[0], &y[0])
    return 0


cdef inline int repeat(
    const uint8_t[::1] bits, Py_ssize_t decisions, Py_ssize_t times, const floating[::1] x,
    floating[::1] y, double scale, double shift=0, double drop=0, uint64_t first=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_view(b"bits", bits is None)
    check_views(b"x", x is None, b"y", y is None)
    check_shared(decisions, times, n)
    check_window(bits.shape[0], first, decisions)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(
            b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], first, decisions,
        )
        if floating is float:
            dropcore_repeat_float32(&bits[0], first, decisions, times, &plan, &x[0], &y[0])
        else:
            dropcore_repeat_float64(&bits[0], first, decisions, times, &plan, &x[0], &y[0])
    return 0


cdef inline int repeat_float16(
    const uint8_t[::1] bits, Py_ssize_t decisions, Py_ssize_t times, const uint16_t[::1] x,
    uint16_t[::1] y, double scale, double shift=0, double drop=0, uint64_t first=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_view(b"bits", bits is None)
    check_views(b"x", x is None, b"y", y is None)
    check_shared(decisions, times, n)
    check_window(bits.shape[0], first, decisions)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(
            b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], first, decisions,
        )
        dropcore_repeat_float16(&bits[0], first, decisions, times, &plan, &x[0], &y[0])
    return 0


cdef inline int repeat_bfloat16(
    const uint8_t[::1] bits, Py_ssize_t decisions, Py_ssize_t times, const uint16_t[::1] x,
    uint16_t[::1] y, double scale, double shift=0, double drop=0, uint64_t first=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_view(b"bits", bits is None)
    check_views(b"x", x is None, b"y", y is None)
    check_shared(decisions, times, n)
    check_window(bits.shape[0], first, decisions)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(
            b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], first, decisions,
        )
        dropcore_repeat_bfloat16(&bits[0], first, decisions, times, &plan, &x[0], &y[0])
    return 0


cdef inline int tile(
    const uint8_t[::1] bits, Py_ssize_t decisions, Py_ssize_t times, const floating[::1] x,
    floating[::1] y, double scale, double shift=0, double drop=0, uint64_t first=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_view(b"bits", bits is None)
    check_views(b"x", x is None, b"y", y is None)
    check_shared(decisions, times, n)
    check_window(bits.shape[0], first, decisions)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(
            b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], first, decisions,
        )
        if floating is float:
            dropcore_tile_float32(&bits[0], first, decisions, times, &plan, &x[0], &y[0])
        else:
            dropcore_tile_float64(&bits[0], first, decisions, times, &plan, &x[0], &y[0])
    return 0


cdef inline int tile_float16(
    const uint8_t[::1] bits, Py_ssize_t decisions, Py_ssize_t times, const uint16_t[::1] x,
    uint16_t[::1] y, double scale, double shift=0, double drop=0, uint64_t first=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_view(b"bits", bits is None)
    check_views(b"x", x is None, b"y", y is None)
    check_shared(decisions, times, n)
    check_window(bits.shape[0], first, decisions)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(
            b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], first, decisions,
        )
        dropcore_tile_float16(&bits[0], first, decisions, times, &plan, &x[0], &y[0])
    return 0


cdef inline int tile_bfloat16(
    const uint8_t[::1] bits, Py_ssize_t decisions, Py_ssize_t times, const uint16_t[::1] x,
    uint16_t[::1] y, double scale, double shift=0, double drop=0, uint64_t first=0,
) except -1 nogil:
    cdef Py_ssize_t n = x.shape[0]
    cdef dropcore_plan plan
    plan.scale = scale
    plan.shift = shift
    plan.drop = drop
    check_view(b"bits", bits is None)
    check_views(b"x", x is None, b"y", y is None)
    check_shared(decisions, times, n)
    check_window(bits.shape[0], first, decisions)
    with cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False):
        check_arrays(
            b"x", b"y", &x[0], n, &y[0], y.shape[0], sizeof(x[0]), &bits[0], first, decisions,
        )
        dropcore_tile_bfloat16(&bits[0], first, decisions, times, &plan, &x[0], &y[0])
    return 0
# end of functions
