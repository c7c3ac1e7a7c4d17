"""The lines of the summary in RESULTS.md, and the ratios in them.

A ratio compares two rows of one process. Unless a line states something else, a row uses one
thread, `out`, and arrays whose pages were written before the measurement.
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
class Line:
    """One line of the summary, with one figure for each of `labels`: sizes in most lines.

    Attributes
    ----------
    measure : callable
        Returns the figures; None stands for a figure that was not measured.
    is_cost : bool
        Whether the figures are costs (smaller is better).
    """

    case: str
    labels: tuple[str, ...]
    measure: Measure
    is_cost: bool = False


# ------------------------------------------------------------------ figures


def over_copy(
    isa: str, name: str, p: float, sizes: Sequence[int], dtype: str = "float32"
) -> Measure:
    """The speed of a kernel relative to a copy."""

    def measure(results: Results) -> Iterator[float | None]:
        for n in sizes:
            row = results.one(suite="kernels", name=name, isa=isa, n=n, dtype=dtype, p=p)
            roof = results.one(suite="kernels", name=COPYTO, isa=isa, n=n, dtype=dtype)
            yield results.speed(row, roof)

    return lambda results: list(measure(results))


def over_row(name: str, other: str, sizes: Sequence[int], *, cost: bool = False) -> Measure:
    """One kernel relative to another on v4: the ratio of speeds, or of times if `cost`."""

    def measure(results: Results) -> Iterator[float | None]:
        for n in sizes:
            key = {"suite": "kernels", "isa": "v4", "n": n, "dtype": "float32", "p": 0.1}
            speed = results.speed(results.one(name=name, **key), results.one(name=other, **key))
            yield 1 / speed if cost and speed else speed

    return lambda results: list(measure(results))


def over_peers(isa: str, only: str | None = None) -> Measure:
    """Forward relative to one peer, or to the fastest peer at each size."""

    def fastest(results: Results, n: int) -> float | None:
        ratios = [
            peer_ratio(results, row)
            for row in results.all(suite="peers", isa=isa, n=n)
            if row.name in PEERS[row.detail].names and only in (None, row.detail)
        ]
        return min(filter(None, ratios), default=None)

    return lambda results: [fastest(results, n) for n in COMPARED]


def peer_ratio(results: Results, row: Result, own: str = "forward") -> float | None:
    """The speed of dropcore relative to a peer's row, in the same process."""
    return results.speed(results.beside(row, name=own), row)


def shared_axes(results: Results) -> Measured:
    """NCHW and NHWC relative to a multiplication on the same buffers."""
    figures: list[float | None] = []
    for layout in ("NCHW (32, 64, 56, 56)", "NHWC (32, 56, 56, 64)"):
        row = results.one(suite="shared axes", name="forward", isa="v4", detail=layout)
        roof = results.one(suite="shared axes", name=MULTIPLY, isa="v4", detail=layout)
        figures.append(results.speed(row, roof))
    return figures


def small_call(suite: str, name: str) -> Measure:
    """The cost of a call on four elements relative to a multiplication of four elements."""

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
    """The cost of a training step of the autograd engine with dropout relative to one without."""
    return [results.speed(step(results), step(results, 0.3))]


def step_over_torch(results: Results) -> Measured:
    """The cost of a training step relative to PyTorch's, both without dropout."""
    return [results.speed(step(results, name="training step of PyTorch"), step(results))]


def two_threads(results: Results) -> Measured:
    """Two threads relative to one."""
    key = {"suite": "threads", "name": "forward", "n": N22}
    one, two = (results.one(detail=f"{count} threads", **key) for count in (1, 2))
    return [results.speed(two, one)]


def spread(results: Results, name: str) -> float | None:
    """The largest time per element / the smallest, where x exceeds the last-level cache."""
    cache = results.facts["caches"]["the last"] or 0
    rows = [row for row in results.all(suite="large", name=name) if 4 * row.n > cache]
    costs = [row.seconds / row.n for row in rows]
    return max(costs) / min(costs) if len(costs) > 1 else None


def linear(results: Results) -> Measured:
    """How far the cost is from linear in the size."""
    return [spread(results, "forward"), spread(results, "forward in place")]


# ------------------------------------------------------------------ the lines

SIZES = tuple(map(size_name, COPIES))
PEER_SIZES = tuple(map(size_name, COMPARED))

