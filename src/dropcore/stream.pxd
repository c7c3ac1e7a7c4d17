from libc.stdint cimport uint64_t

from dropcore._core.table cimport DrawAddress


cdef class Draw:
    cdef DrawAddress address


cdef class Stream:
    cdef object __weakref__
    cdef readonly object seed
    cdef readonly tuple path
    cdef DrawAddress next
    cdef bint exhausted
    cdef dict children

    cdef DrawAddress take(self) except *


cdef int check_rng(object rng) except -1
cdef DrawAddress take_draw(object rng) except *
cdef Draw draw_of(DrawAddress address)

# Exported, with the GIL: the draw that an `rng=` of dropcore.dropout names; a Stream gives
# its next one. Raises what dropout raises for such an rng.
cdef int dropcore_draw_of(
    object rng,
    DrawAddress* draw,  # OUT
) except -1
