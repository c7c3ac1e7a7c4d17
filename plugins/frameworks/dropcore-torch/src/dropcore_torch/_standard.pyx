# Dropout by a plan, of plain tensors in eager PyTorch. This is the most frequent case, so there is
# little code between the autograd.Function and the kernels.
#
# A. `_tensors.pxi` looks at tensors, `_draws.pxi` gives draws, `_masks.pxi` runs the kernels. They
#    are one module, so that the C compiler can inline their functions.
# B. Small tensors keep the GIL: releasing it costs as much time as they take.
# C. All of it is compiled, although the kernels are fast from Python too: code and data of a
#    Python function have been evicted from the caches by the next training step.
# D. torch.func's transforms are served elsewhere. So `Function.apply`, a layer for them, is left
#    out: the `apply` that it inherits is called. The `apply` of the backward class is replaced by
#    `pull_back`, which saves PyTorch's look-up of that function in each call.
# E. The bits are a tensor that PyTorch saves. So PyTorch frees them with the graph, raises an
#    error if they are used after that, and shows them to hooks of saved tensors.

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
    # Where it may have to be differentiated again: by a rule of the tape's, or of transforms.
    if is_grad_enabled() or forward_ad._current_level >= 0:
        if transforms.are_in_the_way(dy):
            return gradient_by_operators(dy, mask, bits)
        return Gradient.apply(dy, mask, bits)
    return mask.backward(dy, bits)


def gradient_of(dy, bits, Py_ssize_t n, Py_ssize_t decisions, uint64_t shared, double scale):
    """Give the gradient where the node in C++ leaves that to this module."""
    cdef Mask mask = Mask.__new__(Mask)
    mask.n, mask.decisions = n, decisions
    mask.plan = Plan.__new__(Plan)
    mask.plan.shared = shared
    set_plan(mask.plan, scale, 0, 0)
    return gradient(dy, mask, bits)


def gradient_by_operators(dy, Mask mask, bits):
    """Give the gradient so that torch.func's transforms find their rules for it."""
    own = [
        1 if mask.plan.shared >> axis & 1 else length for axis, length in enumerate(dy.shape)
    ]
    keep = np.unpackbits(bits.numpy(), count=mask.decisions, bitorder="little").view(bool)
    scale = torch.tensor(mask.plan.backward.scale, dtype=torch.float64)
    return transforms.gradient(dy, torch.from_numpy(keep.reshape(own)).expand(dy.shape), scale)


def pull_back(ctx, dy):
    """Give the gradients of x and of what comes with it."""
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
        """Give y."""
        y, bits = mask.forward(x, True)
        save(ctx, mask, bits)
        return y

    backward = staticmethod(pull_back)

    @staticmethod
    def jvp(ctx, dx, _):
        """Give the tangent of y."""
        return gradient(dx, ctx.mask, ctx.saved_tensors[0])


class Gradient(Function):
    """The backward pass: linear and its own adjoint, so it has any number of derivatives."""

    @staticmethod
    def forward(ctx, dy, Mask mask, bits):
        """Give dx."""
        save(ctx, mask, bits)
        return mask.backward(dy, bits)

    @staticmethod
    def backward(ctx, ddx):
        """Give the gradient of dy."""
        return gradient(ddx, ctx.mask, ctx.saved_tensors[0]), None, None

    @staticmethod
    def jvp(ctx, ddy, _, __):
        """Give the tangent of dx."""
        return gradient(ddy, ctx.mask, ctx.saved_tensors[0])


cdef Py_ssize_t LARGE_BYTES = LARGE
cdef tuple NUMBERS = (float, int)  # and not what derives from them, such as bool
cdef object apply = apply_without_transforms(Planned)
replace_backward(Planned, pull_back)


cdef bint is_seen_by_others() except? True:
    # Who sees operators alone, or has no rule for dropout.
    return modes() or function_mode_enabled() or tracing_state() is not None or in_transform()


cdef object untouched(x, source):
    # The input itself, as PyTorch gives it. What the next call draws does not follow from this p.
    try:
        index_of(source)
    except RuntimeError:  # as in `source.take`
        pass
    return x


def dropout(x, p, training, inplace, rule, source):
    """Compute y, in x if `inplace`; None if that is not for this module to do.

    Parameters
    ----------
    x : torch.Tensor
    p : float
    training : bool
    inplace : bool
    rule : dropcore_torch.rule.Rule
    source : dropcore_torch.source.Source
        Asked for an index if y is given.
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
        copy = x.detach().clone()  # without gaps, its axes in the same order
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
