# The exported functions: thin calls through the table of kernels.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from dropcore._core cimport keys
from dropcore._core.apply cimport kept_scale
from dropcore._core.dispatch cimport kernels, streams
from dropcore._core.table cimport BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Affine, Dtype

cdef size_t[4] SIZES = [4, 8, 2, 2]  # bytes of an element, by Dtype


cdef uint32_t dropcore_abi() noexcept nogil:
    return DROPCORE_ABI


# ------------------------------------------------------------- keys and draws

cdef void dropcore_path_of_integer(uint64_t seed, dropcore_path* path) noexcept nogil:
    keys.begin(path)
    keys.add_integer(path, seed)


cdef void dropcore_path_of_bytes(
    const uint8_t* seed, Py_ssize_t n, dropcore_path* path,
) noexcept nogil:
    keys.begin(path)
    keys.add_item(path, c"b", seed, n)


cdef void dropcore_path_add_integer(dropcore_path* path, uint64_t part) noexcept nogil:
    keys.add_integer(path, part)


cdef void dropcore_path_add_text(
    dropcore_path* path, const char* utf8, Py_ssize_t n,
) noexcept nogil:
    keys.add_item(path, c"s", <const uint8_t*> utf8, n)


cdef void dropcore_draw_at(
    const dropcore_path* path, uint64_t index, dropcore_draw* draw,
) noexcept nogil:
    keys.set_key(path, draw)
    draw.index = index


cdef void dropcore_set_index(dropcore_draw* draw, uint64_t index) noexcept nogil:
    draw.index = index


# --------------------------------------------------- decisions and raw words

cdef void dropcore_keep_bits(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, uint8_t* bits,
) noexcept nogil:
    kernels.keep(draw, p, start, n, bits)


cdef void dropcore_words(
    const dropcore_draw* draw, uint64_t start, Py_ssize_t n, uint64_t* words,
) noexcept nogil:
    kernels.words(draw, start, n, words)


cdef double dropcore_scale(double p) noexcept nogil:
    return kept_scale(p)


# ------------------------------------------------------- what all dtypes share

cdef inline Affine standard(double p) noexcept nogil:
    return Affine(scale=kept_scale(p), shift=0, drop=0)


cdef inline bint by_one(Dtype dtype, Py_ssize_t n, const void* x, const void* y) noexcept nogil:
    # Whether one thread stores past the caches.
    return streams(n * SIZES[<int> dtype], 1, x, y)


cdef inline void forward(
    Dtype dtype, const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, Affine plan,
    const void* x, void* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward[<int> dtype](
        draw, p, start, n, plan, by_one(dtype, n, x, y), x, y, bits
    )


cdef inline void select(
    Dtype dtype, const uint8_t* bits, uint64_t first, Py_ssize_t n, Affine plan,
    const void* x, void* y,
) noexcept nogil:
    kernels.select[<int> dtype](bits, first, n, plan, by_one(dtype, n, x, y), x, y)


cdef inline void backward(
    Dtype dtype, const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const void* dy, void* dx, const uint8_t* bits,
) noexcept nogil:
    if bits == NULL:
        forward(dtype, draw, p, start, n, standard(p), dy, dx, NULL)
    else:
        select(dtype, bits, 0, n, standard(p), dy, dx)


cdef inline void repeat(
    Dtype dtype, const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    Affine plan, const void* x, void* y,
) noexcept nogil:
    cdef Py_ssize_t n = decisions * times
    if n > 0:
        kernels.repeat[<int> dtype](
            bits, first, decisions, times, plan, by_one(dtype, n, x, y), x, y
        )


cdef inline void tile(
    Dtype dtype, const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    Affine plan, const void* x, void* y,
) noexcept nogil:
    cdef Py_ssize_t n = decisions * times
    if n > 0:
        kernels.tile[<int> dtype](
            bits, first, decisions, times, plan, by_one(dtype, n, x, y), x, y
        )


# ------------------------------------------------------------------ each dtype

cdef void dropcore_forward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const float* x, float* y, uint8_t* bits,
) noexcept nogil:
    forward(FLOAT32, draw, p, start, n, standard(p), x, y, bits)


cdef void dropcore_backward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const float* dy, float* dx, const uint8_t* bits,
) noexcept nogil:
    backward(FLOAT32, draw, p, start, n, dy, dx, bits)


cdef void dropcore_forward_plan_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const float* x, float* y, uint8_t* bits,
) noexcept nogil:
    forward(FLOAT32, draw, p, start, n, plan[0], x, y, bits)


cdef void dropcore_select_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil:
    select(FLOAT32, bits, first, n, plan[0], x, y)


cdef void dropcore_repeat_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil:
    repeat(FLOAT32, bits, first, decisions, times, plan[0], x, y)


cdef void dropcore_tile_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil:
    tile(FLOAT32, bits, first, decisions, times, plan[0], x, y)


cdef void dropcore_forward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const double* x, double* y, uint8_t* bits,
) noexcept nogil:
    forward(FLOAT64, draw, p, start, n, standard(p), x, y, bits)


cdef void dropcore_backward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const double* dy, double* dx, const uint8_t* bits,
) noexcept nogil:
    backward(FLOAT64, draw, p, start, n, dy, dx, bits)


cdef void dropcore_forward_plan_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const double* x, double* y, uint8_t* bits,
) noexcept nogil:
    forward(FLOAT64, draw, p, start, n, plan[0], x, y, bits)


cdef void dropcore_select_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil:
    select(FLOAT64, bits, first, n, plan[0], x, y)


cdef void dropcore_repeat_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil:
    repeat(FLOAT64, bits, first, decisions, times, plan[0], x, y)


cdef void dropcore_tile_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil:
    tile(FLOAT64, bits, first, decisions, times, plan[0], x, y)


cdef void dropcore_forward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    forward(FLOAT16, draw, p, start, n, standard(p), x, y, bits)


cdef void dropcore_backward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* dy, uint16_t* dx, const uint8_t* bits,
) noexcept nogil:
    backward(FLOAT16, draw, p, start, n, dy, dx, bits)


cdef void dropcore_forward_plan_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    forward(FLOAT16, draw, p, start, n, plan[0], x, y, bits)


cdef void dropcore_select_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    select(FLOAT16, bits, first, n, plan[0], x, y)


cdef void dropcore_repeat_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    repeat(FLOAT16, bits, first, decisions, times, plan[0], x, y)


cdef void dropcore_tile_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    tile(FLOAT16, bits, first, decisions, times, plan[0], x, y)


cdef void dropcore_forward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    forward(BFLOAT16, draw, p, start, n, standard(p), x, y, bits)


cdef void dropcore_backward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* dy, uint16_t* dx, const uint8_t* bits,
) noexcept nogil:
    backward(BFLOAT16, draw, p, start, n, dy, dx, bits)


cdef void dropcore_forward_plan_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    forward(BFLOAT16, draw, p, start, n, plan[0], x, y, bits)


cdef void dropcore_select_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    select(BFLOAT16, bits, first, n, plan[0], x, y)


cdef void dropcore_repeat_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    repeat(BFLOAT16, bits, first, decisions, times, plan[0], x, y)


cdef void dropcore_tile_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    tile(BFLOAT16, bits, first, decisions, times, plan[0], x, y)
