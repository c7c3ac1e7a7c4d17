from dropcore._core.layout cimport Sharing
from dropcore._core.table cimport Plan


cdef class ShapedPlan:
    cdef Sharing sharing
    cdef double p  # set only in a plan that a Runner caches
    cdef Plan plan
    cdef Plan gradient


cdef ShapedPlan shaped_plan(object plan, tuple shape, tuple shard)
cdef ShapedPlan plan_of_decisions(object plan, str name, tuple mask_shape, tuple shape)
cpdef double kept_scale(double p) noexcept nogil
