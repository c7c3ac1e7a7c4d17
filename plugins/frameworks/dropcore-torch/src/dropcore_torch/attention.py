"""Scaled dot-product attention with dropout of its weights: in blocks, or in the whole form.

The node in C++, or else Python code (`blocks`), computes blocks of the weights. In the whole form
all weights are in memory at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import handle_torch_function

from dropcore_torch import blocks, paths, pieces, whole
from dropcore_torch.others import DTYPES, is_other
from dropcore_torch.private import (
    PLAIN,
    function_mode_enabled,
    in_forward_mode,
    in_transform,
    modes,
    tracing_state,
)
from dropcore_torch.source import Source, Traced, is_compiling

# Without the node, `blocks` is faster than the whole form from this number of weights on.
SMALL = 1 << 20


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    p: float,
    causal: bool,
    scale: float | None,
    gqa: bool,
    source: Source | Traced,
    drop: Callable[[Tensor], Tensor],
) -> Tensor:
    """Attention with dropout.

    Parameters
    ----------
    q, k, v, mask, p, causal, scale, gqa
        As for `functional.attention`.
    source : Source or Traced
        The source of the draw, for blocks.
    drop : callable
        Drops a tensor of weights with a draw of `source`, for the whole form.
    """
    if not is_compiling() and function_mode_enabled():
        rest = (mask, p, causal, scale, gqa, source, drop)
        return handle_torch_function(attend, (q, k, v), q, k, v, *rest)
    y = by_blocks(q, k, v, mask, p, causal, scale, gqa, source)
    if y is not None:
        return y
    if gqa and q.shape[-3] != k.shape[-3]:
        groups = q.shape[-3] // k.shape[-3]
        k, v = k.repeat_interleave(groups, -3), v.repeat_interleave(groups, -3)
    return whole.attention(q, k, v, mask, causal, scale_of(q, scale), drop)


def by_blocks(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    p: float,
    causal: bool,
    scale: float | None,
    gqa: bool,
    source: Source | Traced,
) -> Tensor | None:
    """Attention in blocks, in the node if the node supports the call.

    Returns None if the whole form must compute the call: in compilers, tracers, modes, transforms
    and forward mode; if q is a part of a tensor (`distributed`); if p is not a probability; for
    `mask` with `causal`; for tensors that are not plain, not on the CPU, empty, or of shapes that
    do not fit; and without the node for few weights.
    """
    if is_compiling():
        return None
    y = paths.attention(q, k, v, mask, p, causal, scale, gqa, source)
    if y is not None:
        return y
    if modes() or in_transform() or tracing_state() is not None:
        return None
    if in_forward_mode() or not 0 <= p <= 1 or (causal and mask is not None):
        return None
    if pieces.situation_of(q, source) is not None:  # the whole form drops parts
        return None
    if not (_are_ours(q, k, v) and _fit(q, k, v, gqa)):
        return None
    if q.numel() // q.shape[-1] * k.shape[-2] < SMALL:
        return None
    if mask is not None and not _is_mask(mask, (*_four(q.shape)[:3], k.shape[-2]), q.dim()):
        return None
    call = blocks.Call(scale_of(q, scale), causal, p, source.draw())
    return blocks.attention(q, k, v, mask, call)


def scale_of(q: Tensor, scale: float | None) -> float:
    """The factor of the scores."""
    return q.shape[-1] ** -0.5 if scale is None else scale


def _are_ours(*tensors: Any) -> bool:
    for x in tensors:
        if type(x) not in PLAIN or x.dtype is not tensors[0].dtype or is_other(x):
            return False
    return tensors[0].dtype in DTYPES


def _fit(q: Tensor, k: Tensor, v: Tensor, gqa: bool) -> bool:
    # Whether the shapes fit for attention, and no tensor is empty.
    if not q.dim() == k.dim() == v.dim() or not 2 <= q.dim() <= 4:
        return False
    if k.shape[:-1] != v.shape[:-1] or q.shape[-1] != k.shape[-1]:
        return False
    if q.numel() == 0 or v.numel() == 0:
        return False
    if q.shape[:-2] == k.shape[:-2]:
        return True
    alike = gqa and q.dim() > 2 and q.shape[:-3] == k.shape[:-3]
    return alike and q.shape[-3] % k.shape[-3] == 0


def _is_mask(mask: Any, shape: tuple[int, ...], axes: int) -> bool:
    if type(mask) not in PLAIN or is_other(mask) or mask.dim() > axes or mask.numel() == 0:
        return False
    if mask.dtype not in (*DTYPES, torch.bool):
        return False
    return all(n in (1, length) for n, length in zip(_four(mask.shape), shape, strict=True))


def _four(shape: torch.Size) -> tuple[int, ...]:
    return (1,) * (4 - len(shape)) + tuple(shape)
