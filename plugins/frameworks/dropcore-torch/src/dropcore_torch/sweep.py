"""Every module and kind of layout beside PyTorch's: ``dropcore-torch-sweep``.

Forward and backward of one module on one thread, with an input that needs a gradient. dropcore's
module and PyTorch's take turns, each for some calls in a row; the least process time of a call
counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

import dropcore_torch

Layout = Callable[[Tensor], Tensor]


def transposed(x: Tensor) -> Tensor:
    """The first two axes in the other order of memory: a transposed matrix, batch_first outputs."""
    return x.transpose(0, 1).contiguous().transpose(0, 1)


def channels_last(x: Tensor) -> Tensor:
    """The second axis last in memory."""
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def with_gaps(x: Tensor) -> Tensor:
    """Every other element of each row."""
    return torch.stack([x, x], -1).flatten(-2)[..., ::2]


LAYOUTS: dict[str, Layout] = {
    "C order": Tensor.contiguous,
    "transposed": transposed,
    "channels last": channels_last,
    "with gaps": with_gaps,
}
EVERY = ("C order", "transposed", "with gaps")
CHANNELS = ("C order", "channels last", "with gaps")
# Module, the shape of a given number of elements, and the layouts that occur.
CASES: dict[str, tuple[Callable[[int], tuple[int, ...]], tuple[str, ...]]] = {
    "Dropout": (lambda n: (n // 8, 8) if n < 64 else (_root(n), n // _root(n)), EVERY),
    "Dropout1d": (lambda n: (n // 16 or 1, 4, 4), CHANNELS),
    "Dropout2d": (lambda n: _images(n, 2), CHANNELS),
    "Dropout3d": (lambda n: _images(n, 3), CHANNELS),
    "AlphaDropout": (lambda n: (n // 8, 8) if n < 64 else (_root(n), n // _root(n)), EVERY),
    "FeatureAlphaDropout": (lambda n: _images(n, 2), CHANNELS),
}


def _root(n: int) -> int:
    return 1 << (n.bit_length() - 1) // 2


def _images(n: int, axes: int) -> tuple[int, ...]:
    side = 2 if n < 4096 else 8 if axes == 2 else 4
    rest = n // side**axes
    return (max(rest // 16, 1), min(rest, 16), *[side] * axes)


def step(module: nn.Module, x: Tensor, dy: Tensor) -> Callable[[], object]:
    """One forward and backward pass."""

    def run() -> object:
        y = module(x)
        return torch.autograd.grad(y, x, dy) if y is not x else y

    return run


def least(steps: Sequence[Callable[[], object]], calls: int, rounds: int) -> list[float]:
    """Seconds of each, in turns."""
    found = [float("inf")] * len(steps)
    for _ in range(rounds):
        for place, run in enumerate(steps):
            begin = time.process_time()
            for _ in range(calls):
                run()
            found[place] = min(found[place], (time.process_time() - begin) / calls)
    return found


def rows(
    sizes: Sequence[int], p: float, rounds: int, names: Sequence[str] = tuple(CASES)
) -> Iterator[tuple[str, str, list[float]]]:
    """Module, layout, and how many times as fast as PyTorch's at each size."""
    for name in names:
        shape, layouts = CASES[name]
        pair = getattr(dropcore_torch, name)(p), getattr(nn, name)(p)
        for layout in layouts:
            ratios = []
            for n in sizes:
                values = LAYOUTS[layout](torch.randn(shape(n)))
                x, dy = values.detach().requires_grad_(), LAYOUTS[layout](torch.randn(shape(n)))
                steps = [step(module, x, dy) for module in pair]
                ours, theirs = least(steps, max(3, 20_000 // n), rounds)
                ratios.append(theirs / ours)
            yield name, layout, ratios


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="dropcore-torch-sweep", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 256, 4096, 1 << 16, 1 << 20])
    parser.add_argument("--p", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--modules", nargs="+", choices=CASES, default=tuple(CASES))
    options = parser.parse_args(arguments)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        print(f"| module, p = {options.p:g} | layout | {' | '.join(map(str, options.sizes))} |")
        print("| --- | --- |" + " --- |" * len(options.sizes))
        for name, layout, ratios in rows(options.sizes, options.p, options.rounds, options.modules):
            print(f"| {name} | {layout} | {' | '.join(f'{ratio:.1f}' for ratio in ratios)} |")
    finally:
        torch.set_num_threads(threads)


if __name__ == "__main__":
    main()
