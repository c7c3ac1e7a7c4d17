from dropcore._core.table cimport DrawAddress

cdef object LAST_INDEX


cdef class Draw:
    cdef DrawAddress address


cdef Draw draw_of(DrawAddress address)
cdef const DrawAddress* address_of(Draw draw) except NULL
cdef object key_and_index(const DrawAddress* address)
cdef object index_of(str name, object index)
