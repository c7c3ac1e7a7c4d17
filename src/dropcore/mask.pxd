cimport numpy as cnp

from dropcore._core.plan cimport ShapedPlan
from dropcore._core.table cimport DrawAddress
from dropcore.draw cimport Draw


cdef class Mask


cdef class Runner:
    cdef readonly object variant
    cdef readonly tuple inputs
    cdef readonly bint training
    cdef Runner inference  # the Runner for inference of the same variant

    cdef tuple drop(
        self, cnp.ndarray x, tuple others, double p, object out, object rng, bint store,
        tuple shard,
    )
    cdef object again(self, Mask mask, cnp.ndarray x, tuple others, object out)
    cdef object backward(self, Mask mask, cnp.ndarray dy, object out)
    cdef cnp.ndarray decisions(self, Mask mask)
    cdef tuple mask_shape(self, Mask mask)
    cdef Mask from_keep(self, double p, tuple shape, cnp.ndarray keep)
    cdef Mask restored(
        self, double p, tuple shape, Draw draw, object bits, tuple mask_shape, tuple saved,
        tuple shard,
    )
    cdef tuple held(self, Mask mask)
    cdef Mask joined(self, Mask bare, tuple held)


cdef class Mask:
    cdef Runner runner
    cdef readonly double p
    cdef readonly tuple shape
    cdef readonly tuple shard
    cdef bint has_draw
    cdef DrawAddress address
    cdef ShapedPlan plan  # of a planned or deciding variant; otherwise None
    cdef object bits  # the stored decisions, or None
    cdef tuple saved  # the arrays that a free variant's forward saved


cdef int register_runner(object kind, type runner) except -1
cdef Runner runner_of(object variant)
cdef tuple shard_for(Runner runner, object shard, tuple shape)
cdef Mask remember(
    Runner runner, double p, tuple shape, const DrawAddress* draw, ShapedPlan plan, object bits,
    tuple saved, tuple shard,
)
cpdef double p_for(object variant, object p) except? -1.0
