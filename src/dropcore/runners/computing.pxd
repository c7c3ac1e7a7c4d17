cimport numpy as cnp

from dropcore.mask cimport Runner


cdef class ComputingRunner(Runner):
    cdef object readable(self, cnp.ndarray array)
    cdef tuple all_readable(self, cnp.ndarray x, tuple others)
    cdef object call(self, str method, tuple arguments)
    cdef cnp.ndarray result(self, str method, object array, tuple shape)
    cdef object gradients(self, str method, cnp.ndarray dy, object gradient, object out)
