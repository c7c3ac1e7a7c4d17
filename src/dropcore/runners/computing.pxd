cimport numpy as cnp

from dropcore.mask cimport Runner


cdef class ComputingRunner(Runner):
    cdef object readable(self, cnp.ndarray array)
    cdef tuple all_readable(self, cnp.ndarray x, tuple others)
    cdef cnp.ndarray result(self, object array, tuple shape)
    cdef object gradients(self, cnp.ndarray dy, object gradient, object out)
