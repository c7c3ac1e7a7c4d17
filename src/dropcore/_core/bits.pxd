cimport numpy as cnp

from dropcore._core.layout cimport Sharing

cdef cnp.ndarray decisions_of(object keep)
cdef cnp.ndarray packed(cnp.ndarray keep)
cdef cnp.ndarray unpacked(cnp.ndarray bits, tuple shape)
cdef int unpack(cnp.ndarray bits, cnp.ndarray keep) except -1
cdef int check_bits(cnp.ndarray bits, Sharing sharing) except -1


cdef inline cnp.ndarray empty_bits(Py_ssize_t decisions):
    cdef cnp.npy_intp size = (decisions + 7) >> 3
    return cnp.PyArray_EMPTY(1, &size, cnp.NPY_UINT8, 0)
