"""The cost of dropout in a training step of PyTorch: ``python -m dropcore_torch.step --help``.

One step of the same model is timed in five forms: without dropout; with an autograd.Function that
does nothing in place of each dropout module; with one multiplication in place of each dropout
module, which reads and writes the same memory as dropout; with dropcore's modules after `convert`;
and with PyTorch's own modules. The forms take turns, each for some steps in a row as in training,
so that changes of the machine's speed affect all forms. The cost of dropout is the time of a step
minus the time of the step without dropout. The second form has the cost of any Function in Python,
which dropcore's node in C++ avoids. The third form has the cost of one pass over the elements. With
``--compile``, torch.compile compiles the steps without dropout, with dropcore's modules and with
PyTorch's.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import dropcore
import dropcore_torch
from dropcore_torch import real
from dropcore_torch.functional import draw_as_tensor
from dropcore_torch.models import MODELS
from dropcore_torch.rule import rule_of

Step = Callable[[], object]


class _Nothing(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        return dy


class EmptyFunction(nn.Module):
    """A replacement for a dropout module: the least cost of any Function."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x through a Function."""
        return _Nothing.apply(x)


class Multiplication(nn.Module):
    """A replacement for a dropout module: the cost of one pass of PyTorch over the elements."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x times a number."""
        return x * 1.5


# -------------------------------------------------------------------------- models


def perceptron(options: argparse.Namespace, drop: Callable[[], nn.Module] | None) -> nn.Module:
    """Hidden layers of one width, each a linear map, relu and dropout."""
    layers: list[nn.Module] = []
    for _ in range(options.layers):
        layers += [nn.Linear(options.width, options.width), nn.ReLU()]
        layers += [drop()] if drop else []
    return nn.Sequential(*layers, nn.Linear(options.width, 10))


def encoder(options: argparse.Namespace, drop: Callable[[], nn.Module] | None) -> nn.Module:
    """An encoder layer of a transformer; its attention dropout is always 0."""
    layer = nn.TransformerEncoderLayer(
        options.width, options.heads, 4 * options.width, dropout=options.p, batch_first=True
    )
    layer.self_attn.dropout = 0.0
    for name in ("dropout", "dropout1", "dropout2"):
        setattr(layer, name, drop() if drop else nn.Identity())
    return nn.Sequential(layer, nn.Linear(options.width, 10))


def steps_of(options: argparse.Namespace) -> dict[str, Step]:
    """The steps to be timed, by their form of dropout."""
    build = {"perceptron": perceptron, "encoder": encoder}[options.model]
    length = () if options.model == "perceptron" else (options.length,)
    x = torch.randn(options.batch, *length, options.width)
    labels = torch.randint(10, (options.batch * (length[0] if length else 1),))

    def dropout() -> nn.Module:
        return nn.Dropout(options.p)

    converted = build(options, dropout)
    dropcore_torch.convert(converted)
    if options.compile:
        models = {
            "no dropout": build(options, None),
            "dropcore": converted,
            "PyTorch": build(options, dropout),
        }
        return {name: _step(model, x, labels, torch.compile) for name, model in models.items()}
    models = {
        "no dropout": build(options, None),
        "empty Function": build(options, EmptyFunction),
        "multiplication": build(options, Multiplication),
        "dropcore": converted,
        "PyTorch": build(options, dropout),
    }
    return {name: _step(model, x, labels) for name, model in models.items()}


def _step(model: nn.Module, x: Tensor, labels: Tensor, compiled: Any = lambda m: m) -> Step:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model = compiled(model)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x).flatten(0, -2), labels).backward()
        optimizer.step()

    return step


def functions_of(elements: int, p: float, compiled: Any = lambda f: f) -> dict[str, Step]:
    """Forward calls of the function alone, on a float32 tensor."""
    x = torch.randn(elements)
    ours = compiled(lambda x: dropcore_torch.functional.dropout(x, p, True))
    theirs = compiled(lambda x: F.dropout(x, p, True))
    return {"dropcore": lambda: ours(x), "PyTorch": lambda: theirs(x)}


def operators_of(elements: int, p: float) -> dict[str, Step]:
    """Calls of dropcore's operators in compiled graphs, and of PyTorch's multiplication."""
    x, y = torch.randn(2, elements).unbind()
    draw = draw_as_tensor(dropcore.Stream(0).at(0))
    own, given = torch.ops.dropcore, (x, draw[:4], draw[4], p, rule_of("standard", {}).text)
    multiply, factor = torch.ops.aten.mul.out, torch.tensor(1.5)
    return {
        "dropcore::planned.out": lambda: own.planned.out(*given, out=y),
        "dropcore::planned_backward.out": lambda: own.planned_backward.out(*given, out=y),
        "aten::mul.out": lambda: multiply(x, factor, out=y),
    }


# ---------------------------------------------------------------------- measurement


