cimport numpy as cnp

from dropcore._core.table cimport Dtype

cdef cnp.ndarray as_array(str name, object value)
cdef Dtype dtype_of(str name, cnp.ndarray array) except *
cdef int check_shape(str name, cnp.ndarray array, tuple shape) except -1
cdef int check_out(cnp.ndarray x, str name, object out) except -1
cdef cnp.ndarray empty_like(cnp.ndarray array)
cdef double probability(object p) except? -1.0
