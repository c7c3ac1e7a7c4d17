"""Attention with dropout by blocks, in the node in C++: `native/attention.h`.

It computes what `blocks` computes, which has the formulas, with the same decisions. A block is
never larger than the L2 cache, in both directions. For each row, the forward pass keeps the
greatest score and the factor of the softmax, so the backward pass needs no whole row of weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, is_grad_enabled
from torch.autograd.function import Function

from dropcore_torch import blocks, paths
from dropcore_torch.plain import wide


def takes(q: Tensor, mask: Tensor | None, p: float) -> bool:
    """Whether the node computes a call: it has no float64, no p = 1 and no gradient of a mask."""
    if q.dtype is torch.float64 or p == 1 or (mask is not None and mask.requires_grad):
        return False
    return paths.attends()


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, call: blocks.Call) -> Tensor:
    """Compute y, for tensors as in `blocks.attention`."""
    return _Fused.apply(q, k, v, mask, call)


class _Fused(Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, call: blocks.Call
    ) -> Tensor:
        # Keys that no row sees can only be skipped if k and v are finite: 0 * nan is nan.
        skips = call.causal and bool(k.isfinite().all() and v.isfinite().all())
        ctx.call, ctx.skips = call, skips
        given = _arguments(q, k, v, mask, call, skips)
        y = torch.empty((*q.shape[:-1], v.shape[-1]), dtype=torch.float32)
        grouped = blocks.group(y, given[1].shape[1])
        softmax = torch.empty((2, *grouped.shape[:-1]), dtype=torch.float32)
        paths.node_module().attention(*given, grouped, softmax)
        if any(ctx.needs_input_grad):
            # A copy of y, because code may change the output in place.
            kept = grouped.clone() if q.dtype is torch.float32 else grouped
            ctx.save_for_backward(q, k, v, mask, kept, softmax)
        return y.to(q.dtype)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, mask, y, softmax = ctx.saved_tensors
        if is_grad_enabled():  # for a second derivative
            return _differentiable(ctx, q, k, v, mask, dy)
        given = _arguments(q, k, v, mask, ctx.call, ctx.skips)
        gradients = [
            torch.empty(x.shape, dtype=torch.float32) if need else None
            for x, need in zip(given[:3], ctx.needs_input_grad, strict=False)
        ]
        dy = blocks.group(wide(dy), given[1].shape[1])
        paths.node_module().attention_gradients(*given, y, softmax, dy, *gradients)
        dq, dk, dv = (
            None if dx is None else dx.view(x.shape).to(x.dtype)
            for dx, x in zip(gradients, (q, k, v), strict=True)
        )
        return dq, dk, dv, None, None


def _arguments(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, call: blocks.Call, skips: bool
) -> tuple[Any, ...]:
    # What the node's functions are told besides results.
    if mask is not None and mask.dtype is not torch.bool:
        mask = mask.float()
    tensors = blocks.in_groups(wide(q), wide(k), wide(v), mask)
    return *tensors, call.scale, call.p, call.causal, skips, call.draw


def _differentiable(
    ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dy: Tensor
) -> tuple[Tensor | None, ...]:
    grouped = blocks.in_groups(q, k, v, mask)
    dy = blocks.group(dy, grouped[1].shape[1])
    gradients = blocks.differentiable(*grouped, ctx, dy)
    return (
        *(
            None if dx is None else dx.reshape(x.shape)
            for dx, x in zip(gradients[:3], (q, k, v), strict=True)
        ),
        None,
        None,
    )
