# What other compiled code may call: `from dropcore cimport ...`.
#
# Free functions over pointers and counts, no GIL, no allocation, no errors. No
# function is fused and no class is exported, and `dropcore_draw` is to be passed, not
# looked into: so the interface can grow without breaking what was compiled against it.
#
# n counts elements; `start` is the first element's place in the whole mask, so that
# pieces can be run apart. Packed bits are (n+7)//8 bytes, bit i%8 of byte i//8 is
# element i of the piece. y may be x, dx may be dy. p is in [0, 1]. float16 and bfloat16
# are passed as their 16 bits.

from libc.stdint cimport uint8_t, uint16_t, uint64_t

from dropcore._core.table cimport DrawAddress

ctypedef DrawAddress dropcore_draw

cdef void dropcore_set_index(
    dropcore_draw* draw,  # OUT
    uint64_t index,
) noexcept nogil

cdef void dropcore_keep_bits(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    uint8_t* bits,  # OUT
) noexcept nogil

cdef void dropcore_words(
    const dropcore_draw* draw, uint64_t start, Py_ssize_t n,
    uint64_t* words,  # OUT
) noexcept nogil

cdef void dropcore_forward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const float* x,  # IN
    float* y,  # OUT
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil
cdef void dropcore_forward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const double* x, double* y, uint8_t* bits,
) noexcept nogil
cdef void dropcore_forward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil
cdef void dropcore_forward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_backward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const float* dy,  # IN
    float* dx,  # OUT
    const uint8_t* bits,  # IN, or NULL: they are made again from the draw
) noexcept nogil
cdef void dropcore_backward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const double* dy, double* dx, const uint8_t* bits,
) noexcept nogil
cdef void dropcore_backward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* dy, uint16_t* dx, const uint8_t* bits,
) noexcept nogil
cdef void dropcore_backward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* dy, uint16_t* dx, const uint8_t* bits,
) noexcept nogil
