from dropcore._core.table cimport DrawAddress

cdef int check_rng(object rng) except -1
cdef int check_agreed(object rng) except -1
cdef DrawAddress take_draw(object rng) except *

# Exported, with the GIL: the draw that an `rng=` of dropcore.dropout names; a Stream gives
# its next one. Raises what dropout raises for such an rng.
cdef int dropcore_draw_of(
    object rng,
    DrawAddress* draw,  # OUT
) except -1
