cimport numpy as cnp
from libc.stdint cimport uint8_t, uint64_t

from dropcore._core.table cimport Affine, DrawAddress, Dtype, Nest

cdef int keep_bits(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n, cnp.ndarray bits
) except -1
cdef int forward(
    const DrawAddress* draw, double p, Affine plan, Dtype dtype,
    cnp.ndarray x, cnp.ndarray y, cnp.ndarray bits
) except -1
cdef cnp.ndarray new_room(Py_ssize_t bits)
cdef int select(
    cnp.ndarray bits, const Nest* nest, cnp.ndarray room, Affine plan, Dtype dtype,
    cnp.ndarray x, cnp.ndarray y
) except -1
cdef void select_now(
    const Nest* nest, const uint8_t* bits, Affine plan, Dtype dtype, Py_ssize_t itemsize,
    const void* x, void* y, uint8_t* room,
) noexcept nogil
cpdef double kept_scale(double p) noexcept nogil


cdef inline cnp.ndarray room_for(const Nest* nest):
    # For what `select` lays out anew; None where that is nothing.
    return new_room(nest.reordered) if nest.reordered else None
