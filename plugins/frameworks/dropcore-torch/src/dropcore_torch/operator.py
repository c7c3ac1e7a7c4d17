"""Dropout as PyTorch operators, for `torch.compile` and other tracers.

The result of an operator depends only on its arguments. The key and the draw index are tensors
among the arguments. So the index is drawn outside of the operator, and each run of a graph can pass
another index.

``dropcore::planned`` and ``dropcore::planned_backward`` are for planned variants in training. All
built-in variants are planned. For plain tensors these operators run in C++ (`native/operators.h`),
if the node is used. Compilers that plan memory use the ``out`` overloads.

``dropcore::dropout`` and ``dropcore::dropout_backward`` are for all other variants, and for
inference. The operators save no input for backward if the variant's gradient depends linearly on dy
and on nothing else.
``dropcore::decide`` computes only the decisions, for `transforms`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from dropcore_torch import eager
from dropcore_torch.inductor import adapt_compiler
from dropcore_torch.rule import rule_from
from dropcore_torch.source import draw_at

# -------------------------------------------------------------------------- by a plan

STRIDES = (torch.Tag.needs_fixed_stride_order,)  # y has the strides of x


def output_by_plan(
    x: Tensor, key: Tensor, index: Tensor, p: float, rule: str, out: Tensor | None = None
) -> Tensor:
    """Compute y, in `out` if it is given."""
    return _call(key, index, p, True, rule).forward((x,), out)


def gradient_by_plan(
    dy: Tensor, key: Tensor, index: Tensor, p: float, rule: str, out: Tensor | None = None
) -> Tensor:
    """Compute dx, in `out` if it is given."""
    call = _call(key, index, p, True, rule)
    call.remake(tuple(dy.shape))
    (dx,) = call.backward(dy)
    return dx if out is None else out.copy_(dx)


@torch.library.custom_op("dropcore::planned", mutates_args=(), tags=STRIDES)
def planned(x: Tensor, key: Tensor, index: Tensor, p: float, rule: str) -> Tensor:
    """Compute y in training."""
    return output_by_plan(x, key, index, p, rule)


@torch.library.custom_op("dropcore::planned_backward", mutates_args=(), tags=STRIDES)
def planned_backward(dy: Tensor, key: Tensor, index: Tensor, p: float, rule: str) -> Tensor:
    """Compute the gradient of x."""
    return gradient_by_plan(dy, key, index, p, rule)


def _like(x: Tensor, *_: Any) -> Tensor:
    adapt_compiler()  # compilers call this function before they lower the operator
    return torch.empty_like(x)


def _save_draw(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, key, index, *ctx.rest = inputs
    ctx.save_for_backward(key, index)


def _planned_gradient(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
    # Each element of dy is multiplied by its own factor, so a second derivative has the same rule.
    return planned_backward(dy, *ctx.saved_tensors, *ctx.rest), None, None, None, None


for each in (planned, planned_backward):
    each.register_fake(_like)
    each.register_autograd(_planned_gradient, setup_context=_save_draw)

_LIBRARY = torch.library.Library("dropcore", "FRAGMENT")


def _register_out(name: str, x: str, compute: Callable[..., Tensor]) -> None:
    def into(*arguments: Any, out: Tensor) -> Tensor:
        compute(*arguments, out)
        return out

    rest = "Tensor key, Tensor index, float p, str rule, *, Tensor(a!) out"
    _LIBRARY.define(f"{name}.out(Tensor {x}, {rest}) -> Tensor(a!)")
    _LIBRARY.impl(f"{name}.out", torch.compiler.disable(into), "CompositeExplicitAutograd")
    torch.library.register_fake(f"dropcore::{name}.out", lambda *_, out: out, lib=_LIBRARY)


_register_out("planned", "x", output_by_plan)
_register_out("planned_backward", "dy", gradient_by_plan)

# ---------------------------------------------------------------------- any variant


@torch.library.custom_op("dropcore::dropout", mutates_args=(), device_types="cpu")
def dropout(
    inputs: list[Tensor],
    key: Tensor | None,
    index: Tensor | None,
    p: float,
    training: bool,
    rule: str,
) -> Tensor:
    """Compute y: all randomness is in `key` and `index`, which may be None in inference."""
    return _call(key, index, p, training, rule).forward(tuple(inputs))


@torch.library.custom_op("dropcore::dropout_backward", mutates_args=(), device_types="cpu")
def dropout_backward(
    dy: Tensor,
    inputs: list[Tensor],
    key: Tensor | None,
    index: Tensor | None,
    p: float,
    training: bool,
    rule: str,
) -> list[Tensor]:
    """Compute the gradient of each input; `inputs` is empty if the variant saves no inputs."""
    call = _call(key, index, p, training, rule)
    if inputs:
        call.forward(tuple(inputs))
    else:
        call.remake(tuple(dy.shape))
    return list(call.backward(dy))


def _call(
    key: Tensor | None, index: Tensor | None, p: float, training: bool, rule: str
) -> eager.Call:
    draw = draw_at(key, index) if training else None
    return eager.Call(p, training, rule_from(rule), draw, "draw")


@dropout.register_fake
def _(inputs: list[Tensor], *_: Any) -> Tensor:
    return torch.empty_like(inputs[0])


@dropout_backward.register_fake
def _(dy: Tensor, inputs: list[Tensor], *rest: Any) -> list[Tensor]:
    return [torch.empty_like(dy) for _ in rule_from(rest[-1]).inputs]


# ------------------------------------------------------------------------ gradients


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    tensors, key, index, *ctx.rest = inputs
    ctx.rule = rule_from(ctx.rest[-1])
    ctx.save_for_backward(key, index, *([] if ctx.rule.decides else tensors))


def _backward(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
    key, index, *tensors = ctx.saved_tensors
    return dropout_backward(dy, tensors, key, index, *ctx.rest), None, None, None, None, None


def _save_for_second(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    _, tensors, key, index, *ctx.rest = inputs
    ctx.given = len(tensors)
    ctx.rule = rule_from(ctx.rest[-1])
    ctx.save_for_backward(key, index)


def _second_backward(ctx: Any, gradients: list[Tensor]) -> tuple[Any, ...]:
    # If the gradient is linear in dy alone, each element of dy is multiplied by its own factor.
    # So the second derivative has the same rule.
    if not ctx.rule.decides:
        raise NotImplementedError(
            f"variant {ctx.rule.variant.name!r} has only a first derivative: its backward "
            "works on arrays"
        )
    key, index = ctx.saved_tensors
    (ddy,) = dropout_backward(gradients[0], [], key, index, *ctx.rest)
    return ddy, [None] * ctx.given, None, None, None, None, None


dropout.register_autograd(_backward, setup_context=_save)
dropout_backward.register_autograd(_second_backward, setup_context=_save_for_second)


# ------------------------------------------------------------------- decisions alone


@torch.library.custom_op("dropcore::decide", mutates_args=(), device_types="cpu")
def decide(
    key: Tensor, index: Tensor, shape: Sequence[int], p: float, rule: str
) -> tuple[Tensor, Tensor]:
    """Return the decisions (True: kept) as bools of `shape`, and `rule.Factors` as float64."""
    call = _call(key, index, p, True, rule)
    call.remake(tuple(shape))
    return call.decisions()


@decide.register_fake
def _(
    key: Tensor, index: Tensor, shape: Sequence[int], p: float, rule: str
) -> tuple[Tensor, Tensor]:
    return key.new_empty(shape, dtype=torch.bool), key.new_empty(3, dtype=torch.float64)


@decide.register_vmap
def _(
    info: Any,
    in_dims: tuple[Any, ...],
    key: Tensor,
    index: Tensor,
    shape: Sequence[int],
    p: float,
    rule: str,
) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
    # ``randomness="different"``: each element of the batch has its own index.
    keys, indices = (
        [each] * info.batch_size if axis is None else each.unbind(axis)
        for each, axis in ((key, in_dims[0]), (index, in_dims[1]))
    )
    all_of_them = [decide(k, i, shape, p, rule) for k, i in zip(keys, indices, strict=True)]
    keep, factors = zip(*all_of_them, strict=True)
    return (torch.stack(keep), torch.stack(factors)), (0, 0)
