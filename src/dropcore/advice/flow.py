"""Which modules of a model run, and whose outputs reach them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dropcore.adapters.autograd import Dropout, dropout
from dropcore.autograd import Module, Sequential, Tensor, as_tensor, no_grad
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
    """

    index: int
    name: str
    module: Module
    sources: tuple[int, ...]
    direct: bool
    shape: tuple[int, ...] | None


@dataclass(frozen=True)
class Flow:
    """The steps in order.

    Attributes
    ----------
    steps : list of Step
    outputs : set of int
        The steps from which the model's output is reached without meeting a parameter.
    """

    steps: list[Step]
    outputs: set[int]

    def before(self, step: Step) -> set[int]:
        """All steps whose outputs reach `step`, on whatever way."""
        return _reached(self.steps, step.sources, lambda _: True)

    def nearest(self, step: Step, skip: Callable[[Module], bool]) -> Iterator[Step]:
        """The steps before `step`, going past those whose module `skip` says to."""
        for index in sorted(_reached(self.steps, step.sources, skip)):
            if not skip(self.steps[index].module):
                yield self.steps[index]


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


def _flow(steps: list[Step], last: tuple[int, ...]) -> Flow:
    return Flow(steps, _reached(steps, last, lambda module: not has_parameters(module)))


# ------------------------------------------------------ by what a Sequential says


def sequential_flow(model: Module) -> Flow | None:
    """The flow of a model made of `Sequential`; None for another: run it to know."""
    leaves = list(_leaves("", model))
    if any(_has_children(module) for _, module in leaves):
        return None
    steps = [
        Step(index, name, module, (index - 1,) if index else (), True, None)
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
    start = Tensor(as_tensor(x).data, requires_grad=True)  # so that all is on the tape
    parameters = {parameter.node for parameter in model.parameters()}
    made: dict[Node | None, int] = {}  # what is on the tape, and the step it comes from
    steps: list[Step] = []

    def call(
        name: str, module: Module, forward: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        if _has_children(module):
            return forward(*args, **kwargs)
        inputs = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        sources = _sources(inputs, made, parameters)
        direct = all(tensor.node in made or tensor is start for tensor in inputs)
        if isinstance(module, Dropout):
            y = _apply(module, None, *args, **kwargs)
        else:
            y = forward(*args, **kwargs)
        if y.node is not None:
            made[y.node] = len(steps)
        shape = inputs[0].shape if inputs else None
        steps.append(Step(len(steps), name, module, sources, direct, shape))
        return y

    with inference_mode(model), recording(True), intercepted(model, call):
        y = model(start)
    if not isinstance(y, Tensor):
        raise TypeError(f"model must return one Tensor, not {type(y).__name__}")
    return _flow(steps, _sources([y], made, parameters))


def _sources(
    tensors: list[Tensor], made: dict[Node | None, int], parameters: set[Node | None]
) -> tuple[int, ...]:
    """The steps that made what `tensors` are computed from, without a parameter in between."""
    found: set[int] = set()
    seen: set[Node | None] = {None}
    stack = [tensor.node for tensor in tensors]
    while stack:
        node = stack.pop()
        if node in made:
            found.add(made[node])
        elif node is not None and node not in seen:
            seen.add(node)
            if not any(_is_parameter(parent, made, parameters) for parent in node.parents):
                stack.extend(node.parents)
    return tuple(sorted(found))


def _is_parameter(
    node: Node | None, made: dict[Node | None, int], parameters: set[Node | None]
) -> bool:
    """Whether it is a parameter, or computed from parameters and constants alone."""
    found, seen = [node], {node}
    for each in found:  # which grows on the way
        if each is None or each in parameters:
            continue
        if each in made or not each.parents:  # a module's output, or the model's input
            return False
        found.extend(set(each.parents) - seen)
        seen.update(each.parents)
    return node is not None


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

    with inference_mode(model), no_grad(), intercepted(model, call):
        model(Tensor(as_tensor(x).data))


def _apply(module: Dropout, stream: Stream | None, x: Any, **inputs: Any) -> Tensor:
    """What the module computes; in inference mode without a stream.

    It is not called itself: it would remember the mask.
    """
    training = stream is not None
    return dropout(x, module.p, training=training, rng=stream, variant=module.variant, **inputs)
