# Deciding variants: the variant brings the decisions, the core selects.

cimport cython
cimport numpy as cnp

import numpy as np

from dropcore._core cimport apply
from dropcore._core.bits cimport packed
from dropcore._core.layout cimport layout_of
from dropcore._core.outputs cimport delivered, source_for, target_for
from dropcore._core.plan cimport plan_of_decisions
from dropcore._core.table cimport DrawAddress, Layout
from dropcore.mask cimport Mask, register_runner, remember
from dropcore.runners.selecting cimport SelectingRunner
from dropcore.draw cimport Draw, draw_of
from dropcore.rng cimport take_draw

from dropcore.variants.base import DecidingVariant


@cython.final
cdef class DecidingRunner(SelectingRunner):

    cdef tuple drop(
        self, cnp.ndarray x, tuple others, double p, object out, object rng, bint store,
    ):
        cdef tuple shape = (<object> x).shape
        cdef cnp.ndarray target, source
        cdef DrawAddress draw
        cdef Layout own
        cdef const Layout* layout
        cdef Mask mask
        self.variant.independent_unit(shape)  # raises for a rank it does not read
        target = target_for("x", x, out)
        draw = take_draw(rng)
        mask = self.decided(p, shape, &draw)
        source = source_for(x, target)
        layout = layout_of(mask.plan.sharing, target, &own)
        apply.select(mask.bits, layout, apply.scratch_for(layout), mask.plan.plan, source, target)
        return delivered(target, out), mask

    cdef Mask decided(self, double p, tuple shape, const DrawAddress* draw):
        keep = np.asarray(self.variant.decide(draw_of(draw[0]), p, shape))
        if keep.dtype != bool:
            raise TypeError(
                f"variant {self.variant.name!r} must decide with an array of bool, "
                f"not of {keep.dtype}"
            )
        plan = plan_of_decisions(self.variant.plan(p, shape, keep), "keep", keep.shape, shape)
        return remember(self, p, shape, draw, plan, packed(keep), ())

    cdef Mask restored(
        self, double p, tuple shape, Draw draw, object bits, tuple mask_shape, tuple saved,
    ):
        return self.decided(p, shape, &draw.address)


register_runner(DecidingVariant, DecidingRunner)