def measure(
    steps: dict[str, Step], rounds: int, calls: int, clock: real.Clock = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each step. In each round a step runs several times in a row.

    The first half of a row and the first rounds do not count, because the caches still have data of
    another step.
    """
    warm = max(2, rounds // 20)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(warm + rounds):
        for name, step in steps.items():
            for call in range(calls):
                begin = clock()
                step()
                if turn >= warm and call >= calls // 2:
                    seconds[name].append(clock() - begin)
    return seconds


def table(seconds: dict[str, list[float]]) -> str:
    """Least and median of each row, and their differences from the first row."""
    first = next(iter(seconds.values()))
    lines = [f"{'':16}{'least us':>10}{'over':>8}{'median us':>12}{'over':>8}{'share':>8}"]
    for name, each in seconds.items():
        least, median = min(each), statistics.median(each)
        over, share = median / statistics.median(first) - 1, 1 - statistics.median(first) / median
        lines.append(
            f"{name:16}{least * 1e6:10.1f}{least / min(first) - 1:8.1%}"
            f"{median * 1e6:12.1f}{over:8.1%}{share:8.1%}"
        )
    return "\n".join(lines)


def ratios(seconds: dict[str, list[float]]) -> str:
    """The speed of dropcore divided by the speed of PyTorch's dropout."""
    ours, torchs = seconds["dropcore"], seconds["PyTorch"]
    return (
        f"{min(ours) * 1e6:.1f} us, PyTorch {min(torchs) * 1e6:.1f} us: "
        f"{min(torchs) / min(ours):.1f} times as fast by the least times, "
        f"{statistics.median(torchs) / statistics.median(ours):.1f} times by the medians"
    )


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    whole = argparse.ArgumentParser(prog="dropcore-torch-step", description=__doc__.split("\n")[0])
    whole.add_argument(
        "--model",
        choices=("perceptron", "encoder", *MODELS),
        nargs="+",
        default=["perceptron"],
        help="perceptron or encoder; or one or more of the others: models of transformers, timm "
        "and PyTorch, with PyTorch's dropout, after `convert` and with `install`",
    )
    whole.add_argument("--width", type=int, default=256)
    whole.add_argument("--layers", type=int, default=3, help="hidden layers of the perceptron")
    whole.add_argument("--heads", type=int, default=4, help="heads of the encoder")
    whole.add_argument("--length", type=int, default=128, help="length of a sample of the encoder")
    whole.add_argument("--batch", type=int, default=None, help="default: 128; encoder: 8")
    whole.add_argument("--p", type=float, default=0.1)
    whole.add_argument("--rounds", type=int, default=60, help="turns of each form of the step")
    whole.add_argument("--calls", type=int, default=10, help="steps in a row in each turn")
    whole.add_argument("--threads", type=int, nargs="+", default=[1], help="PyTorch's threads")
    whole.add_argument(
        "--compile",
        action="store_true",
        help="compile by torch.compile, whose first call takes half a minute; with --function, "
        "also time the operators that compiled graphs call",
    )
    whole.add_argument(
        "--clock",
        choices=real.CLOCKS,
        default="wall",
        help="the clock for steps; with one thread, the clock of the process does not count other "
        "programs",
    )
    whole.add_argument(
        "--function",
        type=int,
        nargs="+",
        metavar="ELEMENTS",
        help="instead of a step, time the forward pass of the function, with this many elements",
    )
    return whole


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    options = parser().parse_args(arguments)
    if set(options.model) <= set(MODELS) and not options.function:
        if options.compile:
            parser().error("--compile is for perceptron, encoder and functions")
        often = options.rounds, options.calls
        clock = real.CLOCKS[options.clock]
        real.show(options.model, options.threads, options.p, *often, clock)
        return
    if len(options.model) > 1 or len(options.threads) > 1:
        parser().error("perceptron, encoder and functions are timed one by one, on --threads N")
    (options.model,), (options.threads,) = options.model, options.threads
    if options.batch is None:
        options.batch = 8 if options.model == "encoder" else 128
    threads = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        show_functions(options) if options.function else show_steps(options)
    finally:
        torch.set_num_threads(threads)


def show_functions(options: argparse.Namespace) -> None:
    """Print a line for each size."""
    for elements in options.function:
        calls = max(options.calls, min(1000, (1 << 22) // elements))
        compiled = {"compiled": torch.compile} if options.compile else {}
        steps = functions_of(elements, options.p, **compiled)
        seconds = measure(steps, options.rounds, calls)
        print(f"{elements} elements, p = {options.p}: {ratios(seconds)}")
        if options.compile:
            seconds = measure(operators_of(elements, options.p), options.rounds, calls)
            least = (f"{name} {min(each) * 1e6:.1f} us" for name, each in seconds.items())
            print(f"{elements} elements, one call: {', '.join(least)}")


def show_steps(options: argparse.Namespace) -> None:
    """Print a table of the steps."""
    shape = f"{options.layers} layers" if options.model == "perceptron" else "one layer"
    print(
        f"{options.model}, {shape} of width {options.width}, batch {options.batch}, "
        f"p = {options.p}, {options.threads} thread(s), {options.rounds} rounds of "
        f"{options.calls} steps{', compiled' * options.compile}"
    )
    clock = real.CLOCKS[options.clock]
    print(table(measure(steps_of(options), options.rounds, options.calls, clock)))
    print("over: extra time / time without dropout; share: extra time / time of the step")


if __name__ == "__main__":
    main()
