"""Steps of real models: without dropout, with PyTorch's, after `convert`, with `install`.

The cost of dropout is the time of a step minus the time of the step without dropout. The four
kinds of steps take turns, each for some steps in a row as in training, so that changes of the
machine's speed affect all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dropcore_torch.convert import convert
from dropcore_torch.install import installed
from dropcore_torch.models import MODELS, Inputs
from dropcore_torch.private import pytree

HEAD = ("no dropout", "PyTorch", "convert", "install")


Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "process": time.process_time}


@dataclass
class Row:
    """The measurements of one model.

    Attributes
    ----------
    seconds : dict of str to float
        The least time of a step, for each name in `HEAD`.
    kept : dict of str to int
        Bytes that a forward pass keeps for the backward pass, without parameters.
    """

    name: str
    threads: int
    seconds: dict[str, float]
    kept: dict[str, int]

    def left(self, name: str) -> float:
        """The cost of dropout as a fraction of PyTorch's cost."""
        none, theirs = self.seconds["no dropout"], self.seconds["PyTorch"]
        return (self.seconds[name] - none) / (theirs - none)


def measure(name: str, p: float, rounds: int, calls: int, clock: Clock) -> Row:
    """Time the steps of a model, with PyTorch's number of threads."""
    steps, kept = {}, {}
    for column in HEAD:
        torch.manual_seed(0)
        model, inputs = MODELS[name](0.0 if column == "no dropout" else p)
        if column == "convert":
            convert(model)
        model.train()
        with around(column):
            kept[column] = kept_bytes(model, inputs)
        steps[column] = step_of(model, inputs)
    seconds = dict.fromkeys(HEAD, float("inf"))
    for _ in range(rounds):
        for column, step in steps.items():
            with around(column):
                step()
                for _ in range(calls):
                    begin = clock()
                    step()
                    seconds[column] = min(seconds[column], clock() - begin)
    return Row(name, torch.get_num_threads(), seconds, kept)


def around(column: str) -> AbstractContextManager[Any]:
    """The context manager within which the steps of a column run."""
    return installed() if column == "install" else nullcontext()


def loss_of(model: nn.Module, inputs: Inputs) -> Tensor:
    """A loss that depends on all outputs."""
    outputs = pytree.tree_leaves({"y": model(**inputs)})
    return sum(y.square().mean() for y in _tensors(outputs))


def _tensors(leaves: Sequence[Any]) -> list[Tensor]:
    # The outputs of transformers are dictionaries that pytree may not know.
    found: list[Tensor] = []
    for leaf in leaves:
        if isinstance(leaf, Tensor):
            found.append(leaf)
        elif hasattr(leaf, "to_tuple"):
            found += _tensors(leaf.to_tuple())
    return found


def step_of(model: nn.Module, inputs: Inputs) -> Callable[[], None]:
    """A step of training."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        loss_of(model, inputs).backward()
        optimizer.step()

    return step


def kept_bytes(model: nn.Module, inputs: Inputs) -> int:
    """Bytes of the tensors that a forward pass saves, each memory counted once."""
    sizes: dict[int, int] = {}
    alive: list[Tensor] = []  # otherwise an address could occur twice
    parameters = {x.untyped_storage().data_ptr() for x in model.parameters()}

    def save(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        alive.append(x)
        return x

    with torch.autograd.graph.saved_tensors_hooks(save, lambda x: x):
        loss_of(model, inputs)
    return sum(size for address, size in sizes.items() if address not in parameters)


def table(rows: Sequence[Row]) -> str:
    """Rows as a table in Markdown."""
    extra = (f"{each}: extra time / PyTorch's" for each in HEAD[2:])
    memory = (f"{each}, MiB" for each in HEAD)
    head = ["model, threads", *(f"{each}, ms" for each in HEAD), *extra, *memory]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for row in rows:
        times = " | ".join(f"{row.seconds[each] * 1e3:.1f}" for each in HEAD)
        left = " | ".join(f"{row.left(each):.0%}" for each in HEAD[2:])
        kept = " | ".join(f"{row.kept[each] / 2**20:.1f}" for each in HEAD)
        lines.append(f"| {row.name}, {row.threads} | {times} | {left} | {kept} |")
    return "\n".join(lines)


def show(
    names: Sequence[str],
    threads: Sequence[int],
    p: float,
    rounds: int,
    calls: int,
    clock: Clock,
) -> None:
    """Measure, and print: least milliseconds of a step."""
    rows = []
    before = torch.get_num_threads()
    try:
        for count in threads:
            torch.set_num_threads(count)
            rows += [measure(name, p, rounds, calls, clock) for name in names]
    finally:
        torch.set_num_threads(before)
    print(table(rows))
