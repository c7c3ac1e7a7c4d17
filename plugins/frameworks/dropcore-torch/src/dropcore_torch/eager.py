"""Dropout as PyTorch runs it line by line: `autograd.Function` over tensors on the CPU.

A Function costs less than a custom operator. `operator` has the custom operators, for compilers,
tracers and modes, which see only operators. Calls that `_standard` does not support go through
`dropcore.dropout` and its Mask.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, is_grad_enabled
from torch.autograd.function import Function, once_differentiable

import dropcore
from dropcore_torch import memory, transforms
from dropcore_torch.memory import array_of, tensor_of
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

    def forward(self, inputs: tuple[Tensor, ...], out: Tensor | None = None) -> Tensor:
        """Compute y, in `out` if it is given."""
        y = memory.empty_like(inputs[0]) if out is None else out
        arrays = [array_of(each) for each in inputs]
        named: dict[str, Any] = dict(zip(self.rule.inputs[1:], arrays[1:], strict=True))
        self.mask: dropcore.Mask | None
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
        """Make the mask without a forward pass; for variants whose forward saves nothing."""
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

    def backward(self, dy: Tensor, mask: dropcore.Mask | None = None) -> tuple[Tensor, ...]:
        """The gradient of each input, with the mask of this call or with a joined mask."""
        mask = self.mask if mask is None else mask
        dy = memory.dense(dy)
        if len(self.rule.inputs) == 1:
            dx = memory.empty_like(dy)
            mask.backward(array_of(dy), out=array_of(dx))
            return (dx,)
        gradients = []
        for array in mask.backward(array_of(dy)):
            gradients.append(memory.empty_like(dy))
            array_of(gradients[-1])[...] = array
        return tuple(gradients)

    def decisions(self, mask: dropcore.Mask | None = None) -> tuple[Tensor, Tensor]:
        """A decision for each element, and the numbers of `transforms.select`."""
        mask = self.mask if mask is None else mask
        keep, shape = mask.keep, mask.shape
        of_decisions = (keep,) if isinstance(self.rule.variant, dropcore.DecidingVariant) else ()
        plan: dropcore.Plan = self.rule.variant.plan(mask.p, shape, *of_decisions)
        linear = plan.shift == 0 and plan.drop == 0
        numbers = [plan.scale, -0.0 if linear else plan.shift, plan.drop]
        of_each = torch.from_numpy(np.array(np.broadcast_to(keep, shape)))
        return of_each, torch.tensor(numbers, dtype=torch.float64)


class _Held:
    """A call whose mask gave its arrays to PyTorch, which frees them with the graph.

    The arrays become tensors. An array that shares memory with an input is copied, because the
    input may be written to before the backward pass.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.held, self.join = call.mask.split()  # of arrays: their dtypes
        call.mask = None

    def give(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The arrays of the mask, as tensors. Call this only once."""
        given = [array_of(each) for each in inputs]
        arrays = [each for each in self.held if isinstance(each, np.ndarray)]
        self.held = [each.dtype if isinstance(each, np.ndarray) else each for each in self.held]
        return tuple([tensor_of(each.copy() if _shares(each, given) else each) for each in arrays])

    def save(self, ctx: Any, tensors: tuple[Tensor, ...]) -> None:
        """Let PyTorch save the tensors."""
        ctx.held = self
        ctx.save_for_backward(*tensors)
        if in_forward_mode():
            ctx.save_for_forward(*tensors)

    def backward(self, dy: Tensor, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The gradient of each input, computed from the tensors that PyTorch saved."""
        return self.call.backward(dy, self.mask(tensors))

    def mask(self, tensors: tuple[Tensor, ...]) -> dropcore.Mask:
        """The mask, made again from the tensors that PyTorch saved."""
        arrays = iter([array_of(each) for each in tensors])
        held = [
            _as_given(next(arrays), each) if isinstance(each, np.dtype) else each
            for each in self.held
        ]
        return self.join(tuple(held))


def _shares(array: NDArray[Any], others: list[NDArray[Any]]) -> bool:
    return any(np.may_share_memory(array, other) for other in others)


def _as_given(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if array.dtype.itemsize != dtype.itemsize:
        raise RuntimeError(
            "a hook of saved tensors must give back the array that it was given: of "
            f"{dtype}, not of {array.dtype}"
        )
    return array.view(dtype)


class _General(Function):
    @staticmethod
    def forward(ctx: Any, call: Call, *inputs: Tensor) -> Tensor:
        y = call.forward(inputs)
        held = _Held(call)
        held.save(ctx, held.give(inputs))
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.held.call.rule.decides:
            return None, _linear_gradient(dy, ctx.held, ctx.saved_tensors)
        return None, *_gradients_of(ctx, dy)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        if not ctx.held.call.rule.decides:
            raise NotImplementedError(
                f"variant {ctx.held.call.rule.variant.name!r} has no rule for forward mode"
            )
        return _linear_gradient(tangents[1], ctx.held, ctx.saved_tensors)


@once_differentiable
def _gradients_of(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
    if transforms.are_in_the_way(dy):
        raise NotImplementedError(_no_batches(ctx.held.call))
    return ctx.held.backward(dy, ctx.saved_tensors)


def _no_batches(call: Call) -> str:
    return (
        f"variant {call.rule.variant.name!r} has no rule for derivatives in batches (vectorize, "
        "is_grads_batched): its backward works on arrays; compute the derivatives one by one"
    )


def _linear_gradient(dy: Tensor, held: _Held, tensors: tuple[Tensor, ...]) -> Tensor:
    # A Function on the tape; or, for transforms, operators that have rules of their own.
    if transforms.are_in_the_way(dy):
        if not held.call.training:
            raise NotImplementedError(_no_batches(held.call))
        keep, numbers = held.call.decisions(held.mask(tensors))
        return transforms.gradient(dy, keep, numbers[0])
    if is_grad_enabled() or in_forward_mode():
        return _LinearGradient.apply(dy, held, *tensors)
    return held.backward(dy, tensors)[0]


class _LinearGradient(Function):
    @staticmethod
    def forward(ctx: Any, dy: Tensor, held: _Held, *tensors: Tensor) -> Tensor:
        held.save(ctx, tensors)
        return held.backward(dy, tensors)[0]

    @staticmethod
    def backward(ctx: Any, ddx: Tensor) -> tuple[Tensor | None, ...]:
        tensors = ctx.saved_tensors
        return _linear_gradient(ddx, ctx.held, tensors), None, *[None] * len(tensors)

    @staticmethod
    def jvp(ctx: Any, ddy: Tensor, *_: None) -> Tensor:
        return _linear_gradient(ddy, ctx.held, ctx.saved_tensors)
