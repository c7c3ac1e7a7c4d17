# From so many bytes on, read and written together, one thread uses non-temporal stores, which go
# past the caches. They are limited by memory, which one thread saturates: ordinary stores of
# several threads are faster up to twice the size.
cdef Py_ssize_t nontemporal_from


cdef inline bint is_nontemporal(
    Py_ssize_t nbytes, Py_ssize_t threads, const void* x, const void* y,
) noexcept nogil:
    # `nbytes`: of x, and of y.
    return x != y and nbytes >= (nontemporal_from >> 1) * (1 if threads <= 1 else 2)
