"""Two modes of PyTorch, which record the calls that drop while a step runs.

The first mode sees the functions that Python calls. If a call drops, the first mode times the call
and runs it with both modes off. In the backward pass it times the nodes that the call added to
autograd's graph. The second mode sees the operators that draw random numbers elsewhere: in the
model's own code, in TorchScript, in C++.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from dropcore_torch import kernels
from dropcore_torch.classes import OURS, PYTORCHS, name_of
from dropcore_torch.drops import DROPPING, Dropping
from dropcore_torch.private import (
    current_mode,
    pytree,
    sequence_number,
    without_current_mode,
)


@dataclass
class Call:
    """A call that dropped, or that drew random numbers.

    Attributes
    ----------
    by : str
        The library that computed the call: "dropcore" or "PyTorch"; or "other" for random numbers
        that other code drew, for dropout or for something else.
    what : str
        The module or function that was called.
    module : str
        The qualified name of the module whose forward pass made the call; "" is the model itself.
    where : str
        File and line of the calling code; "" if all of it is in PyTorch.
    p : float or None
        The p of the call; None if `by` is "other".
    elements : int
        The number of elements that were kept or dropped, or of random numbers that were drawn.
    whole : bool
        Whether `seconds` includes more than dropout: all of attention, or of a recurrent layer.
    again : bool
        Whether the call was made in the backward pass, by activation checkpointing.
    seconds : float
        The time in the forward and the backward pass.
    """

    by: str
    what: str
    module: str
    where: str
    p: float | None
    elements: int
    whole: bool = False
    again: bool = False
    seconds: float = field(default=0.0, compare=False)


class Watch:
    """The record of a step of a model.

    Parameters
    ----------
    model : torch.nn.Module
    """

    def __init__(self, model: nn.Module) -> None:
        self.modules = {id(module): (name, module) for name, module in model.named_modules()}
        self.calls: list[Call] = []
        self.seen: set[str] = set()  # names of the modules that made calls
        self.in_backward = False

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Record while a step runs."""
        with _Operators(self), _Functions(self):
            yield

    def dropped(self, dropping: Dropping, p: float, elements: int) -> Call:
        """Record a call of a function that drops."""
        name, module, where = self._caller()
        self.seen.add(name)
        known = PYTORCHS if dropping.ours else OURS
        what = dropping.name
        if type(module) in known:
            what = name_of(type(module)) if dropping.ours else f"torch.nn.{type(module).__name__}"
        by = "dropcore" if dropping.ours else "PyTorch"
        call = Call(by, what, name, where, p, elements, dropping.whole, self.in_backward)
        self.calls.append(call)
        return call

    def drew(self, operator: Any, numbers: int, seconds: float) -> None:
        """Record an operator that drew random numbers."""
        name, _, where = self._caller()
        self.seen.add(name)
        call = Call("other", str(operator), name, where, None, numbers, again=self.in_backward)
        call.seconds = seconds
        self.calls.append(call)

    def _caller(self) -> tuple[str, nn.Module | None, str]:
        # Finds the innermost module of the model, and the innermost line outside PyTorch.
        frame, found, where = sys._getframe(2), None, ""
        while frame is not None and (found is None or not where):
            file = frame.f_code.co_filename
            if file == _AUDIT:
                break
            if not (where or file.startswith(_NOT_THE_MODEL_S)):
                where = f"{os.sep.join(file.split(os.sep)[-2:])}:{frame.f_lineno}"
            found = found or self.modules.get(id(frame.f_locals.get("self")))
            frame = frame.f_back
        return (*(found or ("", None)), where)


_AUDIT = os.path.join(os.path.dirname(__file__), "audit.py")
_NOT_THE_MODEL_S = tuple(os.path.dirname(f) + os.sep for f in (__file__, torch.__file__))


class _Functions(TorchFunctionMode):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def __torch_function__(
        self, function: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        named = named or {}
        dropping = DROPPING.get(function)
        if dropping is None:
            return function(*arguments, **named)
        try:
            p, elements = dropping.read(*arguments, **named)
        except Exception:  # wrong arguments: the function itself will raise
            p, elements = 0.0, 0
        if not (p > 0 and elements):
            return function(*arguments, **named)
        call = self.watch.dropped(dropping, p, elements)
        first, served = sequence_number(), kernels.served
        with _without_operators():
            begin = time.perf_counter()
            y = function(*arguments, **named)
            call.seconds = time.perf_counter() - begin
        if kernels.served > served:  # a kernel that `install` registered computed it
            call.by = "dropcore"
        _time_backward(y, first, call)
        return y


def _without_operators() -> AbstractContextManager[Any]:
    ours = isinstance(current_mode(), _Operators)
    return without_current_mode() if ours else nullcontext()


def _time_backward(y: Any, first: int, call: Call) -> None:
    # The nodes of the call have the sequence number `first` or a greater number. Nodes with smaller
    # numbers belong to the inputs of the call.
    waiting = [each.grad_fn for each in pytree.tree_leaves(y) if isinstance(each, Tensor)]
    known = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in known or not first <= node._sequence_nr() < _NO_NUMBER:
            continue
        known.add(node)
        _time_node(node, call)
        waiting += [each for each, _ in node.next_functions]


def _time_node(node: Any, call: Call) -> None:
    begun = 0.0

    def begin(_: Any) -> None:
        nonlocal begun
        begun = time.perf_counter()

    def end(*_: Any) -> None:
        call.seconds += time.perf_counter() - begun

    node.register_prehook(begin)
    node.register_hook(end)


_NO_NUMBER = 2**64 - 1  # the number of nodes that accumulate the gradient of a leaf


class _Operators(kernels.Onlooker):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def run(self, operator: Any, kernel: Callable[[], Tensor], p: float, elements: int) -> Tensor:
        """Record a call that Python code did not make, but TorchScript or C++."""
        if not (p > 0 and elements):
            return kernel()
        call = self.watch.dropped(DROPPING[operator], p, elements)
        call.by = "dropcore"
        first, begin = sequence_number(), time.perf_counter()
        y = kernel()
        call.seconds = time.perf_counter() - begin
        _time_backward(y, first, call)
        return y

    def __torch_dispatch__(
        self, operator: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        named = named or {}
        begin, served = time.perf_counter(), kernels.served
        y = operator(*arguments, **named)
        if kernels.served > served and operator is _NATIVE:  # TorchScript calls it
            dropping = DROPPING[torch.native_dropout]
            call = self.watch.dropped(dropping, *dropping.read(*arguments))
            call.by, call.seconds = "dropcore", time.perf_counter() - begin
        elif torch.Tag.nondeterministic_seeded in operator.tags and _draws(
            operator, arguments, named
        ):
            seconds = time.perf_counter() - begin
            numbers = next((x.numel() for x in pytree.tree_leaves(y) if isinstance(x, Tensor)), 0)
            self.watch.drew(operator, numbers, seconds)
        return y


_NATIVE = torch.ops.aten.native_dropout.default


def _draws(operator: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> bool:
    # The operators of attention draw only if their dropout is above 0.
    for place, parameter in enumerate(operator._schema.arguments):
        if parameter.name == "dropout_p":
            p = arguments[place] if place < len(arguments) else named.get("dropout_p", 0.0)
            return bool(p > 0)
    return True
