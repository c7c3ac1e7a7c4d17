# The functions that replace the functions of `api` if DROPCORE_CHECKS=1.

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint64_t

from dropcore._core cimport api
from dropcore._core.api cimport (
    dropcore_draw, dropcore_layout, dropcore_path, dropcore_plan, dropcore_shard,
)
from dropcore._core.claims cimport set_to_zeros


# written by tools/write_interface.py: imports
from dropcore._core.checks cimport (
    backward_is_right, draw_at_is_right, forward_is_right, forward_plan_is_right,
    forward_shard_is_right, keep_bits_is_right, keep_shard_is_right, layout_decisions_is_right,
    layout_of_is_right, layout_scratch_is_right, path_add_integer_is_right, path_add_text_is_right,
    path_of_bytes_is_right, path_of_integer_is_right, repeat_is_right, scale_is_right,
    select_is_right, select_layout_is_right, set_index_is_right, shard_decisions_is_right,
    shard_of_is_right, tile_is_right, words_is_right,
)
# end of imports

# written by tools/write_interface.py: functions
cdef void dropcore_path_of_integer(
    uint64_t seed, dropcore_path* path,
) noexcept nogil:
    if path_of_integer_is_right("path_of_integer", seed, path):
        api.dropcore_path_of_integer(seed, path)

cdef void dropcore_path_of_bytes(
    const uint8_t* seed, Py_ssize_t n, dropcore_path* path,
) noexcept nogil:
    if path_of_bytes_is_right("path_of_bytes", seed, n, path):
        api.dropcore_path_of_bytes(seed, n, path)

cdef void dropcore_path_add_integer(
    dropcore_path* path, uint64_t part,
) noexcept nogil:
    if path_add_integer_is_right("path_add_integer", path, part):
        api.dropcore_path_add_integer(path, part)

cdef void dropcore_path_add_text(
    dropcore_path* path, const char* utf8, Py_ssize_t n,
) noexcept nogil:
    if path_add_text_is_right("path_add_text", path, utf8, n):
        api.dropcore_path_add_text(path, utf8, n)

cdef void dropcore_draw_at(
    const dropcore_path* path, uint64_t index, dropcore_draw* draw,
) noexcept nogil:
    if draw_at_is_right("draw_at", path, index, draw):
        api.dropcore_draw_at(path, index, draw)

cdef void dropcore_set_index(
    dropcore_draw* draw, uint64_t index,
) noexcept nogil:
    if set_index_is_right("set_index", draw, index):
        api.dropcore_set_index(draw, index)

cdef void dropcore_keep_bits(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, uint8_t* bits,
) noexcept nogil:
    if keep_bits_is_right("keep_bits", draw, p, start, n, bits):
        api.dropcore_keep_bits(draw, p, start, n, bits)

cdef void dropcore_words(
    const dropcore_draw* draw, uint64_t start, Py_ssize_t n, uint64_t* words,
) noexcept nogil:
    if words_is_right("words", draw, start, n, words):
        api.dropcore_words(draw, start, n, words)

cdef double dropcore_scale(
    double p,
) noexcept nogil:
    if scale_is_right("scale", p):
        return api.dropcore_scale(p)
    return 0

cdef int32_t dropcore_layout_of(
    int axes, const Py_ssize_t* length, const Py_ssize_t* stride, uint64_t shared,
    dropcore_layout* layout,
) noexcept nogil:
    if layout_of_is_right("layout_of", axes, length, stride, shared, layout):
        return api.dropcore_layout_of(axes, length, stride, shared, layout)
    set_to_zeros(layout, sizeof(dropcore_layout))
    return 0

cdef Py_ssize_t dropcore_layout_decisions(
    const dropcore_layout* layout,
) noexcept nogil:
    if layout_decisions_is_right("layout_decisions", layout):
        return api.dropcore_layout_decisions(layout)
    return 0

cdef Py_ssize_t dropcore_layout_scratch(
    const dropcore_layout* layout,
) noexcept nogil:
    if layout_scratch_is_right("layout_scratch", layout):
        return api.dropcore_layout_scratch(layout)
    return 0

cdef void dropcore_forward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const float* x, float* y,
    uint8_t* bits,
) noexcept nogil:
    if forward_is_right("forward_float32", sizeof(float), draw, p, start, n, x, y, bits):
        api.dropcore_forward_float32(draw, p, start, n, x, y, bits)

cdef void dropcore_forward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const double* x, double* y,
    uint8_t* bits,
) noexcept nogil:
    if forward_is_right("forward_float64", sizeof(double), draw, p, start, n, x, y, bits):
        api.dropcore_forward_float64(draw, p, start, n, x, y, bits)

cdef void dropcore_forward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* x,
    uint16_t* y, uint8_t* bits,
) noexcept nogil:
    if forward_is_right("forward_float16", sizeof(uint16_t), draw, p, start, n, x, y, bits):
        api.dropcore_forward_float16(draw, p, start, n, x, y, bits)

