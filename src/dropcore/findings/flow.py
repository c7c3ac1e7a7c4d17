"""The modules of a model that run, their order, and the outputs that reach each module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dropcore.adapters.autograd import Call, Dropout, answered, on_tape
from dropcore.autograd import Flatten, Module, Sequential, Tensor, as_tensor, no_grad
from dropcore.autograd.contexts import inference_mode, intercepted
from dropcore.autograd.tape import Node, recording
from dropcore.stream import Stream
from dropcore.variants.base import Array


@dataclass(frozen=True)
class Step:
    """One call of a module without children.

    Attributes
    ----------
    index : int
        The position of the step in the order of calls.
    name : str
        The qualified name of the module.
    module : Module
    sources : tuple of int
        The steps whose outputs reach this step, with no other step and no parameter in between.
    direct : bool
        Whether the input of the step is the output of another step, or the model's input, with no
        function in between.
    shape : tuple of int or None
        The shape of the step's input, if known.
    from_input : bool
        Whether the model's input reaches the step, with no step and no parameter in between.
    of_parameters : bool
        Whether the step's inputs are parameters, or computed from parameters alone.
    """

    index: int
    name: str
    module: Module
    sources: tuple[int, ...]
    direct: bool
    shape: tuple[int, ...] | None
    from_input: bool
    of_parameters: bool = False


@dataclass(frozen=True)
class Flow:
    """The steps in order.

    Attributes
    ----------
    steps : list of Step
    outputs : set of int
        The steps whose outputs reach the model's output with no parameter in between.
    strays : tuple of (str, Call)
        Calls of dropout outside the modules of the model, with the name of the calling module.
    """

    steps: list[Step]
    outputs: set[int]
    strays: tuple[tuple[str, Call], ...] = ()

    def before(self, step: Step) -> set[int]:
        """All steps whose outputs reach `step`, directly or through other steps."""
        return _reached(self.steps, step.sources, lambda _: True)

    def nearest(self, step: Step, skip: Callable[[Module], bool]) -> Iterator[Step]:
        """The nearest steps before `step`, ignoring steps whose module `skip` accepts."""
        for index in sorted(_reached(self.steps, step.sources, skip)):
            if not skip(self.steps[index].module):
                yield self.steps[index]

    def chain(self, step: Step, skip: Callable[[Module], bool]) -> Step | None:
        """The step whose output is the input of `step`, ignoring steps that `skip` accepts.

        None if no step qualifies, or more than one, or if a function is in between.
        """
        while step.direct and len(step.sources) == 1 and not step.from_input:
            step = self.steps[step.sources[0]]
            if not skip(step.module):
                return step
        return None

    def is_on_input(self, step: Step) -> bool:
        """Whether the input of `step` is the model's input, possibly flattened."""
        while step.direct and len(step.sources) == 1 and not step.from_input:
            step = self.steps[step.sources[0]]
            if not isinstance(step.module, Flatten):
                return False
        return step.from_input


def _reached(steps: list[Step], start: tuple[int, ...], past: Callable[[Module], bool]) -> set[int]:
    """`start`, and the steps before it; the search passes modules that `past` accepts."""
    found: set[int] = set()
    stack = list(start)
    while stack:
        index = stack.pop()
        if index not in found:
            found.add(index)
            if past(steps[index].module):
                stack.extend(steps[index].sources)
    return found


def has_parameters(module: Module) -> bool:
    """Whether the module, or a module below it, has parameters."""
    return any(True for _ in module.parameters())


def _flow(
    steps: list[Step], last: tuple[int, ...], strays: Iterable[tuple[str, Call]] = ()
) -> Flow:
    outputs = _reached(steps, last, lambda module: not has_parameters(module))
    return Flow(steps, outputs, tuple(strays))


# ------------------------------------------------------ from the structure


def sequential_flow(model: Module) -> Flow | None:
    """The flow of a model made of `Sequential`; None for any other model, which must run."""
    leaves = list(_leaves("", model))
    if any(_has_children(module) for _, module in leaves):
        return None
    steps = [
        Step(index, name, module, (index - 1,) if index else (), True, None, index == 0)
        for index, (name, module) in enumerate(leaves)
    ]
    return _flow(steps, (len(steps) - 1,) if steps else ())


def _leaves(path: str, module: Module) -> Iterator[tuple[str, Module]]:
    """The modules that a `Sequential` calls, in order, each as often as it is called."""
    if isinstance(module, Sequential) and type(module).forward is Sequential.forward:
        for name, child in module.named_children():
            yield from _leaves(f"{path}.{name}" if path else name, child)
    else:
        yield path, module


def _has_children(module: Module) -> bool:
    return any(True for _ in module.named_children())


# ------------------------------------------------------------ from the tape


