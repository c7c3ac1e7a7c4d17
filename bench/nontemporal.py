"""From which size non-temporal stores are faster.

Prints the time with non-temporal stores, divided by the time with ordinary stores: of dropout
alone, and of dropout followed by a function that reads y. Below 1, non-temporal stores are faster.
`DROPCORE_ISA` chooses the instruction set.

The two kinds of stores are measured in alternating blocks of calls. Non-temporal stores remove
lines of y from the cache. The next call with ordinary stores must load these lines again, which
takes longer. So the first two calls of each block are not timed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import cases
import numpy as np
from cases import Buffers, Call, size_name

import dropcore
from dropcore._core import dispatch, nontemporal

KINDS = {"ordinary": nontemporal.NEVER, "non-temporal": 0}
OPERATIONS = {
    "forward, p = 0.1": lambda b: cases.forward(b, 0.1),
    "forward, p = 0.5": lambda b: cases.forward(b, 0.5),
    "backward": lambda b: cases.backward_from_bits(b, 0.1),
}
CALLS = 4  # timed calls in a block
TURNS = 3  # least number of blocks of each kind


def readers(b: Buffers) -> dict[str, Call]:
    """What runs after dropout: nothing, or a pass over y. Half types are read as integers."""
    y = b.y.view(np.uint16) if b.y.itemsize == 2 else b.y
    z, zero = np.ones_like(y), y.dtype.type(0)
    total = np.bitwise_or if y.itemsize == 2 else np.add
    return {
        "alone": lambda: None,
        "then a sum": lambda: total.reduce(y),
        "then np.maximum": lambda: np.maximum(y, zero, out=z),
    }


def block(call: Call, then: Call) -> Iterator[float]:
    """Times of a block of calls, after two calls that are not timed."""
    for turn in range(2 + CALLS):
        began = time.perf_counter()
        call()
        then()
        if turn >= 2:
            yield time.perf_counter() - began


def ratio(call: Call, then: Call, seconds: float) -> float:
    """The least time with non-temporal stores, divided by the least time with ordinary stores."""
    best = dict.fromkeys(KINDS, float("inf"))
    until, turn = time.perf_counter() + seconds, 0
    while turn < TURNS or time.perf_counter() < until:
        for kind, first in KINDS.items():
            before = nontemporal.set_nontemporal_from(first)
            best[kind] = min(best[kind], *block(call, then))
            nontemporal.set_nontemporal_from(before)
        turn += 1
    return best["non-temporal"] / best["ordinary"]


def rows(dtype: str, sizes: list[int], seconds: float) -> Iterator[tuple[str, ...]]:
    """A row for each operation and reader."""
    measured: dict[str, list[float]] = {}
    for n in sizes:
        b = Buffers(n, dtype)
        for operation, make in OPERATIONS.items():
            call = make(b)
            for reader, then in readers(b).items():
                measured.setdefault(f"{operation}, {reader}", []).append(ratio(call, then, seconds))
    for name, ratios in measured.items():
        yield (name, *(f"{r:.2f}" for r in ratios))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dtype", default="float32", choices=cases.SHORT_DTYPES)
    parser.add_argument(
        "--powers", default="16-26", help="from 2^A to 2^B elements (default: 16-26)", metavar="A-B"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.1, help="seconds for each figure (default: 0.1)"
    )
    parser.add_argument("--threads", type=int, default=1, help="number of threads (default: 1)")
    args = parser.parse_args()
    first, _, last = args.powers.partition("-")
    sizes = [1 << k for k in range(int(first), int(last or first) + 1)]
    first_size = nontemporal.get_nontemporal_from()
    print(f"{dispatch.isa}, {args.dtype}, threads: {args.threads}")
    print(f"threshold of this processor: {first_size} bytes of x and y together")
    print("(by default twice as much for float16 and bfloat16, and on AMD for several threads)\n")
    lines: list[tuple[str, ...]] = [
        ("operation", *map(size_name, sizes)),
        ("---",) * (1 + len(sizes)),
    ]
    with dropcore.num_threads(args.threads):
        lines += rows(args.dtype, sizes, args.seconds)
    for line in lines:
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    main()