cdef void dropcore_forward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* x,
    uint16_t* y, uint8_t* bits,
) noexcept nogil:
    if forward_is_right("forward_bfloat16", sizeof(uint16_t), draw, p, start, n, x, y, bits):
        api.dropcore_forward_bfloat16(draw, p, start, n, x, y, bits)

cdef void dropcore_backward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const float* dy, float* dx,
    const uint8_t* bits,
) noexcept nogil:
    if backward_is_right("backward_float32", sizeof(float), draw, p, start, n, dy, dx, bits):
        api.dropcore_backward_float32(draw, p, start, n, dy, dx, bits)

cdef void dropcore_backward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const double* dy, double* dx,
    const uint8_t* bits,
) noexcept nogil:
    if backward_is_right("backward_float64", sizeof(double), draw, p, start, n, dy, dx, bits):
        api.dropcore_backward_float64(draw, p, start, n, dy, dx, bits)

cdef void dropcore_backward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* dy,
    uint16_t* dx, const uint8_t* bits,
) noexcept nogil:
    if backward_is_right("backward_float16", sizeof(uint16_t), draw, p, start, n, dy, dx, bits):
        api.dropcore_backward_float16(draw, p, start, n, dy, dx, bits)

cdef void dropcore_backward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* dy,
    uint16_t* dx, const uint8_t* bits,
) noexcept nogil:
    if backward_is_right("backward_bfloat16", sizeof(uint16_t), draw, p, start, n, dy, dx, bits):
        api.dropcore_backward_bfloat16(draw, p, start, n, dy, dx, bits)

cdef void dropcore_forward_plan_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const dropcore_plan* plan,
    const float* x, float* y, uint8_t* bits,
) noexcept nogil:
    if forward_plan_is_right(
        "forward_plan_float32", sizeof(float), draw, p, start, n, plan, x, y, bits
    ):
        api.dropcore_forward_plan_float32(draw, p, start, n, plan, x, y, bits)

cdef void dropcore_forward_plan_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const dropcore_plan* plan,
    const double* x, double* y, uint8_t* bits,
) noexcept nogil:
    if forward_plan_is_right(
        "forward_plan_float64", sizeof(double), draw, p, start, n, plan, x, y, bits
    ):
        api.dropcore_forward_plan_float64(draw, p, start, n, plan, x, y, bits)

cdef void dropcore_forward_plan_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const dropcore_plan* plan,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    if forward_plan_is_right(
        "forward_plan_float16", sizeof(uint16_t), draw, p, start, n, plan, x, y, bits
    ):
        api.dropcore_forward_plan_float16(draw, p, start, n, plan, x, y, bits)

cdef void dropcore_forward_plan_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const dropcore_plan* plan,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    if forward_plan_is_right(
        "forward_plan_bfloat16", sizeof(uint16_t), draw, p, start, n, plan, x, y, bits
    ):
        api.dropcore_forward_plan_bfloat16(draw, p, start, n, plan, x, y, bits)

cdef void dropcore_select_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan, const float* x,
    float* y,
) noexcept nogil:
    if select_is_right("select_float32", sizeof(float), bits, first, n, plan, x, y):
        api.dropcore_select_float32(bits, first, n, plan, x, y)

cdef void dropcore_select_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan, const double* x,
    double* y,
) noexcept nogil:
    if select_is_right("select_float64", sizeof(double), bits, first, n, plan, x, y):
        api.dropcore_select_float64(bits, first, n, plan, x, y)

cdef void dropcore_select_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan, const uint16_t* x,
    uint16_t* y,
) noexcept nogil:
    if select_is_right("select_float16", sizeof(uint16_t), bits, first, n, plan, x, y):
        api.dropcore_select_float16(bits, first, n, plan, x, y)

cdef void dropcore_select_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan, const uint16_t* x,
    uint16_t* y,
) noexcept nogil:
    if select_is_right("select_bfloat16", sizeof(uint16_t), bits, first, n, plan, x, y):
        api.dropcore_select_bfloat16(bits, first, n, plan, x, y)

cdef void dropcore_repeat_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil:
    if repeat_is_right("repeat_float32", sizeof(float), bits, first, decisions, times, plan, x, y):
        api.dropcore_repeat_float32(bits, first, decisions, times, plan, x, y)

cdef void dropcore_repeat_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil:
    if repeat_is_right("repeat_float64", sizeof(double), bits, first, decisions, times, plan, x, y):
        api.dropcore_repeat_float64(bits, first, decisions, times, plan, x, y)

cdef void dropcore_repeat_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    if repeat_is_right(
        "repeat_float16", sizeof(uint16_t), bits, first, decisions, times, plan, x, y
    ):
        api.dropcore_repeat_float16(bits, first, decisions, times, plan, x, y)

cdef void dropcore_repeat_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    if repeat_is_right(
        "repeat_bfloat16", sizeof(uint16_t), bits, first, decisions, times, plan, x, y
    ):
        api.dropcore_repeat_bfloat16(bits, first, decisions, times, plan, x, y)

