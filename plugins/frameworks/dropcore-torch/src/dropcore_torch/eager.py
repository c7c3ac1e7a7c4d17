"""Dropout as PyTorch runs it line by line: `autograd.Function` over tensors on the CPU.

It costs less than a custom operator does; `operator` has one for whatever sees operators alone.
What is not `_standard`'s to do goes through `dropcore.dropout` and its Mask.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, is_grad_enabled
from torch.autograd.function import Function, once_differentiable

import dropcore
from dropcore_torch import memory, transforms
from dropcore_torch.memory import array_of
from dropcore_torch.private import in_forward_mode
from dropcore_torch.rule import Rule
from dropcore_torch.source import Source


def dropout(
    inputs: tuple[Tensor, ...], p: float, training: bool, rule: Rule, source: Source
) -> Tensor:
    """Dropout of plain tensors on the CPU."""
    call = Call(p, training, rule, source.draw() if training else None, "bits")
    requires_grad = any(each.requires_grad for each in inputs)
    if (requires_grad and is_grad_enabled()) or in_forward_mode():
        return _General.apply(call, *inputs)
    return call.forward(inputs)


class Call:
    """One call of `dropcore.dropout`, on tensors."""

    def __init__(
        self,
        p: float,
        training: bool,
        rule: Rule,
        draw: dropcore.Draw | None,
        store: Literal["bits", "draw"],
    ) -> None:
        self.p, self.training, self.rule, self.draw, self.store = p, training, rule, draw, store

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Compute y."""
        y = memory.empty_like(inputs[0])
        arrays = [array_of(each) for each in inputs]
        named: dict[str, Any] = dict(zip(self.rule.inputs[1:], arrays[1:], strict=True))
        _, self.mask = dropcore.dropout(
            arrays[0],
            self.p,
            training=self.training,
            rng=self.draw,
            variant=self.rule.variant,
            out=array_of(y),
            store=self.store,
            **named,
        )
        return y

    def remake(self, shape: tuple[int, ...]) -> None:
        """Make the mask without a forward pass; for variants that save nothing of one."""
        self.mask = dropcore.Mask.from_record(
            {
                "stream_version": dropcore.STREAM_VERSION,
                "draw": None if self.draw is None else str(self.draw),
                "p": self.p,
                "shape": shape,
                "variant": self.rule.variant.name,
                "options": self.rule.variant.options(),
            }
        )

    def backward(self, dy: Tensor) -> tuple[Tensor, ...]:
        """The gradient of each input."""
        dy = memory.dense(dy)
        if len(self.rule.inputs) == 1:
            dx = memory.empty_like(dy)
            self.mask.backward(array_of(dy), out=array_of(dx))
            return (dx,)
        gradients = []
        for array in self.mask.backward(array_of(dy)):
            gradients.append(memory.empty_like(dy))
            array_of(gradients[-1])[...] = array
        return tuple(gradients)

    def decisions(self) -> tuple[Tensor, Tensor]:
        """What the mask keeps, for each element, and the numbers of `transforms.select`."""
        keep, shape = self.mask.keep, self.mask.shape
        of_decisions = (keep,) if isinstance(self.rule.variant, dropcore.DecidingVariant) else ()
        plan: dropcore.Plan = self.rule.variant.plan(self.mask.p, shape, *of_decisions)
        linear = plan.shift == 0 and plan.drop == 0
        numbers = [plan.scale, -0.0 if linear else plan.shift, plan.drop]
        of_each = torch.from_numpy(np.array(np.broadcast_to(keep, shape)))
        return of_each, torch.tensor(numbers, dtype=torch.float64)


class _General(Function):
    @staticmethod
    def forward(ctx: Any, call: Call, *inputs: Tensor) -> Tensor:
        ctx.call = call
        return call.forward(inputs)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.call.rule.decides:
            return None, _linear_gradient(dy, ctx.call)
        return None, *_gradients_of(ctx, dy)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        if not ctx.call.rule.decides:
            raise NotImplementedError(
                f"variant {ctx.call.rule.variant.name!r} has no rule for forward mode"
            )
        return _linear_gradient(tangents[1], ctx.call)


@once_differentiable
def _gradients_of(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
    if transforms.are_in_the_way(dy):
        raise NotImplementedError(_no_batches(ctx.call))
    return ctx.call.backward(dy)


def _no_batches(call: Call) -> str:
    return (
        f"variant {call.rule.variant.name!r} has no rule for derivatives in batches (vectorize, "
        "is_grads_batched) here: its backward works on arrays; take them one by one"
    )


def _linear_gradient(dy: Tensor, call: Call) -> Tensor:
    # A rule of the tape's, or a formula where others are to find theirs.
    if transforms.are_in_the_way(dy):
        if not call.training:
            raise NotImplementedError(_no_batches(call))
        keep, numbers = call.decisions()
        return transforms.gradient(dy, keep, numbers[0])
    if is_grad_enabled() or in_forward_mode():
        return _LinearGradient.apply(dy, call)
    return call.backward(dy)[0]


class _LinearGradient(Function):
    @staticmethod
    def forward(ctx: Any, dy: Tensor, call: Call) -> Tensor:
        ctx.call = call
        return call.backward(dy)[0]

    @staticmethod
    def backward(ctx: Any, ddx: Tensor) -> tuple[Tensor, None]:
        return _linear_gradient(ddx, ctx.call), None

    @staticmethod
    def jvp(ctx: Any, ddy: Tensor, _: None) -> Tensor:
        return _linear_gradient(ddy, ctx.call)
