# The exported functions with checks of their arguments. If an argument is wrong, they print a line
# on standard error, and read and write nothing.

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint64_t

from dropcore._core.api cimport (
    dropcore_draw, dropcore_layout, dropcore_path, dropcore_plan, dropcore_shard,
)

# written by tools/write_interface.py: declarations
cdef void dropcore_path_of_integer(
    uint64_t seed, dropcore_path* path,
) noexcept nogil

cdef void dropcore_path_of_bytes(
    const uint8_t* seed, Py_ssize_t n, dropcore_path* path,
) noexcept nogil

cdef void dropcore_path_add_integer(
    dropcore_path* path, uint64_t part,
) noexcept nogil

cdef void dropcore_path_add_text(
    dropcore_path* path, const char* utf8, Py_ssize_t n,
) noexcept nogil

cdef void dropcore_draw_at(
    const dropcore_path* path, uint64_t index, dropcore_draw* draw,
) noexcept nogil

cdef void dropcore_set_index(
    dropcore_draw* draw, uint64_t index,
) noexcept nogil

cdef void dropcore_keep_bits(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, uint8_t* bits,
) noexcept nogil

cdef void dropcore_words(
    const dropcore_draw* draw, uint64_t start, Py_ssize_t n, uint64_t* words,
) noexcept nogil

cdef double dropcore_scale(
    double p,
) noexcept nogil

cdef int32_t dropcore_layout_of(
    int axes, const Py_ssize_t* length, const Py_ssize_t* stride, uint64_t shared,
    dropcore_layout* layout,
) noexcept nogil

cdef Py_ssize_t dropcore_layout_decisions(
    const dropcore_layout* layout,
) noexcept nogil

cdef Py_ssize_t dropcore_layout_scratch(
    const dropcore_layout* layout,
) noexcept nogil

cdef void dropcore_forward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const float* x, float* y,
    uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const double* x, double* y,
    uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* x,
    uint16_t* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* x,
    uint16_t* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_backward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const float* dy, float* dx,
    const uint8_t* bits,
) noexcept nogil

cdef void dropcore_backward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const double* dy, double* dx,
    const uint8_t* bits,
) noexcept nogil

cdef void dropcore_backward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* dy,
    uint16_t* dx, const uint8_t* bits,
) noexcept nogil

cdef void dropcore_backward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* dy,
    uint16_t* dx, const uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_plan_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const dropcore_plan* plan,
    const float* x, float* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_plan_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const dropcore_plan* plan,
    const double* x, double* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_plan_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const dropcore_plan* plan,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_plan_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const dropcore_plan* plan,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_select_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan, const float* x,
    float* y,
) noexcept nogil

cdef void dropcore_select_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan, const double* x,
    double* y,
) noexcept nogil

cdef void dropcore_select_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan, const uint16_t* x,
    uint16_t* y,
) noexcept nogil

cdef void dropcore_select_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan, const uint16_t* x,
    uint16_t* y,
) noexcept nogil

cdef void dropcore_repeat_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil

cdef void dropcore_repeat_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil

cdef void dropcore_repeat_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil

cdef void dropcore_repeat_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil

cdef void dropcore_tile_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil

cdef void dropcore_tile_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil

cdef void dropcore_tile_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil

cdef void dropcore_tile_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil

cdef void dropcore_select_layout_float32(
    const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan, const float* x,
    float* y, uint8_t* scratch,
) noexcept nogil

cdef void dropcore_select_layout_float64(
    const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan, const double* x,
    double* y, uint8_t* scratch,
) noexcept nogil

cdef void dropcore_select_layout_float16(
    const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan,
    const uint16_t* x, uint16_t* y, uint8_t* scratch,
) noexcept nogil

cdef void dropcore_select_layout_bfloat16(
    const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan,
    const uint16_t* x, uint16_t* y, uint8_t* scratch,
) noexcept nogil

cdef int32_t dropcore_shard_of(
    int axes, const Py_ssize_t* whole, const Py_ssize_t* offset, const Py_ssize_t* length,
    uint64_t shared, dropcore_shard* shard,
) noexcept nogil

cdef Py_ssize_t dropcore_shard_decisions(
    const dropcore_shard* shard,
) noexcept nogil

cdef void dropcore_keep_shard(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
    Py_ssize_t n, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_shard_float32(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
    Py_ssize_t n, const dropcore_plan* plan, const float* x, float* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_shard_float64(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
    Py_ssize_t n, const dropcore_plan* plan, const double* x, double* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_shard_float16(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
    Py_ssize_t n, const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_shard_bfloat16(
    const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
    Py_ssize_t n, const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil
# end of declarations
