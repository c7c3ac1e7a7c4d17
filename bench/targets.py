"""What the benchmarks must show: for each case what must be reached, what is aimed at, what is.

Ratios within one process: one thread unless said, arrays touched, `out` given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cases import COPYTO, MULTIPLY, size_name
from peers import PEERS
from results import Result, Results

N14, N18, N22, N25 = (1 << k for k in (14, 18, 22, 25))
COPIES = (N18, N22, N25)
COMPARED = (N14, N18, N22, N25)

Measured = Sequence[float | None]
Measure = Callable[[Results], Measured]


@dataclass(frozen=True)
class Target:
    """One line of the table: as many figures as `labels`, most often one a size.

    Attributes
    ----------
    at_most : bool
        The figures are costs: smaller is better.
    measure : callable
        Gives the figures, None for one that was not measured.
    """

    case: str
    labels: tuple[str, ...]
    must: tuple[float, ...]
    aim: tuple[float, ...] | None
    measure: Measure
    at_most: bool = False

    def reached(self, figure: float | None, place: int) -> str:
        """``aim``, ``must``, ``below``, or a dash for what was not measured."""
        if figure is None:
            return "-"
        sign = -1 if self.at_most else 1
        if self.aim is not None and sign * figure >= sign * self.aim[place]:
            return "aim"
        return "must" if sign * figure >= sign * self.must[place] else "below"


# ------------------------------------------------------------------ figures


def over_copy(
    isa: str, name: str, p: float, sizes: Sequence[int], dtype: str = "float32"
) -> Measure:
    """Elements a second of a kernel over those of a copy."""

    def measure(results: Results) -> Iterator[float | None]:
        for n in sizes:
            row = results.one(suite="kernels", name=name, isa=isa, n=n, dtype=dtype, p=p)
            roof = results.one(suite="kernels", name=COPYTO, isa=isa, n=n, dtype=dtype)
            yield results.speed(row, roof)

    return lambda results: list(measure(results))


def over_row(name: str, other: str, sizes: Sequence[int], *, cost: bool = False) -> Measure:
    """One kernel over another on v4: its speed, or its cost."""

    def measure(results: Results) -> Iterator[float | None]:
        for n in sizes:
            key = {"suite": "kernels", "isa": "v4", "n": n, "dtype": "float32", "p": 0.1}
            speed = results.speed(results.one(name=name, **key), results.one(name=other, **key))
            yield 1 / speed if cost and speed else speed

    return lambda results: list(measure(results))


def over_peers(isa: str, only: str | None = None) -> Measure:
    """Forward over a peer, or over whichever is the fastest at a size."""

    def fastest(results: Results, n: int) -> float | None:
        ratios = [
            peer_ratio(results, row)
            for row in results.all(suite="peers", isa=isa, n=n)
            if row.name in PEERS[row.detail].names and only in (None, row.detail)
        ]
        return min(filter(None, ratios), default=None)

    return lambda results: [fastest(results, n) for n in COMPARED]


def peer_ratio(results: Results, row: Result, own: str = "forward") -> float | None:
    """How many times faster than a peer's row ours is, in the same process."""
    return results.speed(results.beside(row, name=own), row)


def shared_axes(results: Results) -> Measured:
    """NCHW and NHWC over a multiplication on the same buffers."""
    figures: list[float | None] = []
    for layout in ("NCHW (32, 64, 56, 56)", "NHWC (32, 56, 56, 64)"):
        row = results.one(suite="shared axes", name="forward", isa="v4", detail=layout)
        roof = results.one(suite="shared axes", name=MULTIPLY, isa="v4", detail=layout)
        figures.append(results.speed(row, roof))
    return figures


def small_call(suite: str, name: str) -> Measure:
    """What a call on four elements costs over a multiplication of four."""

    def measure(results: Results) -> Measured:
        row = results.one(suite=suite, name=name, n=4)
        return [results.speed(results.one(suite=suite, name=MULTIPLY, n=4), row)]

    return measure


def call_cost(name: str) -> Measure:
    """Nanoseconds of one call on four elements, from compiled code."""

    def measure(results: Results) -> Measured:
        row = results.one(suite="engine", name=name, n=4)
        return [None if row is None else row.seconds * 1e9]

    return measure


def step(results: Results, p: float | None = None, name: str = "training step") -> Result | None:
    """A row of `bench_autograd`."""
    return results.one(suite="autograd", name=name, p=p)


def step_with_dropout(results: Results) -> Measured:
    """What dropout adds to a training step of the autograd engine."""
    return [results.speed(step(results), step(results, 0.3))]


def step_over_torch(results: Results) -> Measured:
    """A training step of the autograd engine over PyTorch's, both without dropout."""
    return [results.speed(step(results, name="training step of PyTorch"), step(results))]


def two_threads(results: Results) -> Measured:
    """Two threads over one."""
    key = {"suite": "threads", "name": "forward", "n": N22}
    one, two = (results.one(detail=f"{count} threads", **key) for count in (1, 2))
    return [results.speed(two, one)]


def spread(results: Results, name: str) -> float | None:
    """The dearest element over the cheapest, of all sizes where x alone is past the caches."""
    cache = results.facts["caches"]["the last"] or 0
    rows = [row for row in results.all(suite="large", name=name) if 4 * row.n > cache]
    costs = [row.seconds / row.n for row in rows]
    return max(costs) / min(costs) if len(costs) > 1 else None


