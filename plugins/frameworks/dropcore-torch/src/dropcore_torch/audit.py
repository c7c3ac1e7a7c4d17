"""Lists the calls that drop in a training step of a model, and whether dropcore computes them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dropcore_torch.classes import OURS
from dropcore_torch.private import pytree
from dropcore_torch.table import table
from dropcore_torch.untouched import Untouched
from dropcore_torch.watch import Call, Watch


@dataclass(frozen=True)
class Audit:
    """The calls that dropped in a training step; `str` gives a table.

    Attributes
    ----------
    calls : tuple of Call
        The calls in their order.
    seconds : float
        The time of the same step without recording, or the sum of the times of the calls if this
        sum is greater.
    without_backward : str
        The reason why the step had no backward pass; "" if it had one.
    idle : tuple of str
        The qualified names of modules that dropped nothing although their p is above 0. They were
        not called, or were not in training mode, or other code only read their p.
    """

    calls: tuple[Call, ...]
    seconds: float
    without_backward: str
    idle: tuple[str, ...]

    def __str__(self) -> str:
        return table(self.calls, self.seconds, self.without_backward, self.idle)


def audit(model: nn.Module, *inputs: Any, **named_inputs: Any) -> Audit:
    """Run a training step of a model; list the calls that dropped, and who computed them.

    The model is called in training mode, and the sum of its outputs is differentiated with respect
    to its parameters. This step runs four times with the same random numbers: two runs are
    recorded, two are timed, and the shorter time counts. Compiled code runs uncompiled. Hooks run.
    Afterwards the mode, parameters, buffers, gradients and attributes of the modules, the states of
    the random generators, and the inputs are restored. State that code keeps elsewhere is not
    restored.

    Only the calls of this step are listed. If a model has several paths, audit each path with
    inputs that reach it.

    Parameters
    ----------
    model : torch.nn.Module
        A converted or an unchanged model.
    *inputs, **named_inputs
        The arguments of the model.

    Returns
    -------
    Audit
        It has a `Call` for each call that dropped: calls of dropcore's and PyTorch's modules and
        functions, of ``scaled_dot_product_attention`` with a `dropout_p`, and of recurrent layers.
        Other operators that drew random numbers have a `Call` too.

    Raises
    ------
    TypeError
        If `model` is no module.
    ValueError
        If a lazy module of the model has no parameters yet.
    Exception
        Errors of the model; its state is restored first.

    Notes
    -----
    `audit` needs memory for a copy of all parameters and buffers.

    Examples
    --------
    >>> import torch
    >>> from dropcore_torch import audit, convert
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Dropout(0.1))
    >>> found = audit(model, torch.ones(2, 8))
    >>> [(call.by, call.what, call.module, call.elements) for call in found.calls]
    [('PyTorch', 'torch.nn.Dropout', '1', 16)]
    >>> _ = convert(model)
    >>> [(call.by, call.what) for call in audit(model, torch.ones(2, 8)).calls]
    [('dropcore', 'dropcore_torch.Dropout')]
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, not {type(model).__name__}")
    if any(nn.parameter.is_lazy(x) for x in model.parameters()):
        raise ValueError("model must have its parameters: call it once first, because it is lazy")
    untouched = Untouched(model)
    watches, seconds = [], []
    try:
        for _ in range(2):
            watches.append(Watch(model))
            _, without_backward = _step(model, inputs, named_inputs, watches[-1])
            untouched.restore()
            seconds.append(_step(model, inputs, named_inputs, None)[0])
            untouched.restore()
    finally:
        untouched.restore()
    first, watch = watches
    if first.calls == watch.calls:  # the same calls; their times may differ
        for one, other in zip(first.calls, watch.calls, strict=True):
            other.seconds = min(one.seconds, other.seconds)
    whole = max(min(seconds), sum(call.seconds for call in watch.calls))
    return Audit(tuple(watch.calls), whole, without_backward, tuple(_idle(model, watch)))


def _step(
    model: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], watch: Watch | None
) -> tuple[float, str]:
    # Returns the seconds of a step, and the reason why there was no backward pass.
    inputs, named = pytree.tree_map_only(Tensor, _copy, (inputs, named))
    model.train()
    with _in_training(model), watch.looking() if watch else nullcontext():
        begin = time.perf_counter()
        y = model(*inputs, **named)
        if watch:
            watch.in_backward = True
        without_backward = _backward(y, [x for x in model.parameters() if x.requires_grad])
        return time.perf_counter() - begin, without_backward


def _copy(x: Tensor) -> Tensor:
    # Makes the input a result of an operator: in-place operators refuse leaves.
    return x.detach().requires_grad_(x.requires_grad).clone()


@contextmanager
def _in_training(model: nn.Module) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        for module in model.modules():
            if isinstance(module, DistributedDataParallel):
                stack.enter_context(
                    module.no_sync()
                )  # otherwise the module waits for a backward pass
        yield


def _backward(y: Any, parameters: list[Tensor]) -> str:
    outputs = [x for x in _tensors(y) if x.requires_grad]
    if not (outputs and parameters):
        return "no output depends on a parameter that requires a gradient"
    try:
        torch.autograd.grad(
            outputs, parameters, [torch.ones_like(x) for x in outputs], allow_unused=True
        )
    except RuntimeError as error:
        return f"PyTorch refused it: {str(error).splitlines()[0]}"
    return ""


def _tensors(y: Any) -> Iterator[Tensor]:
    for each in pytree.tree_leaves(y):
        if isinstance(each, Tensor):
            yield each
        elif isinstance(each, Mapping):
            yield from _tensors(list(each.values()))
        elif hasattr(each, "__dataclass_fields__"):
            yield from _tensors(list(vars(each).values()))


def _idle(model: nn.Module, watch: Watch) -> Iterator[str]:
    for name, module in model.named_modules():
        if isinstance(module, tuple(OURS)) and name not in watch.seen:
            between = getattr(module, "num_layers", 2) > 1
            if between and getattr(module, "p", getattr(module, "dropout", 0)) > 0:
                yield name
