from dropcore._core.work cimport Operation

# `named`: a Dtype, or -1: float32 or float64, as the format of x says.
cdef int keep_bits_of(draw, p, bits, n, start) except -1
cdef int forward_of(int named, draw, p, x, y, bits, start) except -1
cdef int backward_of(int named, draw, p, dy, dx, bits, start) except -1
cdef int forward_plan_of(
    int named, draw, p, x, y, scale, shift, drop, bits, start
) except -1
cdef int select_of(int named, bits, x, y, scale, shift, drop, first) except -1
cdef int shared_of(
    Operation operation, int named, bits, decisions, times, x, y, scale, shift, drop, first
) except -1
