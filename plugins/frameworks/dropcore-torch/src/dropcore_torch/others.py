"""PyTorch's own dropout, for inputs that dropcore does not support.

Such inputs are tensors on other devices or with other layouts, nested and quantised tensors,
tensors of classes with code of their own, and objects that are no tensors but support PyTorch's
functions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import is_tensor_like

from dropcore_torch.private import has_code
from dropcore_torch.rule import Rule

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def check_input(x: Any) -> None:
    """Raise if PyTorch's dropout does not accept x.

    Raises
    ------
    TypeError
    """
    if not (isinstance(x, Tensor) or is_tensor_like(x)):
        raise TypeError(f"input must be a tensor, not {type(x).__name__}")


def is_other(x: Tensor) -> bool:
    """Whether x is for PyTorch's own dropout."""
    if not isinstance(x, Tensor) or not x.is_cpu or x.layout is not torch.strided:
        return True
    return x.is_nested or x.is_quantized or has_code(x)


def dropout(x: Any, p: float, training: bool, inplace: bool, rule: Rule) -> Tensor:
    """PyTorch's dropout of the same kind, with PyTorch's own randomness."""
    options = rule.variant.options()
    axes = options.pop("shared_axes", ())
    alpha = rule.variant.name == "alpha" and options == {"fixed_mean": 0.0, "fixed_var": 1.0}
    if alpha or rule.variant.name == "standard":
        if not axes:
            elementwise = F.alpha_dropout if alpha else F.dropout
            return elementwise(x, p, training, inplace)
        axes = tuple(sorted(axis % max(x.dim(), 1) for axis in axes))
        if axes == tuple(range(2, x.dim())):
            return _of_features(x, p, training, inplace, alpha)
        if axes == tuple(range(1, x.dim())):  # a single sample
            y = _of_features(x.unsqueeze(0), p, training, inplace, alpha)
            return x if inplace else y.squeeze(0)
    raise NotImplementedError(
        f"{rule.variant!r} needs a plain tensor on the CPU, not {_what(x)}: PyTorch has no such "
        "dropout of its own"
    )


def _of_features(x: Tensor, p: float, training: bool, inplace: bool, alpha: bool) -> Tensor:
    if alpha:
        return F.feature_alpha_dropout(x, p, training, inplace)
    return (torch.feature_dropout_ if inplace else torch.feature_dropout)(x, p, training)


def _what(x: Any) -> str:
    if not isinstance(x, Tensor):
        return type(x).__name__
    return f"a {type(x).__name__} of {x.layout} and {x.dtype} on {x.device}"
