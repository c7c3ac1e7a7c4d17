from libc.stdint cimport uint64_t

from dropcore._core.table cimport DrawAddress


cdef class Draw:
    cdef DrawAddress address


cdef class Stream:
    cdef readonly object seed
    cdef readonly tuple path
    cdef DrawAddress next
    cdef bint exhausted
    cdef dict children

    cdef DrawAddress take(self) except *


cdef int check_rng(object rng) except -1
cdef DrawAddress take_draw(object rng) except *
cdef Draw draw_of(DrawAddress address)

# Exported, with the GIL. The draw of index 0 of Stream(seed, path), and the address
# that a Draw object holds; they raise what Stream raises, and TypeError.
cdef int dropcore_key(object seed, object path, DrawAddress* draw) except -1
cdef int dropcore_draw_of(object python_draw, DrawAddress* draw) except -1
