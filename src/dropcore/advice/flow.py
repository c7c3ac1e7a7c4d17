"""Which modules of a model run, and whose outputs reach them."""

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
    """One call of a module that is made of no others.

    Attributes
    ----------
    index : int
        Its place in the order of calls.
    name : str
        Qualified.
    module : Module
    sources : tuple of int
        The steps whose outputs reach it, with no other step and no parameter in between.
    direct : bool
        Whether its input is such an output itself, or the model's input, with no function in
        between.
    shape : tuple of int or None
        Of its input, where known.
    from_input : bool
        Whether the model's input reaches it, as the outputs of `sources` do.
    of_parameters : bool
        Whether it was called with parameters, not with what comes from the model's input.
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
        The steps from which the model's output is reached without meeting a parameter.
    strays : tuple of (str, Call)
        Calls of dropout that is no module of the model, with the name of the module that called.
    """

    steps: list[Step]
    outputs: set[int]
    strays: tuple[tuple[str, Call], ...] = ()

    def before(self, step: Step) -> set[int]:
        """All steps whose outputs reach `step`, on whatever way."""
        return _reached(self.steps, step.sources, lambda _: True)

    def nearest(self, step: Step, skip: Callable[[Module], bool]) -> Iterator[Step]:
        """The steps before `step`, going past those whose module `skip` says to."""
        for index in sorted(_reached(self.steps, step.sources, skip)):
            if not skip(self.steps[index].module):
                yield self.steps[index]

    def chain(self, step: Step, skip: Callable[[Module], bool]) -> Step | None:
        """The step whose output `step` is called with, going past those that `skip` says to.

        None if there is none, or not one alone, or a function in between.
        """
        while step.direct and len(step.sources) == 1 and not step.from_input:
            step = self.steps[step.sources[0]]
            if not skip(step.module):
                return step
        return None

    def is_on_input(self, step: Step) -> bool:
        """Whether `step` is called with the model's input, flat or not."""
        while step.direct and len(step.sources) == 1 and not step.from_input:
            step = self.steps[step.sources[0]]
            if not isinstance(step.module, Flatten):
                return False
        return step.from_input


def _reached(steps: list[Step], start: tuple[int, ...], past: Callable[[Module], bool]) -> set[int]:
    """`start`, and going back from there past the steps whose module `past` says to."""
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
    """Whether it, or a module below it, has any."""
    return any(True for _ in module.parameters())


def _flow(
    steps: list[Step], last: tuple[int, ...], strays: Iterable[tuple[str, Call]] = ()
) -> Flow:
    outputs = _reached(steps, last, lambda module: not has_parameters(module))
    return Flow(steps, outputs, tuple(strays))


# ------------------------------------------------------ by what a Sequential says


def sequential_flow(model: Module) -> Flow | None:
    """The flow of a model made of `Sequential`; None for another: run it to know."""
    leaves = list(_leaves("", model))
    if any(_has_children(module) for _, module in leaves):
        return None
    steps = [
        Step(index, name, module, (index - 1,) if index else (), True, None, index == 0)
        for index, (name, module) in enumerate(leaves)
    ]
    return _flow(steps, (len(steps) - 1,) if steps else ())


def _leaves(path: str, module: Module) -> Iterator[tuple[str, Module]]:
    """What a `Sequential` calls, in order; a module in several places comes several times."""
    if isinstance(module, Sequential) and type(module).forward is Sequential.forward:
        for name, child in module.named_children():
            yield from _leaves(f"{path}.{name}" if path else name, child)
    else:
        yield path, module


def _has_children(module: Module) -> bool:
    return any(True for _ in module.named_children())


# ------------------------------------------------------------ by what the tape says


def traced_flow(model: Module, x: Any) -> Flow:
    """The flow of any model, seen while `x` runs through it in inference mode."""
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
    """Within the block, have all parameters on the tape, frozen ones too."""
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad = True
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad = False


class _Trace:
    """What is noted of a run."""

    def __init__(self, model: Module, x: Tensor) -> None:
        self.start = Tensor(x.data, requires_grad=True)  # so that all is on the tape
        self.parameters = {parameter.node for parameter in model.parameters()}
        self.made: dict[Node | None, int] = {}  # what is on the tape, and the step it comes from
        self.steps: list[Step] = []
        self.running = [""]  # names of the modules that have called one another
        self.strays: list[tuple[str, Call]] = []

    def call(
        self, name: str, module: Module, forward: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Note the call of a module."""
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
        """Note a call of dropout that is no module of the model."""
        self.strays.append((self.running[-1], call))
        return call.infer()

    def way_to(self, tensors: list[Tensor]) -> tuple[tuple[int, ...], bool]:
        """The steps that `tensors` are computed from, and whether they are from the input too.

        In both cases without a parameter in between.
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
        """Whether it is a parameter, or computed from parameters and constants alone."""
        found, seen = [node], {node}
        for each in found:  # which grows on the way
            if each is None or each in self.parameters:
                continue
            if each in self.made or not each.parents:  # a module's output, or the model's input
                return False
            found.extend(set(each.parents) - seen)
            seen.update(each.parents)
        return node is not None


def _tensors(values: Any) -> list[Tensor]:
    """The tensors among `values`, and in lists, tuples and dicts of them."""
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, dict):
        values = list(values.values())
    if not isinstance(values, list | tuple):
        return []
    return [tensor for each in values for tensor in _tensors(each)]


# ----------------------------------------------------------------------- look inside


def run(
    model: Module,
    x: Any,
    look: Callable[[Module, Array], object],
    on: Dropout | None,
    stream: Stream,
) -> None:
    """Run `x` through the model in inference mode, but for one dropout module that drops.

    `look` sees every module and its input.
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
    """What the module computes; in inference mode without a stream.

    It is not called itself: it would remember the mask.
    """
    training = stream is not None
    return on_tape(as_tensor(x), module.p, training, stream, module.variant, "bits", inputs)[0]
