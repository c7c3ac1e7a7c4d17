cimport numpy as cnp
from libc.stdint cimport uint64_t

from dropcore._core.table cimport Affine, DrawAddress, Dtype


# The outer loop over a layout: axes from the last, each with its length and the
# bits it steps over, 0 where it is shared.
cdef struct Outer:
    int axes
    Py_ssize_t[64] length
    Py_ssize_t[64] stride


cdef class Layout:
    cdef readonly tuple shape
    cdef readonly tuple mask_shape
    cdef readonly Py_ssize_t decisions
    cdef readonly bint dense
    cdef bint repeats
    cdef Py_ssize_t n
    cdef Py_ssize_t times
    cdef Py_ssize_t steps
    cdef Outer outer


cdef int keep_bits(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n, cnp.ndarray bits
) except -1
cdef int forward(
    const DrawAddress* draw, double p, Affine plan, Dtype dtype,
    cnp.ndarray x, cnp.ndarray y, cnp.ndarray bits
) except -1
cdef int select(
    cnp.ndarray bits, Layout layout, Affine plan, Dtype dtype,
    cnp.ndarray x, cnp.ndarray y
) except -1
cpdef double kept_scale(double p) noexcept nogil
