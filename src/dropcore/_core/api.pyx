# The exported functions: thin calls through the table of kernels.

from libc.stdint cimport uint8_t, uint16_t, uint64_t

from dropcore._core.apply cimport kept_scale
from dropcore._core.dispatch cimport kernels, stream_from
from dropcore._core.table cimport BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Affine


cdef inline Affine standard(double p) noexcept nogil:
    return Affine(scale=kept_scale(p), shift=0, drop=0)


cdef inline bint streams(const void* x, const void* y, Py_ssize_t n, size_t size) noexcept nogil:
    return x != y and 2 * n * <Py_ssize_t> size >= stream_from


cdef inline void backward(
    int dtype, const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, bint stream,
    const void* dy,  # IN
    void* dx,  # OUT
    const uint8_t* bits,  # IN, or NULL
) noexcept nogil:
    if bits == NULL:
        kernels.forward[dtype](draw, p, start, n, standard(p), stream, dy, dx, NULL)
    else:
        kernels.select[dtype](bits, 0, n, standard(p), stream, dy, dx)


cdef void dropcore_set_index(dropcore_draw* draw, uint64_t index) noexcept nogil:
    draw.index = index


cdef void dropcore_keep_bits(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, uint8_t* bits,
) noexcept nogil:
    kernels.keep(draw, p, start, n, bits)


cdef void dropcore_words(
    const dropcore_draw* draw, uint64_t start, Py_ssize_t n, uint64_t* words,
) noexcept nogil:
    kernels.words(draw, start, n, words)


cdef void dropcore_forward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const float* x, float* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward[<int> FLOAT32](
        draw, p, start, n, standard(p), streams(x, y, n, sizeof(x[0])), x, y, bits
    )


cdef void dropcore_backward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const float* dy, float* dx, const uint8_t* bits,
) noexcept nogil:
    backward(FLOAT32, draw, p, start, n, streams(dy, dx, n, sizeof(dy[0])), dy, dx, bits)


cdef void dropcore_forward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const double* x, double* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward[<int> FLOAT64](
        draw, p, start, n, standard(p), streams(x, y, n, sizeof(x[0])), x, y, bits
    )


cdef void dropcore_backward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const double* dy, double* dx, const uint8_t* bits,
) noexcept nogil:
    backward(FLOAT64, draw, p, start, n, streams(dy, dx, n, sizeof(dy[0])), dy, dx, bits)


cdef void dropcore_forward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward[<int> FLOAT16](
        draw, p, start, n, standard(p), streams(x, y, n, sizeof(x[0])), x, y, bits
    )


cdef void dropcore_backward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* dy, uint16_t* dx, const uint8_t* bits,
) noexcept nogil:
    backward(FLOAT16, draw, p, start, n, streams(dy, dx, n, sizeof(dy[0])), dy, dx, bits)


cdef void dropcore_forward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward[<int> BFLOAT16](
        draw, p, start, n, standard(p), streams(x, y, n, sizeof(x[0])), x, y, bits
    )


cdef void dropcore_backward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* dy, uint16_t* dx, const uint8_t* bits,
) noexcept nogil:
    backward(BFLOAT16, draw, p, start, n, streams(dy, dx, n, sizeof(dy[0])), dy, dx, bits)
