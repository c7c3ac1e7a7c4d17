# Free variants: the variant's own code computes forward and backward. The mask holds the arrays
# that forward saved.

cimport cython
cimport numpy as cnp

from dropcore._core.outputs cimport delivered, put, target_for
from dropcore._core.table cimport DrawAddress
from dropcore.mask cimport Mask, register_runner, remember
from dropcore.runners.computing cimport ComputingRunner
from dropcore.draw cimport Draw, address_of, draw_of
from dropcore.rng cimport take_draw

from dropcore.variants.base import FreeVariant, described


@cython.final
cdef class FreeRunner(ComputingRunner):

    cdef tuple drop(
        self, cnp.ndarray x, tuple others, double p, object out, object rng, bint store,
        tuple shard,
    ):
        cdef tuple shape = (<object> x).shape
        cdef cnp.ndarray target = target_for("x", x, out)
        cdef tuple inputs = self.all_readable(x, others)
        cdef DrawAddress draw
        self.variant.independent_unit(shape)  # raises for a refused number of axes
        draw = take_draw(rng)
        y, saved = self.pair(self.call("forward", (draw_of(draw), p, *inputs)))
        put(target, self.result("forward", y, shape))
        mask = remember(self, p, shape, &draw, None, None, tuple(saved), None)
        return delivered(target, out), mask

    cdef tuple pair(self, object given):
        if not isinstance(given, tuple) or len(given) != 2:
            raise TypeError(
                f"forward of variant {self.variant.name!r} must give a pair, y and a tuple of what "
                f"backward needs, not {described(given)}"
            )
        if not isinstance(given[1], (tuple, list)):
            raise TypeError(
                f"what forward of variant {self.variant.name!r} saves must be a tuple, such as "
                f"(keep,), not {described(given[1])}"
            )
        return given

    cdef object again(self, Mask mask, cnp.ndarray x, tuple others, object out):
        cdef cnp.ndarray target = target_for("x", x, out)
        cdef tuple inputs = self.all_readable(x, others)
        y, _ = self.pair(self.call("forward", (draw_of(mask.address), mask.p, *inputs)))
        put(target, self.result("forward", y, mask.shape))
        return delivered(target, out)

    cdef object backward(self, Mask mask, cnp.ndarray dy, object out):
        wide = self.readable(dy)
        gradient = self.call("backward", (draw_of(mask.address), mask.p, wide, *mask.saved))
        return self.gradients("backward", dy, gradient, out)

    cdef Mask restored(
        self, double p, tuple shape, Draw draw, object bits, tuple mask_shape, tuple saved,
        tuple shard,
    ):
        return remember(self, p, shape, address_of(draw), None, None, saved, None)

    cdef tuple held(self, Mask mask):
        return mask.saved

    cdef Mask joined(self, Mask bare, tuple held):
        return remember(self, bare.p, bare.shape, &bare.address, None, None, held, None)


register_runner(FreeVariant, FreeRunner)
