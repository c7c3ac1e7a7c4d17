# What every floor of the compiled core agrees on: the address of a mask, what
# an element becomes, and the table of kernels that one instruction set fills.

from libc.stdint cimport uint8_t, uint32_t, uint64_t

# Named to the C compiler as dropcore.h names them.
cdef struct DrawAddress "dropcore_draw":
    uint32_t key[8]
    uint64_t index


# kept: x * scale + shift; dropped: the constant. Rounded to the computing dtype.
cdef struct Affine "dropcore_plan":
    double scale
    double shift
    double drop


# The order of the arrays in KernelTable.
cdef enum Dtype:
    FLOAT32
    FLOAT64
    FLOAT16
    BFLOAT16
    DTYPES


# `stream`: store past the caches; y is not x then. All that a kernel writes is there
# for other threads when it returns.

ctypedef void (*keep_kernel)(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n,
    uint8_t* bits,  # OUT
) noexcept nogil

ctypedef void (*words_kernel)(
    const DrawAddress* draw, uint64_t start, Py_ssize_t n,
    uint64_t* words,  # OUT
) noexcept nogil

ctypedef void (*forward_kernel)(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n, Affine plan, bint stream,
    const void* x,  # IN
    void* y,  # OUT, may be x
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil

ctypedef void (*select_kernel)(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, Affine plan, bint stream,
    const void* x,  # IN
    void* y,  # OUT, may be x
) noexcept nogil

ctypedef void (*shared_kernel)(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times, Affine plan,
    bint stream,
    const void* x,  # IN
    void* y,  # OUT, may be x
) noexcept nogil


cdef struct KernelTable:
    keep_kernel keep
    words_kernel words
    forward_kernel[<int> DTYPES] forward
    select_kernel[<int> DTYPES] select
    shared_kernel[<int> DTYPES] repeat
    shared_kernel[<int> DTYPES] tile
