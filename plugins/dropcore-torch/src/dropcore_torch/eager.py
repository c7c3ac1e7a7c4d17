"""Dropout as PyTorch runs it line by line: `autograd.Function` over tensors on the CPU.

It costs less than a custom operator does; `operator` has one for whatever sees operators alone.
Standard dropout of a contiguous tensor goes to the kernels by its address,
all else through `dropcore.dropout` and its Mask.
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, empty_like, is_grad_enabled
from torch.autograd import forward_ad
from torch.autograd.function import Function, once_differentiable

import dropcore
from dropcore import get_num_threads
from dropcore_torch import memory
from dropcore_torch._standard import StandardMask
from dropcore_torch.memory import DTYPES, LARGE, array_of, large_like
from dropcore_torch.rule import Rule
from dropcore_torch.source import Source

SHARED_WORK = 1 << 18  # elements that dropcore's threads, where it has any, share


def dropout(
    inputs: tuple[Tensor, ...], p: float, training: bool, inplace: bool, rule: Rule, source: Source
) -> Tensor:
    """Dropout of plain tensors on the CPU."""
    x = inputs[0]
    if inplace:
        _check_inplace(x)
    if training is True and rule.standard and type(p) is float and x.is_contiguous():
        dtype, n = DTYPES.get(x.dtype), x.numel()
        if dtype is not None and (n < SHARED_WORK or get_num_threads() == 1) and not x.is_neg():
            index = source.draw_index()  # it has to live until it is read
            mask = StandardMask(source.key, index.data_ptr(), p, dtype, n)
            if (x.requires_grad and is_grad_enabled()) or forward_ad._current_level >= 0:
                return (_StandardInPlace if inplace else _Standard).apply(x, mask)
            y = x if inplace else memory.empty_like(x)
            mask.forward(x.data_ptr(), y.data_ptr(), False)
            return y
    # All that is not plain is for dropcore.dropout to do, or to refuse.
    call = Call(p, training, rule, source.draw() if training else None, "bits")
    requires_grad = any(each.requires_grad for each in inputs)
    if (requires_grad and is_grad_enabled()) or forward_ad._current_level >= 0:
        return _General.apply(call, inplace, *inputs)
    return call.forward(inputs, inplace)


def _check_inplace(x: Tensor) -> None:
    # Before anything is written.
    if x.is_leaf and x.requires_grad and is_grad_enabled():
        raise RuntimeError("inplace must be False for a leaf that requires its gradient")
    if x.is_neg():
        raise RuntimeError("inplace must be False for a tensor that is negated when it is read")


# ------------------------------------------------------------------- by address


class _Standard(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: StandardMask) -> Tensor:
        ctx.mask = mask
        y = empty_like(x) if mask.size < LARGE else large_like(x)
        mask.forward(x.data_ptr(), y.data_ptr(), True)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        if is_grad_enabled():
            return _StandardGradient.apply(dy, ctx.mask), None
        return _gradient(dy, ctx.mask), None

    @staticmethod
    def jvp(ctx: Any, dx: Tensor, _: None) -> Tensor:
        return _StandardGradient.apply(dx, ctx.mask)


class _StandardInPlace(_Standard):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: StandardMask) -> Tensor:
        ctx.mask = mask
        ctx.mark_dirty(x)
        mask.forward(x.data_ptr(), x.data_ptr(), True)
        return x


def _gradient(dy: Tensor, mask: StandardMask) -> Tensor:
    if not dy.is_contiguous() or dy.is_neg():
        dy = dy.contiguous().resolve_neg()
    dx = empty_like(dy) if mask.size < LARGE else large_like(dy)
    mask.backward(dy.data_ptr(), dx.data_ptr())
    return dx


class _StandardGradient(Function):
    # It is linear and its own adjoint, so it can be differentiated any number of times.
    @staticmethod
    def forward(ctx: Any, dy: Tensor, mask: StandardMask) -> Tensor:
        ctx.mask = mask
        return _gradient(dy, mask)

    @staticmethod
    def backward(ctx: Any, ddx: Tensor) -> tuple[Tensor, None]:
        return _StandardGradient.apply(ddx, ctx.mask), None

    @staticmethod
    def jvp(ctx: Any, ddy: Tensor, _: None) -> Tensor:
        return _StandardGradient.apply(ddy, ctx.mask)


# ------------------------------------------------------------------ by the Mask


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

    def forward(self, inputs: tuple[Tensor, ...], inplace: bool) -> Tensor:
        """Compute y; where `inplace`, in the first input."""
        y = inputs[0] if inplace else memory.empty_like(inputs[0])
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
        if len(self.rule.inputs) == 1:
            dx = memory.empty_like(dy)
            self.mask.backward(array_of(dy), out=array_of(dx))
            return (dx,)
        gradients = []
        for array in self.mask.backward(array_of(dy)):
            gradients.append(memory.empty_like(dy))
            array_of(gradients[-1])[...] = array
        return tuple(gradients)


class _General(Function):
    @staticmethod
    def forward(ctx: Any, call: Call, inplace: bool, *inputs: Tensor) -> Tensor:
        if inplace:
            ctx.mark_dirty(inputs[0])
        ctx.call = call
        return call.forward(inputs, inplace)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        if is_grad_enabled() and ctx.call.rule.decides:
            return None, None, _LinearGradient.apply(dy, ctx.call)
        return None, None, *_gradients_of(ctx, dy)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        if not ctx.call.rule.decides:
            raise NotImplementedError(
                f"variant {ctx.call.rule.variant.name!r} has no rule for forward mode"
            )
        return _LinearGradient.apply(tangents[2], ctx.call)


@once_differentiable
def _gradients_of(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
    return ctx.call.backward(dy)


class _LinearGradient(Function):
    @staticmethod
    def forward(ctx: Any, dy: Tensor, call: Call) -> Tensor:
        ctx.call = call
        return call.backward(dy)[0]

    @staticmethod
    def backward(ctx: Any, ddx: Tensor) -> tuple[Tensor, None]:
        return _LinearGradient.apply(ddx, ctx.call), None

    @staticmethod
    def jvp(ctx: Any, ddy: Tensor, _: None) -> Tensor:
        return _LinearGradient.apply(ddy, ctx.call)
