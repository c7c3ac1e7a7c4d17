"""What PyTorch's operators do while dropcore is installed: dropout by dropcore, or PyTorch's own.

A kernel takes the arguments of its operator. For plain tensors on the CPU dropcore computes, as
`functional.dropout` does with ``rng=None``. For all other tensors the kernel calls PyTorch's own
kernel. It does not call the operator, because the operator would call this kernel again.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, is_grad_enabled

from dropcore_torch import eager, functional, paths, pieces, situation, transforms
from dropcore_torch.attention import by_blocks
from dropcore_torch.others import DTYPES, is_other
from dropcore_torch.private import (
    PLAIN,
    TorchDispatchMode,
    composite_of,
    current_mode,
    in_forward_mode,
    in_transform,
    modes,
    tracing_state,
    without_current_mode,
)
from dropcore_torch.rule import Rule, rule_of, rule_of_channels
from dropcore_torch.source import DEFAULT, is_compiling

Kernel = Callable[..., Any]


class Onlooker(TorchDispatchMode):
    """A mode that sees operators, and runs the kernels of this file with the mode off."""

    @abstractmethod
    def run(self, operator: Any, kernel: Callable[[], Tensor], p: float, elements: int) -> Tensor:
        """Return the result of `kernel` for a call of `operator`."""


served = 0  # calls that dropcore answered


def _serve() -> None:
    global served
    served += 1


def is_ours(x: Tensor) -> bool:
    """Whether dropcore computes dropout of x; modes, tracers and compilers get PyTorch's own."""
    if type(x) not in PLAIN or x.dtype not in DTYPES or is_other(x):
        return False
    return not (modes() or in_transform() or tracing_state() is not None or is_compiling())


def onlooker(x: Tensor) -> Onlooker | None:
    """The active mode, if it is an `Onlooker` and the only mode; otherwise None."""
    mode = current_mode() if modes() == 1 and type(x) in PLAIN else None
    return mode if isinstance(mode, Onlooker) else None


# ------------------------------------------------------------------ dropout's operators


def _of_elements(operator: Any, rule: Rule, inplace: bool) -> Kernel:
    theirs = composite_of(operator)

    def kernel(x: Tensor, p: float, train: bool) -> Tensor:
        if train:
            y = paths.dropout(x, p, True, inplace, rule, DEFAULT)
            if y is not None:
                _serve()
                return y
            if 0 <= p <= 1:
                if is_ours(x) or pieces.situation_of(x, DEFAULT) is not None:
                    _serve()
                    return functional.apply((x,), p, True, inplace, rule, DEFAULT)
                if mode := onlooker(x):
                    with without_current_mode():
                        return mode.run(operator, partial(kernel, x, p, train), p, x.numel())
        elif type(x) in PLAIN and 0 <= p <= 1 and not modes():
            return x
        return theirs(x, p, train)

    return kernel


def _of_channels(operator: Any, variant: str, inplace: bool) -> Kernel:
    theirs = composite_of(operator)
    kernels: dict[int, Kernel] = {}  # by the rank of x

    def kernel(x: Tensor, p: float, train: bool) -> Tensor:
        rank = x.dim()
        if rank < 2:
            return theirs(x, p, train)
        if rank not in kernels:
            kernels[rank] = _of_elements(operator, rule_of_channels(variant, 1, rank), inplace)
        return kernels[rank](x, p, train)

    return kernel


def _below_autograd(operator: Any, kernel: Kernel) -> Kernel:
    # Called in inference mode, and when C++ code skips autograd although a gradient is needed.
    theirs = composite_of(operator)

    def below(x: Tensor, p: float, train: bool) -> Tensor:
        if (x.requires_grad and is_grad_enabled()) or in_forward_mode():
            return theirs(x, p, train)
        return kernel(x, p, train)

    return below


_NATIVE = rule_of("standard", {})


def _native(theirs: Any) -> Kernel:
    # Called below autograd, whose formula for native_dropout uses the mask that is returned.
    def kernel(keys: Any, x: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
        if train is False or not 0 <= p <= 1 or not x.numel() or not is_ours(x):
            return theirs.call_boxed(keys, x, p, train)
        situation.refuse("torch.native_dropout", "call torch.nn.functional.dropout")
        _serve()
        call = eager.Call(p, True, _NATIVE, DEFAULT.draw(), "draw")
        call.remake(tuple(x.shape))
        keep, numbers = call.decisions()
        return transforms.select(x, keep, numbers), keep

    return kernel


# ------------------------------------------------------------------------- attention


def _attention(operator: Any) -> Kernel:
    theirs = composite_of(operator)  # calls `dropout` on its weights, and so gets the same mask

    def kernel(
        q: Tensor,
        k: Tensor,
        v: Tensor,
        mask: Tensor | None = None,
        p: float = 0.0,
        causal: bool = False,
        *,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        if p > 0:
            y = by_blocks(q, k, v, mask, p, causal, scale, enable_gqa, DEFAULT)
            if y is not None:
                _serve()
                return y
        return theirs(q, k, v, mask, p, causal, scale=scale, enable_gqa=enable_gqa)

    return kernel


# ---------------------------------------------------------------------------- the table


def table(get_kernel: Callable[[Any, str], Any]) -> list[tuple[str, str, Kernel, bool]]:
    """Name of the operator, dispatch key, kernel, and whether it takes the keys of the call.

    Parameters
    ----------
    get_kernel : callable
        Gives the kernel that an operator has for a dispatch key.
    """
    aten = torch.ops.aten
    entries: list[tuple[str, str, Kernel, bool]] = []
    for name, inplace in (("", False), ("_", True)):
        for operator, kernel in (
            (getattr(aten, f"dropout{name}"), partial(_of_elements, rule=rule_of("standard", {}))),
            (
                getattr(aten, f"alpha_dropout{name}"),
                partial(_of_elements, rule=rule_of("alpha", {})),
            ),
            (getattr(aten, f"feature_dropout{name}"), partial(_of_channels, variant="standard")),
            (getattr(aten, f"feature_alpha_dropout{name}"), partial(_of_channels, variant="alpha")),
        ):
            made = kernel(operator.default, inplace=inplace)
            below = _below_autograd(operator.default, made)
            entries += [(operator.__name__, "AutogradCPU", made, False)]
            entries += [(operator.__name__, "CPU", below, False)]
    attention = aten.scaled_dot_product_attention
    made = _attention(attention.default)
    entries += [(attention.__name__, key, made, False) for key in ("AutogradCPU", "CPU")]
    native = _native(get_kernel(aten.native_dropout.default, "CPU"))
    return [*entries, ("native_dropout", "CPU", native, True)]
