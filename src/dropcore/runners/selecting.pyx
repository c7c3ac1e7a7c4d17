# The base class of the Runners for planned and deciding variants: the core applies the bits of the
# mask, or bits that it makes again from the draw.

cimport numpy as cnp

import numpy as np

from dropcore._core cimport apply
from dropcore._core.bits cimport array_of, check_bits, empty_bits
from dropcore._core.layout cimport is_fused, layout_of
from dropcore._core.outputs cimport delivered, source_for, target_for
from dropcore._core.table cimport Layout, Plan
from dropcore.mask cimport Mask, Runner, remember

from dropcore.variants import base


cdef class SelectingRunner(Runner):

    cdef object plan_given(self, object plan):
        if not isinstance(plan, base.Plan):
            raise TypeError(
                f"plan of variant {self.variant.name!r} must give a dropcore.Plan, "
                f"not {base.described(plan)}"
            )
        return plan

    cdef object again(self, Mask mask, cnp.ndarray x, tuple others, object out):
        return self.select_by_mask(mask, "x", x, out, mask.plan.plan)

    cdef object backward(self, Mask mask, cnp.ndarray dy, object out):
        return self.select_by_mask(mask, "dy", dy, out, mask.plan.gradient)

    cdef object select_by_mask(self, Mask mask, str name, cnp.ndarray x, object out, Plan plan):
        cdef Layout own
        cdef cnp.ndarray target = target_for(name, x, out)
        cdef cnp.ndarray source = source_for(x, target)
        cdef const Layout* layout = layout_of(mask.plan.sharing, target, &own)
        if mask.bits is None and is_fused(layout):
            apply.drop(
                &mask.address, mask.p, &mask.plan.sharing.shard, plan, source, target, None
            )
        else:
            scratch = apply.scratch_for(layout)
            apply.select(self.bits_of(mask), layout, scratch, plan, source, target)
        return delivered(target, out)

    cdef cnp.ndarray decisions(self, Mask mask):
        return array_of(self.bits_of(mask))

    cdef object bits_of(self, Mask mask):
        if mask.bits is not None:
            return mask.bits
        bits = empty_bits(mask.plan.sharing.decisions)
        apply.keep_bits(&mask.address, mask.p, &mask.plan.sharing.shard, bits)
        return bits

    cdef tuple mask_shape(self, Mask mask):
        return mask.plan.sharing.mask_shape

    cdef tuple held(self, Mask mask):
        return () if mask.bits is None else (array_of(mask.bits),)

    cdef Mask joined(self, Mask bare, tuple held):
        if len(held) != 1 or not isinstance(held[0], np.ndarray):
            raise TypeError(f"held must be (bits,), as split() gave it, not {held!r}")
        (bits,) = held
        check_bits(bits, bare.plan.sharing)
        return remember(
            self, bare.p, bare.shape, &bare.address if bare.has_draw else NULL, bare.plan, bits,
            (), bare.shard,
        )
