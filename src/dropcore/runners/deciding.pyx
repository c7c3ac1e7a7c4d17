# Deciding variants: the variant makes the decisions, the core selects. For a block of a larger
# array, the variant makes the decisions of the whole array, and the mask stores only the decisions
# of the block.

cimport cython
cimport numpy as cnp

import numpy as np

from dropcore._core cimport apply
from dropcore._core.bits cimport packed
from dropcore._core.layout cimport layout_of
from dropcore._core.outputs cimport delivered, source_for, target_for
from dropcore._core.plan cimport ShapedPlan, plan_of_decisions
from dropcore._core.table cimport DrawAddress, Layout
from dropcore.mask cimport Mask, register_runner, remember
from dropcore.runners.selecting cimport SelectingRunner
from dropcore.draw cimport Draw, address_of, draw_of
from dropcore.rng cimport take_draw

from dropcore.variants.base import DecidingVariant, described


@cython.final
cdef class DecidingRunner(SelectingRunner):

    cdef tuple drop(
        self, cnp.ndarray x, tuple others, double p, object out, object rng, bint store,
        tuple shard,
    ):
        cdef tuple shape = (<object> x).shape
        cdef cnp.ndarray target, source
        cdef DrawAddress draw
        cdef Layout own
        cdef const Layout* layout
        cdef Mask mask
        # Raises for a number of axes that the variant does not accept.
        self.variant.independent_unit(shape if shard is None else shard[0])
        target = target_for("x", x, out)
        draw = take_draw(rng)
        mask = self.decided(p, shape, &draw, shard)
        source = source_for(x, target)
        layout = layout_of(mask.plan.sharing, target, &own)
        apply.select(mask.bits, layout, apply.scratch_for(layout), mask.plan.plan, source, target)
        return delivered(target, out), mask

    cdef Mask decided(self, double p, tuple shape, const DrawAddress* draw, tuple shard):
        cdef ShapedPlan ready
        whole = shape if shard is None else shard[0]
        decided = self.variant.decide(draw_of(draw[0]), p, whole)
        keep = np.asarray(decided)
        if keep.dtype != bool:
            raise TypeError(
                f"decide of variant {self.variant.name!r} must give an array of bool, "
                f"not {described(decided)}"
            )
        plan = self.plan_given(self.variant.plan(p, whole, keep))
        ready = plan_of_decisions(plan, "keep", keep.shape, whole)
        if shard is not None:
            keep = keep[block_in(keep.shape, shape, shard)]
            ready = plan_of_decisions(plan, "keep", keep.shape, shape)
        return remember(self, p, shape, draw, ready, packed(keep), (), shard)

    cdef Mask restored(
        self, double p, tuple shape, Draw draw, object bits, tuple mask_shape, tuple saved,
        tuple shard,
    ):
        return self.decided(p, shape, address_of(draw), shard)


cdef tuple block_in(tuple mask_shape, tuple shape, tuple shard):
    # The slices of the block in the whole mask. Along a shared axis there is only one decision.
    whole, offsets = shard
    return tuple([
        slice(offset, offset + length) if decisions == all_ else slice(None)
        for decisions, all_, offset, length in zip(mask_shape, whole, offsets, shape)
    ])


register_runner(DecidingVariant, DecidingRunner)
