# A variant's plan for arrays of one shape: the axes along which decisions are shared; scale, shift
# and drop for the elements, and for their gradients. Also the scale of most plans, the kept scale.

cimport cython
from libc.stdint cimport uint64_t

from numpy.lib.array_utils import normalize_axis_tuple

from dropcore._core.layout cimport Sharing


@cython.final
cdef class ShapedPlan:
    pass


cdef ShapedPlan shaped_plan(object plan, tuple shape, tuple shard):
    # For decisions that the core will make, shared along the axes that the plan names. `shard`:
    # None, or the whole shape and the offsets of the block.
    shared_axes = normalize_axis_tuple(plan.shared_axes, len(shape), argname="shared_axes")
    return with_sharing(plan, Sharing(shape, shared_axes, shard))


cdef ShapedPlan plan_of_decisions(object plan, str name, tuple mask_shape, tuple shape):
    # For decisions that exist already, in an array of shape `mask_shape`. Decisions are shared
    # along the axes that have length 1 in `mask_shape` and another length in `shape`.
    if len(mask_shape) != len(shape) or any(
        [length not in (1, whole) for length, whole in zip(mask_shape, shape)]
    ):
        raise ValueError(
            f"{name} must have one axis for each axis of shape {shape}, with the same length or 1, "
            f"not shape {mask_shape}"
        )
    shared = tuple([axis for axis, length in enumerate(mask_shape) if length != shape[axis]])
    return with_sharing(plan, Sharing(shape, shared))


cdef ShapedPlan with_sharing(object plan, Sharing sharing):
    cdef ShapedPlan ready = ShapedPlan.__new__(ShapedPlan)
    ready.sharing = sharing
    ready.plan = Plan(scale=plan.scale, shift=plan.shift, drop=plan.drop)
    ready.gradient = Plan(scale=plan.scale, shift=0, drop=0)
    return ready


cpdef double kept_scale(double p) noexcept nogil:
    """1/(1 - P/2^64), with P = floor(p * 2^64): the scale that keeps the mean; 0 for p = 1."""
    cdef uint64_t P
    if p >= 1:
        return 0
    P = <uint64_t> (p * 18446744073709551616.0)
    return 1 / (1 - <double> P / 18446744073709551616.0)
