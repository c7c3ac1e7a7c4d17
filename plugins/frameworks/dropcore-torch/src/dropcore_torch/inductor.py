"""Adapts the operators `planned` and `planned_backward` to PyTorch's default compiler.

A. The operators are lowered to their `out` overloads. So the compiler allocates the outputs,
   aligned, and its memory plan can reuse buffers for the outputs.

B. The gradient of dropout(relu(h)) becomes one loop without an operator. For the gradient of relu
   the compiler saves the mask x <= 0, one bool for each element. On the CPU the compiler's code
   stores these bools one by one, which takes many times as long as dropout. But y = dropout(x) is
   saved anyway if a linear layer follows, and y has the same information. Where x was dropped, y is
   0 and the gradient is 0. Where x was kept, y <= 0 if and only if x <= 0. So the gradient of relu
   and dropout together is 0 where y <= 0, and scale dy elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dropcore_torch.private import DefaultCompiler, default_compiler
from dropcore_torch.rule import rule_from

# Variants with y = scale x where x is kept and 0 where it is dropped; the scale depends on p alone.
SCALING = ("standard", "spatial")

_is_adapted = False


def adapt_compiler() -> None:
    """Register A and B with the compiler, once, when it is loaded."""
    global _is_adapted
    if _is_adapted or (compiler := default_compiler()) is None:
        return
    _is_adapted = True
    own = torch.ops.dropcore
    for packet in (own.planned, own.planned_backward):
        compiler.lowerings[packet.default] = _lowering(packet, compiler)
    _register_gradient_after_relu(compiler)


# -------------------------------------------------------------------------- out overloads


def _lowering(packet: Any, compiler: DefaultCompiler) -> Callable[..., Any]:
    def lower(*arguments: Any) -> Any:
        return compiler.into_planned_memory(packet.default, packet.out, arguments)

    return lower


# --------------------------------------------------------------------- dropout after relu


def _register_gradient_after_relu(compiler: DefaultCompiler) -> None:
    call, name = compiler.CallFunction, compiler.KeywordArg
    aten, own = torch.ops.aten, torch.ops.dropcore
    arguments = [name(each) for each in ("dy", "key", "index", "p", "rule")]
    after_relu = call(
        aten.where.self,
        call(aten.le.Scalar, name("x"), 0),
        name("zero"),
        call(own.planned_backward.default, *arguments),
    )
    compiler.register_pattern(after_relu, _is_gradient_after_relu)(_gradient_after_relu)


def _output_of(x: Any, key: Any, index: Any, p: float, rule: str) -> Any:
    # The node y = dropout(x) with the same draw.
    for node in x.users:
        same = node.target is torch.ops.dropcore.planned.default
        if same and node.args == (x, key, index, p, rule):
            return node
    return None


def _is_gradient_after_relu(match: Any) -> bool:
    given = dict(match.kwargs)
    zero, dy = given.pop("zero"), given.pop("dy")
    is_zero = getattr(zero, "target", None) is torch.ops.aten.full.default and zero.args[1] == 0
    y = _output_of(**given) if is_zero else None
    return (
        y is not None
        and type(given["p"]) is float
        and rule_from(given["rule"]).variant.name in SCALING
        and dy.meta["val"].dtype is y.meta["val"].dtype
    )


def _gradient_after_relu(
    match: Any, *, x: Any, zero: Any, dy: Any, key: Any, index: Any, p: float, rule: str
) -> None:
    rank = x.meta["val"].dim()
    scale = float(rule_from(rule).variant.plan(p, (1,) * rank).scale)

    def gradient(y: Tensor, dy: Tensor) -> Tensor:
        return torch.where(y <= 0, 0.0, dy * scale)

    match.replace_by_example(gradient, [_output_of(x, key, index, p, rule), dy])
