"""What PyTorch's default compiler is told about the operators that work by a plan.

A. Where they write: to memory of the compiler's plan, by their `out` forms. An operator that
   allocates gets memory that is aligned as PyTorch's is, but that the plan knows nothing of.

B. Dropout's gradient behind relu needs no operator. Relu's gradient needs to know where x <= 0, and
   the compiler keeps that for the backward pass: a bool for each element, which its code for the
   CPU writes and reads one by one. That takes fifty times as long as dropout. But y = dropout(x)
   is kept for the layer that follows, and says the same: what was dropped has the gradient 0, and
   of what was kept y <= 0 exactly where x <= 0. Elsewhere dx is scale dy. So that is what goes into
   the graph, as one loop of the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dropcore_torch.private import DefaultCompiler, default_compiler
from dropcore_torch.rule import rule_from

SCALING = ("standard", "spatial")  # what is kept is multiplied, the rest becomes 0; p says all

_is_told = False


def tell_compiler() -> None:
    """Tell it, where it is loaded, once."""
    global _is_told
    if _is_told or (compiler := default_compiler()) is None:
        return
    _is_told = True
    own = torch.ops.dropcore
    for packet in (own.planned, own.planned_backward):
        compiler.lowerings[packet.default] = _writing(packet, compiler)
    _register_gradient_behind_relu(compiler)


# ------------------------------------------------------------------------- where they write


def _writing(packet: Any, compiler: DefaultCompiler) -> Callable[..., Any]:
    def lower(*arguments: Any) -> Any:
        return compiler.into_planned_memory(packet.default, packet.out, arguments)

    return lower


# ---------------------------------------------------------------------- behind relu


def _register_gradient_behind_relu(compiler: DefaultCompiler) -> None:
    call, name = compiler.CallFunction, compiler.KeywordArg
    aten, own = torch.ops.aten, torch.ops.dropcore
    arguments = [name(each) for each in ("dy", "key", "index", "p", "rule")]
    behind_relu = call(
        aten.where.self,
        call(aten.le.Scalar, name("x"), 0),
        name("zero"),
        call(own.planned_backward.default, *arguments),
    )
    compiler.register_pattern(behind_relu, _is_gradient_behind_relu)(_gradient_behind_relu)


def _output_of(x: Any, key: Any, index: Any, p: float, rule: str) -> Any:
    # Dropout of x by that draw, in the same graph.
    for node in x.users:
        same = node.target is torch.ops.dropcore.planned.default
        if same and node.args == (x, key, index, p, rule):
            return node
    return None


def _is_gradient_behind_relu(match: Any) -> bool:
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


def _gradient_behind_relu(
    match: Any, *, x: Any, zero: Any, dy: Any, key: Any, index: Any, p: float, rule: str
) -> None:
    rank = x.meta["val"].dim()
    scale = float(rule_from(rule).variant.plan(p, (1,) * rank).scale)

    def gradient(y: Tensor, dy: Tensor) -> Tensor:
        return torch.where(y <= 0, 0.0, dy * scale)

    match.replace_by_example(gradient, [_output_of(x, key, index, p, rule), dy])
