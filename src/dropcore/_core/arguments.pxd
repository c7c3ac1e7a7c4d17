cimport numpy as cnp

from dropcore._core.table cimport Dtype

cdef cnp.ndarray as_array(str name, object value)

cdef cnp.ndarray accepted_otherwise(str name, object value)


cdef inline cnp.ndarray accepted(str name, object value):
    # Like `as_array`; also checks that the kernels take the dtype. Most arguments are float32
    # arrays: these need no call.
    if cnp.PyArray_CheckExact(value) and (
        cnp.PyArray_TYPE(value) == cnp.NPY_FLOAT32 and cnp.PyArray_ISNOTSWAPPED(value)
    ):
        return value
    return accepted_otherwise(name, value)


# These two functions take an array that `accepted` has returned before.
cdef Dtype dtype_of(cnp.ndarray array) noexcept
cdef int check_shape(str name, cnp.ndarray array, tuple shape) except -1

cpdef object integer_of(str name, object value, str what)
cdef double probability(object p) except? -1.0
cdef tuple checked_shape(object shape)
