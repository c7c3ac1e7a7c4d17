from dropcore._core.table cimport KernelTable

# Set once, when this module is imported.
cdef const KernelTable* kernels

# Arrays of so many bytes, read and written together, are stored past the caches by one thread.
# What goes past them, memory has to take, and one thread is all that it can take: ordinary stores
# of several are faster up to twice the size.
cdef Py_ssize_t stream_from


cdef inline bint streams(
    Py_ssize_t nbytes, Py_ssize_t threads, const void* x, const void* y,
) noexcept nogil:
    # `nbytes`: of x, and of y.
    return x != y and nbytes >= (stream_from >> 1) * (1 if threads <= 1 else 2)
