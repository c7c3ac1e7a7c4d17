from dropcore._core.table cimport DrawAddress


cdef class Stream:
    cdef object __weakref__
    cdef readonly object seed
    cdef readonly tuple path
    cdef DrawAddress next
    cdef bint exhausted
    cdef dict children

    cdef DrawAddress take(self) except *
    cdef int check_left(self) except -1
    cdef int refuse(self) except -1
