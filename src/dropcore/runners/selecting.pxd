cimport numpy as cnp

from dropcore._core.table cimport Plan
from dropcore.mask cimport Mask, Runner


cdef class SelectingRunner(Runner):
    cdef object plan_given(self, object plan)
    cdef object bits_of(self, Mask mask)
    cdef object select_by_mask(self, Mask mask, str name, cnp.ndarray x, object out, Plan plan)
