from dropcore._core.table cimport KernelTable

# Set once, when this module is imported.
cdef const KernelTable* kernels

# Arrays of so many bytes, read and written together, are stored past the caches.
cdef Py_ssize_t stream_from
