"""Write RESULTS.md and its plots from the measurements of `run.py`: ratios, not times."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import plots
import summary
import texts
from cases import (
    COMPARED_SIZES,
    CONTIGUOUS,
    COPYTO,
    LARGE_SIZES,
    MULTIPLY,
    OF_ONE_SHAPE,
    ROOF_LINES,
    SIZES,
    size_name,
)
from libxsmm import COMPARED, THEIRS
from peers import PEERS
from results import Result, Results
from run import BENCH, RESULTS

GIB = 1 << 30
CACHES = {"L1d": "L1d", "L2": "L2", "the last": "last level"}  # names in run.json, and here


def table(head: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    """Format a table in Markdown."""
    lines = [list(head), *map(list, body)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figure(value: float | None) -> str:
    """Two digits after the point below 10, none above."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def label(row: Result) -> str:
    """The name of a row with its p."""
    return row.name if row.p is None else f"{row.name}, p = {row.p:g}"


# ------------------------------------------------------------------ sections


def about(results: Results) -> str:
    """The machine, the versions, and the peers."""
    facts = results.facts
    caches = ", ".join(
        f"{CACHES[level]} {size / 1024:.0f} KiB" for level, size in facts["caches"].items() if size
    )
    found = ", ".join(f"{PEERS[name].title} {version}" for name, version in facts["peers"].items())
    absent = [f"- {PEERS[name].title} is absent: {why}" for name, why in facts["absent"].items()]
    sizes = {row.n for row in results.all(suite="large")}
    left_out = [size_name(n) for n in LARGE_SIZES if n not in sizes]
    lines = [
        "All figures are from one run; nearly all are ratios. Other machines give other figures.",
        "[bench/README.md](README.md) explains how to read the figures, and `make bench-results`",
        "measures them again. `v4` (AVX-512), `v3` (AVX2) and `baseline` are instruction sets.",
        "",
        f"- {facts['cpu']}, {facts['processors']} processors; caches (L1d and L2",
        f"  are sums over the processors): {caches}",
        f"- {facts['memory'] / GIB:.0f} GiB of memory, {facts['free'] / GIB:.0f} free; "
        f"{facts['system']}; load average at the start: {facts['load']:.2f}",
        f"- Python {facts['python']}, dropcore {facts['dropcore']}; "
        f"measured instruction sets: {', '.join(results.isas)}",
        f"- Peers, the other packages with dropout: {found or 'none'}",
        *(absent or ["- No peer is absent."]),
        f"- Sizes that *Cost against size* leaves out: {', '.join(left_out) or 'none'}",
        f"- {noise(results)}",
    ]
    if facts["quick"]:
        lines += ["", "**A quick run: few sizes, short rounds. Its figures are a smoke test.**"]
    return "\n".join(lines)


def noise(results: Results) -> str:
    """The disturbance by other programs: a copy's median round relative to its best round."""
    ratios = [row.median / row.seconds for row in results.rows if row.name == COPYTO]
    if not ratios:
        return "Noise: no copy was measured"
    return (
        "Noise: for each row that times np.copyto, the time of the median round divided by the "
        "time of the best round. "
        f"The median of these ratios is {statistics.median(ratios):.2f}, the largest is "
        f"{max(ratios):.2f}"
    )


def in_short(results: Results) -> str:
    """The table of the summary."""
    body = []
    for line in summary.SUMMARY:
        measured = " / ".join(map(figure, line.measure(results)))
        better = "smaller" if line.is_cost else "larger"
        body.append((line.case, " / ".join(line.labels), measured, better))
    return table(("case", "figures for", "measured", "better"), body)


def kernels(results: Results) -> Iterator[str]:
    """Speed relative to a copy on the same buffers."""
    for isa in results.isas:
        for dtype in ("float32", "float64", "float16", "bfloat16"):
            rows = results.all(suite="kernels", isa=isa, dtype=dtype)
            sizes = [n for n in SIZES if any(row.n == n for row in rows)]
            names = list(dict.fromkeys(label(row) for row in rows if row.name != COPYTO))
            if not names:
                continue
            speeds = {
                (label(row), row.n): results.speed(row, results.beside(row, name=COPYTO, p=None))
                for row in rows
            }
            yield f"### {isa}, {dtype}"
            yield table(
                ("operation", *map(size_name, sizes)),
                [(name, *(figure(speeds.get((name, n))) for n in sizes)) for name in names],
            )


def peers(results: Results) -> Iterator[str]:
    """Speed relative to each peer."""
    for isa in results.isas[:2]:
        for own in ("forward", "forward, fresh output"):
            body = []
            for peer in results.facts["peers"]:
                for name in PEERS[peer].names:
                    rows = [
                        results.one(suite="peers", name=name, isa=isa, n=n, detail=peer)
                        for n in COMPARED_SIZES
                    ]
                    ratios = [row and summary.peer_ratio(results, row, own) for row in rows]
                    body.append((name, *map(figure, ratios)))
            body += [
                (f"{PEERS[name].title} (absent)", *("-" for _ in COMPARED_SIZES))
                for name in results.facts["absent"]
            ]
            yield f"### {isa}, {own}"
            yield table(("peer", *map(size_name, COMPARED_SIZES)), body)


