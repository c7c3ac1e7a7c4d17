# Inference of any variant, by the variant's rule. The rule of most variants is to copy x.

cimport cython
cimport numpy as cnp

import numpy as np

from dropcore._core.bits cimport packed
from dropcore._core.outputs cimport delivered, put, target_for
from dropcore.mask cimport Mask, register_runner, remember
from dropcore.runners.computing cimport ComputingRunner
from dropcore.draw cimport Draw

from dropcore.variants.base import Variant


@cython.final
cdef class InferenceRunner(ComputingRunner):
    cdef bint copies  # the variant has the default rule for y
    cdef bint copies_back  # the variant has the default rule for gradients

    def __cinit__(self, variant):
        self.training = False
        self.copies = type(variant).infer is Variant.infer
        self.copies_back = type(variant).infer_backward is Variant.infer_backward

    cdef tuple drop(
        self, cnp.ndarray x, tuple others, double p, object out, object rng, bint store,
        tuple shard,
    ):
        cdef tuple shape = (<object> x).shape
        y = self.infer(p, shape, x, others, out)
        return y, remember(self, p, shape, NULL, None, None, (), shard)

    cdef object again(self, Mask mask, cnp.ndarray x, tuple others, object out):
        return self.infer(mask.p, mask.shape, x, others, out)

    cdef object infer(self, double p, tuple shape, cnp.ndarray x, tuple others, object out):
        cdef cnp.ndarray target = target_for("x", x, out)
        if self.copies:
            np.copyto(target, x)
        else:
            y = self.call("infer", (p, *self.all_readable(x, others)))
            put(target, self.result("infer", y, shape))
        return delivered(target, out)

    cdef object backward(self, Mask mask, cnp.ndarray dy, object out):
        cdef cnp.ndarray target
        if self.copies_back:
            target = target_for("dy", dy, out)
            np.copyto(target, dy)
            return delivered(target, out)
        gradient = self.call("infer_backward", (mask.p, self.readable(dy)))
        return self.gradients("infer_backward", dy, gradient, out)

    cdef cnp.ndarray decisions(self, Mask mask):
        return packed(np.ones(mask.shape, bool))

    cdef Mask restored(
        self, double p, tuple shape, Draw draw, object bits, tuple mask_shape, tuple saved,
        tuple shard,
    ):
        return remember(self, p, shape, NULL, None, None, (), shard)

    cdef tuple held(self, Mask mask):
        return ()

    cdef Mask joined(self, Mask bare, tuple held):
        if held:
            raise TypeError(f"held must be (), as split() gave it, not {held!r}")
        return bare


register_runner(None, InferenceRunner)
