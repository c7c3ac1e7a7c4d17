from libc.stdint cimport uint8_t, uint64_t

from dropcore._core.table cimport DrawAddress, Path

cdef void begin_path(
    Path* path,  # OUT
) noexcept nogil
cdef void add_item(
    Path* path,  # INOUT
    char kind, const uint8_t* payload, Py_ssize_t n,
) noexcept nogil
cdef void add_integer(
    Path* path,  # INOUT
    uint64_t part,
) noexcept nogil
cdef void set_key(
    const Path* path,
    DrawAddress* draw,  # OUT: only the key; the index is unchanged
) noexcept nogil
