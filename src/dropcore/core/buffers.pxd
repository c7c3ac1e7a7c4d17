from libc.stdint cimport uint64_t

from dropcore._core.table cimport DrawAddress, Plan
from dropcore._core.work cimport Operation, Work


cdef class Buffer:
    cdef Py_buffer view
    cdef bint held
    cdef str name

    cdef Py_ssize_t length(self) noexcept
    cdef char format(self) noexcept
    cdef int refuse_format(self, str wanted) except -1


# Check an argument and convert it. `name` is for the error.
cdef Buffer taken(str name, object value, bint written)
cdef Buffer bytes_taken(object bits, bint written)
cdef DrawAddress* address_of(object draw) except NULL
cdef Plan plan_of(object scale, object shift, object drop) except *
cdef int set_arrays(Work* w, Buffer x, Buffer y, int named) except -1
cdef int check_apart(
    Buffer x, Buffer y, Buffer bits, uint64_t first, Py_ssize_t decisions,
) except -1

# `named`: a Dtype; -1 means that the format of x decides between float32 and float64.
cdef int keep_bits_of(draw, p, bits, n, start) except -1
cdef int forward_of(int named, draw, p, x, y, bits, start) except -1
cdef int backward_of(int named, draw, p, dy, dx, bits, start) except -1
cdef int forward_plan_of(
    int named, draw, p, x, y, scale, shift, drop, bits, start
) except -1
cdef int select_of(int named, bits, x, y, scale, shift, drop, first) except -1
cdef int shared_of(
    Operation operation, int named, bits, decisions, times, x, y, scale, shift, drop, first
) except -1
