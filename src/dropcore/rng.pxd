from dropcore._core.table cimport DrawAddress

cdef int check_rng(object rng) except -1
cdef int check_agreed(object rng) except -1
cdef DrawAddress take_draw(object rng) except *

# Exported; needs the GIL. Writes the draw that dropcore.dropout takes from its argument `rng`; a
# Stream gives its next draw. Raises the same errors as dropout for this rng, and ValueError if
# `draw` is NULL or not aligned to 8 bytes.
cdef int dropcore_draw_of(
    object rng,
    DrawAddress* draw,  # OUT
) except -1
