"""PyTorch's own dropout, for tensors that dropcore does not compute: those of other devices."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dropcore_torch.rule import Rule


def dropout(x: Tensor, p: float, training: bool, inplace: bool, rule: Rule) -> Tensor:
    """PyTorch's dropout of the same kind, with PyTorch's own randomness."""
    options = rule.variant.options()
    axes = tuple(sorted(axis % max(x.dim(), 1) for axis in options.pop("shared_axes", ())))
    alpha = rule.variant.name == "alpha" and options == {"fixed_mean": 0.0, "fixed_var": 1.0}
    if alpha or rule.variant.name == "standard":
        if not axes:
            elementwise = F.alpha_dropout if alpha else F.dropout
            return elementwise(x, p, training, inplace)
        if axes == tuple(range(2, x.dim())):
            return _of_features(x, p, training, inplace, alpha)
        if axes == tuple(range(1, x.dim())):  # a single sample
            y = _of_features(x.unsqueeze(0), p, training, inplace, alpha)
            return x if inplace else y.squeeze(0)
    raise NotImplementedError(
        f"{rule.variant!r} needs a tensor on the CPU with strides, not {x.layout} on {x.device}: "
        "PyTorch has no such dropout of its own"
    )


def _of_features(x: Tensor, p: float, training: bool, inplace: bool, alpha: bool) -> Tensor:
    if alpha:
        return F.feature_alpha_dropout(x, p, training, inplace)
    return (torch.feature_dropout_ if inplace else torch.feature_dropout)(x, p, training)