def traced_flow(model: Module, x: Any) -> Flow:
    """The flow of any model, recorded while `x` runs through it in inference mode."""
    with _all_trainable(model):
        trace = _Trace(model, as_tensor(x))
        with (
            inference_mode(model),
            recording(True),
            intercepted(model, trace.call),
            answered(trace.stray),
        ):
            y = model(trace.start)
        if not isinstance(y, Tensor):
            raise TypeError(f"model must return one Tensor, not {type(y).__name__}")
        return _flow(trace.steps, trace.way_to([y])[0], trace.strays)


@contextmanager
def _all_trainable(model: Module) -> Iterator[None]:
    """Within the block, record all parameters on the tape, also frozen ones."""
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad = True
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad = False


class _Trace:
    """The record of a run."""

    def __init__(self, model: Module, x: Tensor) -> None:
        self.start = Tensor(x.data, requires_grad=True)  # so that the tape records all
        self.parameters = {parameter.node for parameter in model.parameters()}
        self.made: dict[Node | None, int] = {}  # node of an output: index of its step
        self.steps: list[Step] = []
        self.running = [""]  # the call stack: names of modules
        self.strays: list[tuple[str, Call]] = []

    def call(
        self, name: str, module: Module, forward: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Record the call of a module."""
        self.running.append(name)
        try:
            if isinstance(module, Dropout):
                y = _apply(module, None, *args, **kwargs)
            else:
                y = forward(*args, **kwargs)
        finally:
            self.running.pop()
        if not _has_children(module):
            self._note(name, module, _tensors([args, kwargs]), _tensors(y))
        return y

    def _note(self, name: str, module: Module, inputs: list[Tensor], outputs: list[Tensor]) -> None:
        sources, from_input = self.way_to(inputs)
        of_parameters = bool(inputs) and all(self._is_parameter(each.node) for each in inputs)
        direct = all(each.node in self.made or each is self.start for each in inputs)
        for each in outputs:
            if of_parameters:
                self.parameters.add(each.node)
            elif each.node is not None:
                self.made[each.node] = len(self.steps)
        shape = inputs[0].shape if inputs else None
        self.steps.append(
            Step(len(self.steps), name, module, sources, direct, shape, from_input, of_parameters)
        )

    def stray(self, call: Call) -> Tensor:
        """Record a call of dropout that is not a module of the model."""
        self.strays.append((self.running[-1], call))
        return call.infer()

    def way_to(self, tensors: list[Tensor]) -> tuple[tuple[int, ...], bool]:
        """The steps that `tensors` depend on, and whether they depend on the model's input.

        The search stops at steps and at parameters.
        """
        found: set[int] = set()
        seen: set[Node | None] = {None}
        stack = [tensor.node for tensor in tensors]
        while stack:
            node = stack.pop()
            if node in self.made:
                found.add(self.made[node])
            elif node is not None and node not in seen:
                seen.add(node)
                if not any(map(self._is_parameter, node.parents)):
                    stack.extend(node.parents)
        return tuple(sorted(found)), self.start.node in seen

    def _is_parameter(self, node: Node | None) -> bool:
        """Whether `node` is a parameter, or computed from parameters and constants alone."""
        found, seen = [node], {node}
        for each in found:  # the loop appends to the list
            if each is None or each in self.parameters:
                continue
            if each in self.made or not each.parents:  # a module's output, or the model's input
                return False
            found.extend(set(each.parents) - seen)
            seen.update(each.parents)
        return node is not None


def _tensors(values: Any) -> list[Tensor]:
    """The tensors in `values`, and in lists, tuples and dicts within `values`."""
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, dict):
        values = list(values.values())
    if not isinstance(values, list | tuple):
        return []
    return [tensor for each in values for tensor in _tensors(each)]


# ----------------------------------------------------------------------- measure


def run_model(
    model: Module,
    x: Any,
    look: Callable[[Module, Array], object],
    on: Dropout | None,
    stream: Stream,
) -> None:
    """Run `x` through the model in inference mode, except for the dropout module `on`, which drops.

    `look` is called with every module and its input.
    """

    def call(_: str, module: Module, forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        inputs = (*args, *kwargs.values())
        if inputs:
            look(module, as_tensor(inputs[0]).data)
        if isinstance(module, Dropout):
            return _apply(module, stream if module is on else None, *args, **kwargs)
        return forward(*args, **kwargs)

    with inference_mode(model), no_grad(), intercepted(model, call), answered(Call.infer):
        model(Tensor(as_tensor(x).data))


def _apply(module: Dropout, stream: Stream | None, x: Any, **inputs: Any) -> Tensor:
    """Compute the module's value: dropout with draws of `stream`, or inference if it is None.

    The module itself is not called, because it would store the mask.
    """
    training = stream is not None
    x, variant = as_tensor(x), module.variant
    return on_tape(x, module.p, training, stream, variant, "bits", None, inputs)[0]
