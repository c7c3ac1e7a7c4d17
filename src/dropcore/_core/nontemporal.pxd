# Non-temporal stores bypass the caches. A call on one thread may use them if x and y together have
# at least `nontemporal_from` bytes. A call on several threads may use them if x and y together have
# at least `for_several` times as many bytes. A call in place never uses them. Nor does a kernel if
# y is not aligned to its elements (`can_go_nontemporal` in kernels/select.pxi), or if the plan has
# a shift, a dropped element that is not +0.0, or a scale of nan (`is_linear`, the same file).
cdef Py_ssize_t nontemporal_from
cdef Py_ssize_t for_several


cdef inline bint is_nontemporal(
    Py_ssize_t nbytes, Py_ssize_t threads, const void* x, const void* y,
) noexcept nogil:
    # `nbytes`: the size of x, which is also the size of y.
    return x != y and nbytes >= (nontemporal_from >> 1) * (1 if threads <= 1 else for_several)
