"""The functions of PyTorch that drop, and how p and the elements follow from their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dropcore_torch import distributed, functional
from dropcore_torch.attention import attend

Dropped = tuple[float, int]  # p, or 0 if nothing is dropped; the number of elements


@dataclass(frozen=True)
class Dropping:
    """A function that drops."""

    name: str
    read: Callable[..., Dropped]  # takes the arguments of the function
    whole: bool = False  # whether the function computes more than dropout
    ours: bool = False


# ------------------------------------------------------------------- dropout functions


def _read(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Dropped:
    return float(p) if training else 0.0, input.numel()


def _read_alpha(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Dropped:
    return _read(input, p, training)


def _read_operator(input: Tensor, p: float, train: bool | None) -> Dropped:
    return _read(input, p, train is not False)


def _read_ours(inputs: tuple[Tensor, ...], p: float, training: bool, *_: Any) -> Dropped:
    return _read(inputs[0], p, training)


def _read_part(inputs: tuple[Tensor, ...], p: float, *_: Any) -> Dropped:
    return _read(inputs[0], p)


# ----------------------------------------------------- functions that drop within


def _read_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    *_: Any,
    **options: Any,
) -> Dropped:
    return float(dropout_p), _rows(query) * key.shape[-2]


_HEADS = inspect.signature(F.multi_head_attention_forward)


def _read_heads(*arguments: Any, **named: Any) -> Dropped:
    bound = _HEADS.bind(*arguments, **named)
    bound.apply_defaults()
    given = bound.arguments
    keys = given["key"].shape[0] + given["add_zero_attn"] + (given["bias_k"] is not None)
    elements = _rows(given["query"]) * given["num_heads"] * keys
    return float(given["dropout_p"]) if given["training"] else 0.0, elements


def _read_layers(data: Tensor, *rest: Any) -> Dropped:
    # The sizes of batches, integers, come after a packed input; then states and weights.
    packed = isinstance(rest[0], Tensor) and not rest[0].is_floating_point()
    weights, _, layers, p, training, both_ways, *_ = rest[2:] if packed else rest[1:]
    width = weights[1].shape[1] * (2 if both_ways else 1)
    return float(p) if training else 0.0, _rows(data) * width * (layers - 1)


def _rows(x: Tensor) -> int:
    return x.numel() // max(x.shape[-1], 1)


# --------------------------------------------------------------------------- the table

DROPPING: dict[Any, Dropping] = {
    functional.apply: Dropping("dropcore_torch.functional.dropout", _read_ours, ours=True),
    distributed.apply_to_part: Dropping(
        "dropcore_torch.distributed.dropout", _read_part, ours=True
    ),
    attend: Dropping("dropcore_torch.functional.attention", _read_attention, whole=True, ours=True),
    torch.native_dropout: Dropping("torch.native_dropout", _read_operator),
    F.scaled_dot_product_attention: Dropping(
        "torch.nn.functional.scaled_dot_product_attention", _read_attention, whole=True
    ),
    F.multi_head_attention_forward: Dropping(
        "torch.nn.functional.multi_head_attention_forward", _read_heads, whole=True
    ),
}
for _function in (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d):
    DROPPING[_function] = Dropping(f"torch.nn.functional.{_function.__name__}", _read)
for _function in (F.alpha_dropout, F.feature_alpha_dropout):
    DROPPING[_function] = Dropping(f"torch.nn.functional.{_function.__name__}", _read_alpha)
for _name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"):
    for _each in (_name, f"{_name}_"):
        _operator = getattr(torch.ops.aten, _each)
        DROPPING[getattr(torch, _each)] = Dropping(f"torch.{_each}", _read_operator)
        for _overload in (_operator, _operator.default):
            DROPPING[_overload] = Dropping(f"torch.ops.aten.{_each}", _read_operator)
for _function in (torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu):
    DROPPING[_function] = Dropping(f"torch.{_function.__name__}", _read_layers, whole=True)
