cimport numpy as cnp

from dropcore._core.layout cimport Layout
from dropcore._core.table cimport Affine, DrawAddress


cdef class ShapedPlan:
    cdef Layout layout
    cdef Affine forward
    cdef Affine backward


cdef class Mask:
    cdef readonly object variant
    cdef readonly double p
    cdef readonly tuple shape
    cdef readonly bint training
    cdef bint has_draw
    cdef DrawAddress address
    cdef ShapedPlan plan
    cdef object bits
    cdef tuple saved

    cdef object first_forward(self, tuple inputs, object out, object rng, bint store)
    cdef object planned_forward(self, object value, object out, object rng, bint store)
    cdef object decided_forward(self, object value, object out, object rng)
    cdef object free_forward(self, tuple inputs, object out, object rng, bint first)
    cdef object free_backward(self, object value, object out)
    cdef object through(self, str name, object value, object out, Affine affine)
    cdef object infer(self, tuple inputs, object out)
    cdef object infer_backward(self, object value, object out)
    cdef object result(self, object array)
    cdef object gradients(self, cnp.ndarray dy, object gradient, object out)
    cdef tuple computing(self, tuple arrays)
    cdef int decide(self) except -1
    cdef cnp.ndarray decisions(self)


cdef int unpack(cnp.ndarray bits, cnp.ndarray keep) except -1
cdef ShapedPlan shaped_plan(object plan, tuple shape)
cdef Mask new_mask(object variant, double p, tuple shape, bint training, ShapedPlan plan)
cpdef double p_for(object variant, object p) except? -1.0
