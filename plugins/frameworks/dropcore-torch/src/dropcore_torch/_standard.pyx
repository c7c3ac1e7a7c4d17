# Dropout with a planned variant, for plain tensors in eager PyTorch. This is the most frequent
# case, so there is little code between the autograd.Function and the kernels.
#
# A. `_tensors.pxi` reads the memory of tensors, `_draws.pxi` makes draws, `_masks.pxi` runs the
#    kernels. They are one module, so that the C compiler can inline their functions.
# B. A call for a small tensor keeps the GIL: releasing the GIL costs as much time as the call.
# C. This module is compiled, although calls from Python to the kernels are fast too: between two
#    training steps, code and data of a Python function are evicted from the caches.
# D. transforms.py handles torch.func's transforms. `Function.apply` is a wrapper for these
#    transforms, so this module calls the `apply` of Function's base class instead. The `apply` of
#    the backward class is replaced by `pull_back`, which saves PyTorch's look-up of `backward` in
#    each call.
# E. The bits are a saved tensor of PyTorch. So PyTorch frees them with the graph, raises an error
#    if the bits are used later, and passes them to hooks of saved tensors.

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t, uintptr_t

from dropcore cimport (
    dropcore_draw, dropcore_draw_of, dropcore_forward_plan_bfloat16, dropcore_forward_plan_float16,
    dropcore_forward_plan_float32, dropcore_forward_plan_float64, dropcore_keep_bits,
    dropcore_layout, dropcore_layout_decisions, dropcore_layout_of, dropcore_layout_scratch,
    dropcore_plan, dropcore_scale, dropcore_select_bfloat16, dropcore_select_float16,
    dropcore_select_float32, dropcore_select_float64, dropcore_select_layout_bfloat16,
    dropcore_select_layout_float16, dropcore_select_layout_float32,
    dropcore_select_layout_float64, dropcore_set_index,
)

import numpy as np
import torch
from torch import empty_like, is_grad_enabled
from torch.autograd.function import Function

import dropcore
from dropcore import get_num_threads
from dropcore_torch.memory import LARGE, dense, large_like
from dropcore_torch.source import LIMIT
from dropcore_torch import transforms
from dropcore_torch.private import (
    PLAIN, apply_without_transforms, forward_ad, function_mode_enabled, in_transform, modes,
    replace_backward, tracing_state,
)

include "_tensors.pxi"
include "_draws.pxi"
include "_masks.pxi"


# ----------------------------------------------------------------------- functions

cdef object gradient(dy, Mask mask, bits):
    # If the gradient may be differentiated again, it is computed by a Function, or by operators
    # that have rules for transforms.
    if is_grad_enabled() or forward_ad._current_level >= 0:
        if transforms.are_in_the_way(dy):
            return gradient_by_operators(dy, mask, bits)
        return Gradient.apply(dy, mask, bits)
    return mask.backward(dy, bits)


def gradient_of(dy, bits, Py_ssize_t n, Py_ssize_t decisions, uint64_t shared, double scale):
    """Return the gradient, for calls of the node in C++ that the node does not support."""
    cdef Mask mask = Mask.__new__(Mask)
    mask.n, mask.decisions = n, decisions
    mask.plan = Plan.__new__(Plan)
    mask.plan.shared = shared
    set_plan(mask.plan, scale, 0, 0)
    return gradient(dy, mask, bits)


def gradient_by_operators(dy, Mask mask, bits):
    """Return the gradient, computed by operators for which torch.func's transforms have rules."""
    own = [
        1 if mask.plan.shared >> axis & 1 else length for axis, length in enumerate(dy.shape)
    ]
    keep = np.unpackbits(bits.numpy(), count=mask.decisions, bitorder="little").view(bool)
    scale = torch.tensor(mask.plan.backward.scale, dtype=torch.float64)
    return transforms.gradient(dy, torch.from_numpy(keep.reshape(own)).expand(dy.shape), scale)


def pull_back(ctx, dy):
    """Return the gradients of x and of the mask (None)."""
    (bits,) = ctx.saved_tensors
    return gradient(dy, ctx.mask, bits), None