SUMMARY = (
    Line(
        "forward, float32, p = 0.1, v4: speed relative to PyTorch's F.dropout",
        PEER_SIZES,
        over_peers("v4", "torch"),
    ),
    Line(
        "forward, float32, p = 0.1, v3: speed relative to PyTorch's F.dropout",
        PEER_SIZES,
        over_peers("v3", "torch"),
    ),
    Line(
        "forward, float32, p = 0.1, v4: speed relative to the fastest peer at this size",
        PEER_SIZES,
        over_peers("v4"),
    ),
    Line(
        "forward, float32, p = 0.1, v3: speed relative to the fastest peer at this size",
        PEER_SIZES,
        over_peers("v3"),
    ),
    Line(
        "forward, float32, p = 0.1, v4: speed relative to np.copyto",
        SIZES,
        over_copy("v4", "forward", 0.1, COPIES),
    ),
    Line(
        "forward, float32, p = 0.1, v3: speed relative to np.copyto",
        SIZES,
        over_copy("v3", "forward", 0.1, COPIES),
    ),
    Line(
        "forward, float32, p = 0.5, v4: speed relative to np.copyto",
        SIZES,
        over_copy("v4", "forward", 0.5, COPIES),
    ),
    Line(
        "backward from bits, float32, p = 0.1, v4: speed relative to np.copyto",
        SIZES,
        over_copy("v4", "backward from bits", 0.1, COPIES),
    ),
    Line(
        "forward in place, float32, p = 0.1, v4: speed relative to forward into another array",
        ("2^25",),
        over_row("forward in place", "forward", (N25,)),
    ),
    Line(
        "forward, float32, p = 0.1, v4: "
        'time with store="bits", divided by the time with store="draw"',
        SIZES,
        over_row("forward", 'forward, store="draw"', COPIES, cost=True),
        is_cost=True,
    ),
    Line(
        "spatial, float32, p = 0.1, 32 images of 64 x 56 x 56, v4: speed relative to np.multiply",
        ("NCHW", "NHWC"),
        shared_axes,
    ),
    Line(
        "forward, float16, p = 0.1, v4: speed relative to np.copyto",
        ("2^25",),
        over_copy("v4", "forward", 0.1, (N25,), "float16"),
    ),
    Line(
        "forward, bfloat16, p = 0.1, v4: speed relative to np.copyto",
        ("2^25",),
        over_copy("v4", "forward", 0.1, (N25,), "bfloat16"),
    ),
    Line(
        "keep_mask(packed=True), p = 0.1, v4: "
        "decisions per second, divided by the elements per second of np.copyto",
        ("2^18",),
        over_copy("v4", "keep_mask(packed=True)", 0.1, (N18,)),
    ),
    Line(
        "keep_mask(packed=True), p = 0.1, v3: "
        "decisions per second, divided by the elements per second of np.copyto",
        ("2^18",),
        over_copy("v3", "keep_mask(packed=True)", 0.1, (N18,)),
    ),
    Line(
        "one call of dropout with out=: time relative to np.multiply(x, s, out=y)",
        ("4 elements",),
        small_call("overhead", "dropout(x, p, training=True, rng=stream, out=y)"),
        is_cost=True,
    ),
    Line(
        "layer Dropout, forward and backward, out=: time relative to np.multiply(x, s, out=y)",
        ("4 elements",),
        small_call("layers", "Dropout, forward and backward, out="),
        is_cost=True,
    ),
    Line(
        "forward from Cython, by pointers: nanoseconds",
        ("4 elements",),
        call_cost("forward"),
        is_cost=True,
    ),
    Line(
        "forward from Cython, by typed memoryviews (dropcore.core): nanoseconds",
        ("4 elements",),
        call_cost("dropcore.core.forward of views"),
        is_cost=True,
    ),
    Line(
        "training step of the autograd engine, no dropout: time relative to PyTorch",
        ("128 rows",),
        step_over_torch,
        is_cost=True,
    ),
    Line(
        "training step of the autograd engine, p = 0.3: time relative to no dropout",
        ("128 rows",),
        step_with_dropout,
        is_cost=True,
    ),
    Line(
        "forward, float32, p = 0.1, 2 threads: speed relative to 1 thread",
        ("2^22",),
        two_threads,
    ),
    Line(
        "the largest time per element divided by the smallest, "
        "over all sizes where x exceeds the last-level cache",
        ("out of place", "in place"),
        linear,
        is_cost=True,
    ),
)
