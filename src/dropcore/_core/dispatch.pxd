from dropcore._core.table cimport KernelTable

# Set once, when this module is imported.
cdef const KernelTable* kernels
