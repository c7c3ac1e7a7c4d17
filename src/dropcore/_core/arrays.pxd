cimport numpy as cnp

from dropcore._core.table cimport Dtype

cdef cnp.ndarray as_array(str name, object value)

# The same, of a dtype that the kernels take.
cdef cnp.ndarray accepted(str name, object value)

# Of an array that was accepted.
cdef Dtype dtype_of(cnp.ndarray array) noexcept
cdef int check_shape(str name, cnp.ndarray array, tuple shape) except -1

cdef double probability(object p) except? -1.0
cdef tuple checked_shape(object shape)
