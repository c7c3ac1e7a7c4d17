"""Dropout made of PyTorch's operators, for torch.func's transforms and batched derivatives.

    y = where(keep, x * scale + shift, drop),  dx = where(keep, dy * scale, 0)

Each transform (such as grad, vmap, jvp) has rules for these operators. The values equal those of
the kernels to the bit. The caller passes the keep decisions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dropcore_torch.private import in_transform, is_batched

HALF = (torch.float16, torch.bfloat16)  # computed in float32, and rounded once


def are_in_the_way(dy: Tensor) -> bool:
    """Whether a transform is active, or `dy` is a batch of gradients in a batched derivative."""
    return in_transform() or is_batched(dy)


def select(x: Tensor, keep: Tensor, numbers: Tensor) -> Tensor:
    """The result for x; `numbers` are scale, shift and drop in float64.

    A shift of -0.0 means that nothing is added.
    """
    wide = x.float() if x.dtype in HALF else x
    scale, shift, drop = numbers.to(wide.dtype).unbind(-1)
    return torch.where(keep, wide * scale + shift, drop).to(x.dtype)


def gradient(dy: Tensor, keep: Tensor, scale: Tensor) -> Tensor:
    """The gradient of `select`."""
    wide = dy.float() if dy.dtype in HALF else dy
    return torch.where(keep, wide * scale.to(wide.dtype), 0).to(dy.dtype)