def beside_libxsmm(results: Results) -> Iterator[str]:
    """How many times faster than libxsmm, if it was measured."""
    rows = results.all(suite="libxsmm")
    if not rows:
        return
    yield "## libxsmm"
    yield texts.LIBXSMM
    body = []
    for isa in results.isas:
        for dtype in COMPARED:
            for own, other in THEIRS.items():
                both = [
                    results.one(suite="libxsmm", isa=isa, n=n, dtype=dtype, name=name)
                    for n in SIZES
                    for name in (own, other)
                ]
                if any(both):
                    ratios = map(results.speed, both[::2], both[1::2])
                    body.append((f"{isa}, {dtype}, {own}", *map(figure, ratios)))
    yield table(("operation", *map(size_name, SIZES)), body)


def against(results: Results, suite: str, roof: str, detail: str) -> str:
    """Each row of a suite: its speed relative to a NumPy operation in the same process.

    `detail` is the head of the first column.
    """
    rows = [row for row in results.all(suite=suite) if row.name not in ROOF_LINES]
    body = []
    for row in rows:
        over = results.one(
            process=row.process,
            suite=suite,
            name=roof,
            n=row.n,
            detail=row.detail if suite in OF_ONE_SHAPE else "",
        )
        body.append((row.detail, row.isa, row.name, figure(results.speed(row, over))))
    return table((detail, "isa", "operation", f"speed relative to {roof}"), body)


def shards(results: Results) -> str:
    """The speed of each block relative to the contiguous piece in the same process."""
    body = []
    for row in results.all(suite="shards"):
        over = results.beside(row, name=f"{CONTIGUOUS}, {row.name}", detail="")
        if row.detail:
            body.append((row.detail, row.isa, row.name, figure(results.speed(row, over))))
    return table(("row lengths", "isa", "operation", f"speed relative to {CONTIGUOUS}"), body)


def overhead(results: Results) -> str:
    """The time of a call relative to a multiplication of as many elements."""
    body = []
    for suite in ("overhead", "layers"):
        for row in results.all(suite=suite):
            if row.name != MULTIPLY:
                over = results.one(suite=suite, name=MULTIPLY, n=row.n)
                body.append((row.name, size_name(row.n), figure(results.speed(over, row))))
    return table(("call", "elements", f"time relative to {MULTIPLY}"), body)


def threads(results: Results) -> str:
    """The speed with each number of threads relative to the speed with one thread."""
    rows = [row for row in results.all(suite="threads") if row.name != COPYTO]
    sizes = sorted({row.n for row in rows})
    body = []
    for name, detail in dict.fromkeys((row.name, row.detail) for row in rows):
        line = [results.one(suite="threads", name=name, detail=detail, n=n) for n in sizes]
        ratios = [
            row and results.speed(row, results.beside(row, detail="1 threads")) for row in line
        ]
        body.append((name, detail.split()[0], *map(figure, ratios)))
    return table(("operation", "threads", *map(size_name, sizes)), body)


def autograd(results: Results) -> str:
    """The time of each training step relative to the engine's step without dropout."""
    without = summary.step(results)
    body = [
        (row.name if row.p is None else f"{row.name}, p = {row.p:g}", figure(cost))
        for row in results.all(suite="autograd")
        if row is not without and (cost := results.speed(without, row))
    ]
    return table(("step", "time relative to the engine's step without dropout"), body)


def large(results: Results) -> str:
    """The time per element at each size relative to the smallest size."""
    rows = results.all(suite="large")
    sizes = sorted({row.n for row in rows})
    body = []
    for name in dict.fromkeys(row.name for row in rows):
        line = {row.n: row.seconds / row.n for row in rows if row.name == name}
        least = line[min(line)]
        body.append((name, *(figure(line[n] / least if n in line else None) for n in sizes)))
    return table(("operation", *map(size_name, sizes)), body)


def page(results: Results, folder: Path) -> str:
    """The text of RESULTS.md."""
    shown = {
        path.stem: f"![{path.stem}](plots/{path.name})" for path in plots.draw(results, folder)
    }
    best = results.isas[0]
    sections = [
        "# What the benchmarks show",
        about(results),
        "## In short",
        texts.IN_SHORT,
        in_short(results),
        "## Kernels",
        texts.KERNELS,
        shown.get("throughput", ""),
        *kernels(results),
        "## Peers",
        texts.PEERS,
        shown.get("peers", ""),
        *peers(results),
        *beside_libxsmm(results),
        "## Shared axes",
        texts.SHARED_AXES,
        against(results, "shared axes", MULTIPLY, "layout"),
        "## Layouts",
        texts.LAYOUTS,
        against(results, "layouts", COPYTO, "layout"),
        "## Shards",
        texts.SHARDS,
        shards(results),
        f"## Calls and layers ({best})",
        texts.CALLS,
        overhead(results),
        f"## Threads ({best})",
        texts.THREADS,
        shown.get("threads", ""),
        threads(results),
        f"## Variants ({best})",
        texts.VARIANTS,
        against(results, "plugins", COPYTO, "variant"),
        f"## A training step ({best})",
        texts.TRAINING_STEP,
        autograd(results),
        f"## Cost against size ({best})",
        texts.LARGE,
        shown.get("cost", ""),
        large(results),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def main() -> int:
    """Write RESULTS.md beside this file, or to the given folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        metavar="FOLDER",
        help="what run.py wrote (default: .benchmarks/latest)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=BENCH,
        metavar="FOLDER",
        help="where RESULTS.md and plots/ go (default: the folder of this program)",
    )
    args = parser.parse_args()
    if not (args.results / "run.json").exists():
        sys.exit(f"nothing was measured in {args.results}: run bench/run.py first")
    results = Results(args.results)
    path = args.out / "RESULTS.md"
    path.write_text(page(results, args.out / "plots"))
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