cdef object save(ctx, Mask mask, bits):
    ctx.mask = mask
    ctx.save_for_backward(bits)
    if forward_ad._current_level >= 0:
        ctx.save_for_forward(bits)


class Planned(Function):
    """The forward pass."""

    @staticmethod
    def forward(ctx, x, Mask mask):
        """Return y."""
        y, bits = mask.forward(x, True)
        save(ctx, mask, bits)
        return y

    backward = staticmethod(pull_back)

    @staticmethod
    def jvp(ctx, dx, _):
        """Return the tangent of y."""
        return gradient(dx, ctx.mask, ctx.saved_tensors[0])


class Gradient(Function):
    """The backward pass: linear and its own adjoint, so it has any number of derivatives."""

    @staticmethod
    def forward(ctx, dy, Mask mask, bits):
        """Return dx."""
        save(ctx, mask, bits)
        return mask.backward(dy, bits)

    @staticmethod
    def backward(ctx, ddx):
        """Return the gradient of dy."""
        return gradient(ddx, ctx.mask, ctx.saved_tensors[0]), None, None

    @staticmethod
    def jvp(ctx, ddy, _, __):
        """Return the tangent of dx."""
        return gradient(ddy, ctx.mask, ctx.saved_tensors[0])


cdef Py_ssize_t LARGE_BYTES = LARGE
cdef tuple NUMBERS = (float, int)  # not their subclasses, such as bool
cdef object apply = apply_without_transforms(Planned)
replace_backward(Planned, pull_back)


cdef bint is_seen_by_others() except? True:
    # Whether a mode, a tracer or a transform is active: each of them sees only operators.
    return modes() or function_mode_enabled() or tracing_state() is not None or in_transform()


cdef object untouched(x, source):
    # Returns the input itself, as PyTorch does. An index is taken, so that later draws do not
    # depend on p.
    try:
        index_of(source)
    except RuntimeError:  # as in `source.take`
        pass
    return x


def dropout(x, p, training, inplace, rule, source):
    """Compute y, in x if `inplace`; return None if this module does not support the call.

    Parameters
    ----------
    x : torch.Tensor
    p : float
    training : bool
    inplace : bool
    rule : dropcore_torch.rule.Rule
    source : dropcore_torch.source.Source
        An index is taken from it, unless None is returned.
    """
    cdef Mask mask
    cdef Plan plan
    cdef Seen seen
    cdef dropcore_layout layout
    cdef bint in_order
    if training is not True or not rule.planned or type(p) not in NUMBERS or not 0 <= p <= 1:
        return None
    if type(x) not in PLAIN or is_seen_by_others():
        return None
    if rule.standard:
        if p == 0 and x.is_cpu:
            return untouched(x, source)
        if not look_at(x, &seen) or seen.dtype == UINT8:
            return None
        plan = Plan.__new__(Plan)
        plan.shared = 0
        set_plan(plan, dropcore_scale(p), 0, 0)
    else:
        if not look_at(x, &seen) or seen.dtype == UINT8:
            return None
        plan = plan_of(x, p, rule)
        if plan is None:
            return None
        if p == 0 and plan.forward.scale == 1 and plan.forward.shift == 0:
            return untouched(x, source)
    in_order = seen.plain and plan.shared == 0
    copy = None
    if not in_order and not find_layout(&seen, plan.shared, &layout):
        copy = x.detach().clone()  # without gaps; the order of the axes in memory stays
        if not look_at(copy, &seen):
            return None
        in_order = seen.plain and plan.shared == 0
        if not in_order and not find_layout(&seen, plan.shared, &layout):
            return None
    if (inplace and x.is_inference()) or (seen.n >= SHARED_WORK and get_num_threads() != 1):
        return None
    mask = Mask.__new__(Mask)
    mask.draw = key_of(source.key).draw
    dropcore_set_index(&mask.draw, index_of(source))
    mask.p, mask.n, mask.plan, mask.in_order, mask.copy = p, seen.n, plan, in_order, copy
    mask.decisions = seen.n if in_order else dropcore_layout_decisions(&layout)
    if (x.requires_grad and is_grad_enabled()) or forward_ad._current_level >= 0:
        y = apply(x, mask)
    else:
        y, _ = mask.forward(x, False)
    return x.copy_(y) if inplace else y
