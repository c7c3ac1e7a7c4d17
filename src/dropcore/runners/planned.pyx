# Planned variants: the core decides and selects. If each element has a decision of its own, and
# memory is in C order, one kernel does both. Otherwise one kernel makes bits, and another selects.

cimport cython
cimport numpy as cnp

from libc.stdint cimport uint64_t

import numpy as np

from dropcore._core cimport apply
from dropcore._core.bits cimport check_bits, empty_bits, packed
from dropcore._core.layout cimport has_shape, is_fused, layout_of
from dropcore._core.outputs cimport delivered, source_for, target_for
from dropcore._core.plan cimport ShapedPlan, plan_of_decisions, shaped_plan
from dropcore._core.table cimport Layout
from dropcore.mask cimport Mask, register_runner, remember
from dropcore.runners.selecting cimport SelectingRunner
from dropcore.draw cimport Draw, address_of
from dropcore.rng cimport take_draw

from dropcore.variants.base import PlannedVariant

cdef enum:
    MOST = 1024  # plans in the cache of a Runner
    RECENT = 4  # there are 2^4 places for recent plans


cdef inline int place_of(double p, cnp.ndarray x) noexcept:
    cdef uint64_t mixed = <uint64_t> (p * 4294967296.0)
    cdef int axis
    for axis in range(cnp.PyArray_NDIM(x)):
        mixed = mixed * 31 + <uint64_t> cnp.PyArray_DIM(x, axis)
    return <int> (mixed * 0x9E3779B97F4A7C15ULL >> (64 - RECENT))


@cython.final
cdef class PlannedRunner(SelectingRunner):
    cdef dict plans  # the key is (p, shape), or (p, shape, shard)
    cdef list recent  # plans without a shard, or None; each at the place of its p and shape

    def __cinit__(self, variant):
        self.plans = {}
        self.recent = [None] * (1 << RECENT)

    cdef ShapedPlan plan_for(self, double p, tuple shape, tuple shard):
        key = (p, shape) if shard is None else (p, shape, shard)
        plan = self.plans.get(key)
        if plan is None:
            whole = shape if shard is None else shard[0]
            plan = shaped_plan(self.plan_given(self.variant.plan(p, whole)), shape, shard)
            (<ShapedPlan> plan).p = p
            if len(self.plans) >= MOST:
                self.plans.clear()
            self.plans[key] = plan
        return plan

    cdef ShapedPlan plan_for_array(self, double p, cnp.ndarray x):
        # Gives what `plan_for` gives without a shard, but finds a recent plan without a key. The
        # objects and the hash of a key would cost a fifth of a small call.
        cdef int place = place_of(p, x)
        cdef ShapedPlan plan = self.recent[place]
        if plan is None or plan.p != p or not has_shape(plan.sharing, x):
            plan = self.plan_for(p, (<object> x).shape, None)
            self.recent[place] = plan
        return plan

    cdef tuple drop(
        self, cnp.ndarray x, tuple others, double p, object out, object rng, bint store,
        tuple shard,
    ):
        cdef ShapedPlan plan
        cdef tuple shape
        cdef Layout own
        cdef const Layout* layout
        cdef bint fused
        cdef cnp.ndarray target, source
        cdef object scratch, bits = None
        cdef tuple result
        cdef Mask mask
        if shard is None:
            plan = self.plan_for_array(p, x)
        else:
            plan = self.plan_for(p, (<object> x).shape, shard)
        shape = plan.sharing.shape
        target = target_for("x", x, out)
        layout = layout_of(plan.sharing, target, &own)
        fused = is_fused(layout)
        scratch = apply.scratch_for(layout)
        if store or not fused:
            bits = empty_bits(plan.sharing.decisions)
        # All arrays are allocated before the draw is taken.
        mask = remember(self, p, shape, NULL, plan, bits if store else None, (), shard)
        result = (target if out is None else out, mask)
        source = source_for(x, target)
        mask.address = take_draw(rng)
        mask.has_draw = True
        if fused:
            apply.drop(&mask.address, p, &plan.sharing.shard, plan.plan, source, target, bits)
        else:
            apply.keep_bits(&mask.address, p, &plan.sharing.shard, bits)
            apply.select(bits, layout, scratch, plan.plan, source, target)
        delivered(target, out)
        return result

    cdef ShapedPlan plan_of(self, double p, tuple shape, tuple mask_shape):
        # For decisions that were made before.
        plan = self.plan_given(self.variant.plan(p, shape))
        return plan_of_decisions(plan, "keep", mask_shape, shape)

    cdef Mask from_keep(self, double p, tuple shape, cnp.ndarray keep):
        cdef ShapedPlan plan = self.plan_of(p, shape, (<object> keep).shape)
        return remember(self, p, shape, NULL, plan, packed(keep), (), None)

    cdef Mask restored(
        self, double p, tuple shape, Draw draw, object bits, tuple mask_shape, tuple saved,
        tuple shard,
    ):
        cdef ShapedPlan plan
        if bits is None:
            plan = self.plan_for(p, shape, shard)
            return remember(self, p, shape, address_of(draw), plan, None, (), shard)
        plan = self.plan_of(p, shape, mask_shape)
        bits = np.ascontiguousarray(bits)
        check_bits(bits, plan.sharing)
        return remember(self, p, shape, NULL, plan, bits, (), None)

    cdef Mask joined(self, Mask bare, tuple held):
        if not held and bare.has_draw:  # the bits are made again from the draw
            return bare
        return SelectingRunner.joined(self, bare, held)


register_runner(PlannedVariant, PlannedRunner)
