"""Compares every module and kind of layout with PyTorch's: ``dropcore-torch-sweep``.

For each module, forward and backward are timed on one thread, with an input that requires a
gradient. dropcore's module and PyTorch's take turns, each for some calls in a row; the least
process time of a call counts.

``--attention`` compares attention instead: dropcore's attention with PyTorch's, with and without
dropout, on the given numbers of threads. With several threads the least wall time of a call counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import dropcore_torch
from dropcore_torch import paths

Layout = Callable[[Tensor], Tensor]
Shape = tuple[int, ...]


# ------------------------------------------------------------------------------ layouts


def transposed(x: Tensor) -> Tensor:
    """The first two axes swapped in memory: a transposed matrix, outputs of batch_first."""
    return x.transpose(0, 1).contiguous().transpose(0, 1)


def heads_swapped(x: Tensor) -> Tensor:
    """Axes 1 and 2 swapped in memory, like the output of attention for each head."""
    return x.transpose(1, 2).contiguous().transpose(1, 2)


def channels_last(x: Tensor) -> Tensor:
    """The second axis last in memory."""
    return x.movedim(1, -1).contiguous().movedim(-1, 1)


def with_gaps(x: Tensor) -> Tensor:
    """Every other element of each row."""
    return torch.stack([x, x], -1).flatten(-2)[..., ::2]


def rows_apart(x: Tensor) -> Tensor:
    """The first half of each row of another tensor."""
    return torch.cat([x, x], -1)[..., : x.shape[-1]]


LAYOUTS: dict[str, Layout] = {
    "C order": Tensor.contiguous,
    "transposed": transposed,
    "batch_first LSTM": transposed,
    "attention heads": heads_swapped,
    "channels last": channels_last,
    "with gaps": with_gaps,
    "rows apart": rows_apart,
}

# ------------------------------------------- shapes of n elements, n a power of 2 from 16


def matrix(n: int) -> Shape:
    """Rows and columns."""
    columns = max(n // _root(n), 8)
    return n // columns, columns


def sequences(n: int) -> Shape:
    """(N, T, H)."""
    width = max(n // _root(n), 4)
    samples = _root(n // width)
    return samples, n // width // samples, width


def heads(n: int) -> Shape:
    """(N, L, heads, width of a head)."""
    width = min(max(_root(n), 4), 64)
    count = min(n // width, 4)
    samples = min(n // width // count, 8)
    return samples, n // width // count // samples, count, width


def signals(n: int) -> Shape:
    """(N, C, L)."""
    return n // 16 or 1, 4, 4


def images(n: int) -> Shape:
    """(N, C, H, W)."""
    return _samples(n, 2, 2 if n < 4096 else 8)


def volumes(n: int) -> Shape:
    """(N, C, D, H, W)."""
    return _samples(n, 3, 2 if n < 4096 else 4)


def _samples(n: int, axes: int, side: int) -> Shape:
    rest = n // side**axes
    return (max(rest // 16, 1), min(rest, 16), *[side] * axes)


def _root(n: int) -> int:
    return 1 << (n.bit_length() - 1) // 2


def _each(shape: Callable[[int], Shape], *layouts: str) -> dict[str, Callable[[int], Shape]]:
    return dict.fromkeys(layouts, shape)


ELEMENTS = _each(matrix, "C order", "transposed", "with gaps", "rows apart")
CHANNELS = "C order", "channels last", "with gaps", "rows apart"
# For each module its layouts, each with the shapes in which it occurs.
CASES: dict[str, dict[str, Callable[[int], Shape]]] = {
    "Dropout": {
        **ELEMENTS,
        **_each(sequences, "batch_first LSTM"),
        **_each(heads, "attention heads"),
    },
    "Dropout1d": _each(signals, *CHANNELS),
    "Dropout2d": _each(images, *CHANNELS),
    "Dropout3d": _each(volumes, *CHANNELS),
    "AlphaDropout": ELEMENTS,
    "FeatureAlphaDropout": _each(images, *CHANNELS),
}

# --------------------------------------------------------------------------- measurement


def step(module: nn.Module, x: Tensor, dy: Tensor) -> Callable[[], object]:
    """One forward and backward pass."""

    def run() -> object:
        y = module(x)
        return torch.autograd.grad(y, x, dy) if y is not x else y

    return run


def least(
    steps: Sequence[Callable[[], object]],
    calls: int,
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> list[float]:
    """Seconds of each step; the steps take turns."""
    found = [float("inf")] * len(steps)
    for _ in range(rounds):
        for place, run in enumerate(steps):
            begin = clock()
            for _ in range(calls):
                run()
            found[place] = min(found[place], (clock() - begin) / calls)
    return found


def rows(
    sizes: Sequence[int], p: float, rounds: int, names: Sequence[str] = tuple(CASES)
) -> Iterator[tuple[str, str, list[float]]]:
    """Module, layout, and for each size dropcore's speed divided by PyTorch's."""
    for name in names:
        pair = getattr(dropcore_torch, name)(p), getattr(nn, name)(p)
        for layout, shape in CASES[name].items():
            ratios = []
            for n in sizes:
                values, dy = (LAYOUTS[layout](torch.randn(shape(n))) for _ in range(2))
                x = values.detach().requires_grad_()
                steps = [step(module, x, dy) for module in pair]
                ours, theirs = least(steps, max(3, 20_000 // n), rounds)
                ratios.append(theirs / ours)
            yield name, layout, ratios


def attention_row(length: int, p: float, rounds: int) -> str:
    """A row of the table of attention: milliseconds, and the two ratios."""
    shape = (2 if length < 2048 else 1, 8, length, 64)
    heads = [torch.randn(shape, requires_grad=True) for _ in range(3)]
    dy = torch.randn(shape)

    def step(call: Callable[..., Tensor], p: float) -> Callable[[], object]:
        return lambda: torch.autograd.grad(call(*heads, dropout_p=p), heads, dy)

    theirs = F.scaled_dot_product_attention
    steps = [step(dropcore_torch.functional.attention, p), step(theirs, p), step(theirs, 0.0)]
    calls = max(2, (1 << 20) // length**2)
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    ours, dropped, none = least(steps, min(calls, 100), rounds, clock)
    times = " | ".join(f"{seconds * 1e3:.2f}" for seconds in (ours, dropped, none))
    name = " x ".join(map(str, shape))
    return f"| {name} | {times} | {dropped / ours:.2f} | {ours / none:.2f} |"


def show_attention(
    lengths: Sequence[int], threads: Sequence[int], p: float, rounds: int, path: paths.Path
) -> None:
    """Print a table of attention for each number of threads."""
    for count in threads:
        torch.set_num_threads(count)
        print(
            f"| batch x heads x length x width, p = {p:g}, with the {path}, "
            f"{count} thread{'s' * (count > 1)} | dropcore, ms | PyTorch, ms "
            "| PyTorch without dropout, ms | PyTorch / dropcore "
            "| dropcore / PyTorch without dropout |"
        )
        print("| --- |" + " --- |" * 5)
        for length in lengths:
            print(attention_row(length, p, rounds), flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="dropcore-torch-sweep", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 256, 4096, 1 << 16, 1 << 20])
    parser.add_argument("--p", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--modules", nargs="+", choices=CASES, default=tuple(CASES))
    parser.add_argument(
        "--attention",
        type=int,
        nargs="+",
        metavar="LENGTH",
        help="compare attention, with 2 x 8 heads (1 x 8 from 2048 on), 64 wide",
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="of attention")
    parser.add_argument("--path", choices=("node", "function"), default=paths.in_use())
    options = parser.parse_args(arguments)
    before = paths.in_use()
    paths.use(options.path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if options.attention:
            rest = options.p, options.rounds, options.path
            show_attention(options.attention, options.threads, *rest)
            return
        sizes = " | ".join(map(str, options.sizes))
        print(f"| module, p = {options.p:g}, with the {options.path} | layout | {sizes} |")
        print("| --- | --- |" + " --- |" * len(options.sizes))
        for name, layout, ratios in rows(options.sizes, options.p, options.rounds, options.modules):
            print(f"| {name} | {layout} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    finally:
        torch.set_num_threads(threads)
        paths.use(before)


if __name__ == "__main__":
    main()
