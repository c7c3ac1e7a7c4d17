"""Attention with dropout in the whole form, with all weights in memory at once.

W = softmax(scale q k^T + mask),  y = drop(W) v
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)  # computed in float32, as PyTorch does


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    causal: bool,
    scale: float,
    drop: Callable[[Tensor], Tensor],
) -> Tensor:
    """Compute y. The last two axes of the tensors are positions and widths.

    Parameters
    ----------
    q, k, v : torch.Tensor
    mask : torch.Tensor, optional
        Bools, True where a query sees a key, or numbers that are added to the scores.
    causal : bool
        Whether later keys are hidden from a query.
    scale : float
        The factor of the scores.
    drop : callable
        Returns W after dropout.
    """
    scores = (wide(q) * scale) @ wide(k).transpose(-2, -1)
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        scores = scores + added(~later, scores.dtype)
    if mask is not None:
        scores = scores + added(mask, scores.dtype)
    w = scores.softmax(-1) if mask is None else softmax_of_some(scores)
    return (drop(w) @ wide(v)).to(q.dtype)


def wide(x: Tensor) -> Tensor:
    """A tensor in the dtype in which attention is computed."""
    return x.float() if x.dtype in HALF else x


def added(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A mask as numbers that are added to the scores."""
    if mask.dtype is not torch.bool:
        return mask.to(dtype)
    return torch.zeros((), dtype=dtype, device=mask.device).where(mask, -torch.inf)


def softmax_of_some(scores: Tensor) -> Tensor:
    """The softmax; a query that sees no key gets zeros, as in PyTorch."""
    nothing = (scores == -torch.inf).all(-1, keepdim=True)
    return scores.masked_fill(nothing, 0).softmax(-1).masked_fill(nothing, 0)