def linear(results: Results) -> Measured:
    """How far cost is from linear."""
    return [spread(results, "forward"), spread(results, "forward in place")]


# ------------------------------------------------------------------ the table

SIZES = tuple(map(size_name, COPIES))
PEER_SIZES = tuple(map(size_name, COMPARED))

TARGETS = (
    Target(
        "float32 forward p=0.1 over PyTorch's F.dropout, v4",
        PEER_SIZES,
        (20, 35, 35, 35),
        (30, 48, 48, 55),
        over_peers("v4", "torch"),
    ),
    Target(
        "the same, v3",
        PEER_SIZES,
        (15,) * 4,
        None,
        over_peers("v3", "torch"),
    ),
    Target(
        "float32 forward p=0.1 over the fastest Python peer at that size, v4",
        PEER_SIZES,
        (8, 12, 15, 10),
        (12, 17, 24, 18),
        over_peers("v4"),
    ),
    Target("the same, v3", PEER_SIZES, (5,) * 4, None, over_peers("v3")),
    Target(
        "forward p=0.1 v4, elements a second over np.copyto",
        SIZES,
        (0.55, 0.75, 1.0),
        (0.7, 1.0, 1.35),
        over_copy("v4", "forward", 0.1, COPIES),
    ),
    Target(
        "forward p=0.1 v3, likewise",
        SIZES,
        (0.3, 0.42, 0.7),
        (0.36, 0.5, 0.8),
        over_copy("v3", "forward", 0.1, COPIES),
    ),
    Target(
        "forward p=0.5 v4, likewise",
        SIZES,
        (0.8, 0.95, 0.95),
        (0.95, 1.05, 1.3),
        over_copy("v4", "forward", 0.5, COPIES),
    ),
    Target(
        "backward from packed bits v4, likewise",
        SIZES,
        (0.9, 0.95, 0.95),
        (1.0, 1.1, 1.3),
        over_copy("v4", "backward from bits", 0.1, COPIES),
    ),
    Target(
        "in place p=0.1 over out of place, v4",
        ("2^25",),
        (1.0,),
        (1.2,),
        over_row("forward in place", "forward", (N25,)),
    ),
    Target(
        "packed bits kept over not kept, cost, v4",
        SIZES,
        (1.05,) * 3,
        (1.02,) * 3,
        over_row("forward", "forward, no bits kept", COPIES, cost=True),
        at_most=True,
    ),
    Target(
        "spatial (32, 64, 56, 56) over np.multiply by a scalar, v4",
        ("NCHW", "NHWC"),
        (0.8, 0.8),
        (0.95, 0.95),
        shared_axes,
    ),
    Target(
        "float16 forward p=0.1 over np.copyto of float16, v4",
        ("2^25",),
        (0.5,),
        (0.8,),
        over_copy("v4", "forward", 0.1, (N25,), "float16"),
    ),
    Target(
        "bfloat16 forward p=0.1 over np.copyto of bfloat16, v4",
        ("2^25",),
        (0.5,),
        (0.8,),
        over_copy("v4", "forward", 0.1, (N25,), "bfloat16"),
    ),
    Target(
        "keep_mask(packed=True) p=0.1, bits a second over np.copyto's elements, v4",
        ("2^18",),
        (14 / 16,),
        (25 / 16,),
        over_copy("v4", "keep_mask(packed=True)", 0.1, (N18,)),
    ),
    Target(
        "the same, v3",
        ("2^18",),
        (6 / 16,),
        (8 / 16,),
        over_copy("v3", "keep_mask(packed=True)", 0.1, (N18,)),
    ),
    Target(
        "dropout of 4 elements with out=, cost over np.multiply(x, s, out=y)",
        ("4",),
        (4.0,),
        (2.0,),
        small_call("overhead", "dropout(x, p, training=True, rng=stream, out=y)"),
        at_most=True,
    ),
    Target(
        "Dropout layer, forward and backward of 4 elements, likewise",
        ("4",),
        (2.5 / 0.43,),
        (1.5 / 0.43,),
        small_call("layers", "Dropout, forward and backward, out="),
        at_most=True,
    ),
    Target(
        "forward of 4 elements from Cython, nanoseconds",
        ("4",),
        (60.0,),
        None,
        call_cost("forward"),
        at_most=True,
    ),
    Target(
        "the same over typed memoryviews, dropcore.core, nanoseconds",
        ("4",),
        (70.0,),
        None,
        call_cost("dropcore.core.forward of views"),
        at_most=True,
    ),
    Target(
        "training step of the autograd engine, cost over PyTorch's, both without dropout",
        ("128 rows",),
        (1.5,),
        None,
        step_over_torch,
        at_most=True,
    ),
    Target(
        "the same with dropout 0.3, cost over none",
        ("128 rows",),
        (1.05,),
        None,
        step_with_dropout,
        at_most=True,
    ),
    Target("2 threads over 1", ("2^22",), (1.7,), (1.9,), two_threads),
    Target(
        "cost of an element past the last-level cache, the dearest size over the cheapest",
        ("out of place", "in place"),
        (1.15, 1.15),
        None,
        linear,
        at_most=True,
    ),
)
