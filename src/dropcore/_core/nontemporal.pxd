# One thread uses non-temporal stores, which go past the caches, if x and y together have at least
# so many bytes. Several threads use them from twice that on: one thread saturates the memory, so up
# to there the ordinary stores of several are faster.
cdef Py_ssize_t nontemporal_from


cdef inline bint is_nontemporal(
    Py_ssize_t nbytes, Py_ssize_t threads, const void* x, const void* y,
) noexcept nogil:
    # `nbytes`: of x, and of y.
    return x != y and nbytes >= (nontemporal_from >> 1) * (1 if threads <= 1 else 2)
