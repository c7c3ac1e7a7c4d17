"""Dropout as two operators of PyTorch's, for `torch.compile` and whoever else traces.

``dropcore::dropout`` and ``dropcore::dropout_backward`` are functions of their arguments
alone: the draw index comes in as a tensor, so it is drawn outside, and seen by whatever
replays a graph. Of a variant whose gradient is linear in dy no input is kept for backward.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dropcore_torch import eager
from dropcore_torch.rule import rule_from
from dropcore_torch.source import draw_at


@torch.library.custom_op("dropcore::dropout", mutates_args=(), device_types="cpu")
def dropout(
    inputs: list[Tensor], index: Tensor, key: str, p: float, training: bool, rule: str
) -> Tensor:
    """Compute y: all randomness is in `key` and `index`."""
    return _call(index, key, p, training, rule).forward(tuple(inputs))


@torch.library.custom_op("dropcore::dropout_backward", mutates_args=(), device_types="cpu")
def dropout_backward(
    dy: Tensor,
    inputs: list[Tensor],
    index: Tensor,
    key: str,
    p: float,
    training: bool,
    rule: str,
) -> list[Tensor]:
    """Compute the gradient of each input; `inputs` are those of a variant that saves them."""
    call = _call(index, key, p, training, rule)
    if inputs:
        call.forward(tuple(inputs))
    else:
        call.remake(tuple(dy.shape))
    return list(call.backward(dy))


def _call(index: Tensor, key: str, p: float, training: bool, rule: str) -> eager.Call:
    if not rule:
        raise TypeError("variant must be registered to be compiled: by name it is found again")
    return eager.Call(
        p, training, rule_from(rule), draw_at(key, index) if training else None, "draw"
    )


@dropout.register_fake
def _(inputs: list[Tensor], *_: Any) -> Tensor:
    return torch.empty_like(inputs[0])


@dropout_backward.register_fake
def _(dy: Tensor, inputs: list[Tensor], *rest: Any) -> list[Tensor]:
    return [torch.empty_like(dy) for _ in rule_from(rest[-1]).inputs]


# ------------------------------------------------------------------------ gradients


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    tensors, index, *ctx.rest = inputs
    ctx.rule = rule_from(ctx.rest[-1])
    ctx.save_for_backward(index, *([] if ctx.rule.decides else tensors))


def _backward(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
    index, *tensors = ctx.saved_tensors
    return dropout_backward(dy, tensors, index, *ctx.rest), None, None, None, None, None


def _save_for_second(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    _, tensors, index, *ctx.rest = inputs
    ctx.given = len(tensors)
    ctx.rule = rule_from(ctx.rest[-1])
    ctx.save_for_backward(index)


def _second_backward(ctx: Any, gradients: list[Tensor]) -> tuple[Any, ...]:
    # Where the gradient is linear in dy alone, each element has a factor of its own, so the
    # rule is the same once more.
    if not ctx.rule.decides:
        raise NotImplementedError(
            f"variant {ctx.rule.variant.name!r} has a first derivative only: its backward "
            "works on arrays"
        )
    (index,) = ctx.saved_tensors
    (ddy,) = dropout_backward(gradients[0], [], index, *ctx.rest)
    return ddy, [None] * ctx.given, None, None, None, None, None


dropout.register_autograd(_backward, setup_context=_save)
dropout_backward.register_autograd(_second_backward, setup_context=_save_for_second)
