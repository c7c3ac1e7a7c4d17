# A call on one thread uses non-temporal stores, which go past the caches, if x and y together have
# at least `nontemporal_from` bytes. A call on several threads uses them from `for_several` times
# that.
cdef Py_ssize_t nontemporal_from
cdef Py_ssize_t for_several


cdef inline bint is_nontemporal(
    Py_ssize_t nbytes, Py_ssize_t threads, const void* x, const void* y,
) noexcept nogil:
    # `nbytes`: of x, and of y.
    return x != y and nbytes >= (nontemporal_from >> 1) * (1 if threads <= 1 else for_several)
