# Non-temporal stores bypass the caches. A call on one thread may use them if x and y together have
# at least `nontemporal_from` bytes. A call on several threads needs `for_several` times as many
# bytes. A call for float16 or bfloat16 needs `for_halves` times as many bytes. If both reasons
# hold, the larger factor counts. A call in place never uses non-temporal stores. Two functions of
# kernels/select.pxi exclude further cases. `can_go_nontemporal` returns False if the address of
# y is not a multiple of the size of an element. `is_linear` returns False if the plan has a shift,
# a constant for dropped elements that is not +0.0, or a scale of nan.
cdef Py_ssize_t nontemporal_from
cdef Py_ssize_t for_several
cdef Py_ssize_t for_halves


cdef inline bint is_nontemporal(
    Py_ssize_t n, Py_ssize_t itemsize, Py_ssize_t threads, const void* x, const void* y,
) noexcept nogil:
    # n: the number of elements of x, and of y.
    cdef Py_ssize_t times = for_halves if itemsize == 2 else 1
    if threads > 1:
        times = max(times, for_several)
    return x != y and n * itemsize >= (nontemporal_from >> 1) * times