cdef void dropcore_tile_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil:
    if tile_is_right("tile_float32", sizeof(float), bits, first, decisions, times, plan, x, y):
        api.dropcore_tile_float32(bits, first, decisions, times, plan, x, y)

cdef void dropcore_tile_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil:
    if tile_is_right("tile_float64", sizeof(double), bits, first, decisions, times, plan, x, y):
        api.dropcore_tile_float64(bits, first, decisions, times, plan, x, y)

cdef void dropcore_tile_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    if tile_is_right("tile_float16", sizeof(uint16_t), bits, first, decisions, times, plan, x, y):
        api.dropcore_tile_float16(bits, first, decisions, times, plan, x, y)

cdef void dropcore_tile_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    if tile_is_right("tile_bfloat16", sizeof(uint16_t), bits, first, decisions, times, plan, x, y):
        api.dropcore_tile_bfloat16(bits, first, decisions, times, plan, x, y)

cdef void dropcore_select_layout_float32(
    const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan, const float* x,
    float* y, uint8_t* scratch,
) noexcept nogil:
    if select_layout_is_right(
        "select_layout_float32", sizeof(float), layout, bits, plan, x, y, scratch
    ):
        api.dropcore_select_layout_float32(layout, bits, plan, x, y, scratch)

cdef void dropcore_select_layout_float64(
    const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan, const double* x,
    double* y, uint8_t* scratch,
) noexcept nogil:
    if select_layout_is_right(
        "select_layout_float64", sizeof(double), layout, bits, plan, x, y, scratch
    ):
        api.dropcore_select_layout_float64(layout, bits, plan, x, y, scratch)

cdef void dropcore_select_layout_float16(
    const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan,
    const uint16_t* x, uint16_t* y, uint8_t* scratch,
) noexcept nogil:
    if select_layout_is_right(
        "select_layout_float16", sizeof(uint16_t), layout, bits, plan, x, y, scratch
    ):
        api.dropcore_select_layout_float16(layout, bits, plan, x, y, scratch)

cdef void dropcore_select_layout_bfloat16(
    const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan,
    const uint16_t* x, uint16_t* y, uint8_t* scratch,
) noexcept nogil:
    if select_layout_is_right(
        "select_layout_bfloat16", sizeof(uint16_t), layout, bits, plan, x, y, scratch
    ):
        api.dropcore_select_layout_bfloat16(layout, bits, plan, x, y, scratch)

cdef int32_t dropcore_shard_of(
    int axes, const Py_ssize_t* whole, const Py_ssize_t* offset, const Py_ssize_t* length,
    uint64_t shared, dropcore_shard* shard,
) noexcept nogil:
    if shard_of_is_right("shard_of", axes, whole, offset, length, shared, shard):
        return api.dropcore_shard_of(axes, whole, offset, length, shared, shard)
    set_to_zeros(shard, sizeof(dropcore_shard))
    return 0

cdef Py_ssize_t dropcore_shard_decisions(
    const dropcore_shard* shard,
) noexcept nogil:
    if shard_decisions_is_right("shard_decisions", shard):
        return api.dropcore_shard_decisions(shard)
    return 0

cdef void dropcore_keep_shard(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
    Py_ssize_t n, uint8_t* bits,
) noexcept nogil:
    if keep_shard_is_right("keep_shard", draw, p, shard, first, n, bits):
        api.dropcore_keep_shard(draw, p, shard, first, n, bits)

cdef void dropcore_forward_shard_float32(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
    Py_ssize_t n, const dropcore_plan* plan, const float* x, float* y, uint8_t* bits,
) noexcept nogil:
    if forward_shard_is_right(
        "forward_shard_float32", sizeof(float), draw, p, shard, first, n, plan, x, y, bits
    ):
        api.dropcore_forward_shard_float32(draw, p, shard, first, n, plan, x, y, bits)

cdef void dropcore_forward_shard_float64(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
    Py_ssize_t n, const dropcore_plan* plan, const double* x, double* y, uint8_t* bits,
) noexcept nogil:
    if forward_shard_is_right(
        "forward_shard_float64", sizeof(double), draw, p, shard, first, n, plan, x, y, bits
    ):
        api.dropcore_forward_shard_float64(draw, p, shard, first, n, plan, x, y, bits)

cdef void dropcore_forward_shard_float16(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
    Py_ssize_t n, const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    if forward_shard_is_right(
        "forward_shard_float16", sizeof(uint16_t), draw, p, shard, first, n, plan, x, y, bits
    ):
        api.dropcore_forward_shard_float16(draw, p, shard, first, n, plan, x, y, bits)

cdef void dropcore_forward_shard_bfloat16(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
    Py_ssize_t n, const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    if forward_shard_is_right(
        "forward_shard_bfloat16", sizeof(uint16_t), draw, p, shard, first, n, plan, x, y, bits
    ):
        api.dropcore_forward_shard_bfloat16(draw, p, shard, first, n, plan, x, y, bits)
# end of functions
