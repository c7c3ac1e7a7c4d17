"""Write RESULTS.md and its plots from the measurements of `run.py`: ratios, not times."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import plots
import summary
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
        f"{level} {size / 1024:.0f} KiB" for level, size in facts["caches"].items() if size
    )
    found = ", ".join(f"{PEERS[name].title} {version}" for name, version in facts["peers"].items())
    absent = [f"- {PEERS[name].title} is absent: {why}" for name, why in facts["absent"].items()]
    sizes = {row.n for row in results.all(suite="large")}
    left_out = [size_name(n) for n in LARGE_SIZES if n not in sizes]
    lines = [
        "Ratios of one run; another machine gives other figures. README.md explains how to read",
        "them. `make bench-results` measures them again.",
        "",
        f"- {facts['cpu']}, {facts['processors']} processors; caches of all together: {caches}",
        f"- {facts['memory'] / GIB:.0f} GiB of memory, {facts['free'] / GIB:.0f} free; "
        f"{facts['system']}; load at the start: {facts['load']:.2f}",
        f"- Python {facts['python']}, dropcore {facts['dropcore']} "
        f"(measured: {', '.join(results.isas)})",
        f"- Peers: {found or 'none'}",
        *(absent or ["- No peer is absent."]),
        f"- Cost against size, left out: {', '.join(left_out) or 'nothing'}",
        f"- {noise(results)}",
    ]
    if facts["quick"]:
        lines += ["", "**A quick run: few sizes, short rounds. Its figures are a smoke test.**"]
    return "\n".join(lines)


def noise(results: Results) -> str:
    """The disturbance by other load: the median round of a copy relative to its best round."""
    ratios = [row.median / row.seconds for row in results.rows if row.name == COPYTO]
    if not ratios:
        return "Noise: no copy was measured"
    return (
        f"Noise: the median round of a copy took {statistics.median(ratios):.2f} times the best "
        f"one, at worst {max(ratios):.2f} times"
    )


def in_short(results: Results) -> str:
    """The table of the summary."""
    body = []
    for line in summary.SUMMARY:
        measured = " / ".join(map(figure, line.measure(results)))
        better = "smaller" if line.is_cost else "larger"
        body.append((f"{line.case}: {' / '.join(line.labels)}", measured, better))
    return table(("case", "measured", "better"), body)


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
                ("", *map(size_name, sizes)),
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
            yield table(("over", *map(size_name, COMPARED_SIZES)), body)


def beside_libxsmm(results: Results) -> Iterator[str]:
    """How many times faster than libxsmm, if it was measured."""
    rows = results.all(suite="libxsmm")
    if not rows:
        return
    yield "## libxsmm"
    yield (
        "How many times faster dropcore is than the kernels that libxsmm compiles at run time,"
        "\np = 0.1. Both keep the bits. libxsmm's masks depend on the instruction set and cannot be"
        "\nmade again, its p has 23 bits, and its bfloat16 flushes subnormal numbers to zero."
    )
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
    yield table(("", *map(size_name, SIZES)), body)


def against(results: Results, suite: str, roof: str) -> str:
    """Rows of a suite by detail: their speed relative to a NumPy operation in their process."""
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
    return table(("", "isa", "", f"over {roof}"), body)


def shards(results: Results) -> str:
    """Blocks relative to the contiguous piece in their process."""
    body = []
    for row in results.all(suite="shards"):
        over = results.beside(row, name=f"{CONTIGUOUS}, {row.name}", detail="")
        if row.detail:
            body.append((row.detail, row.isa, row.name, figure(results.speed(row, over))))
    return table(("", "isa", "", "over a contiguous piece"), body)


def overhead(results: Results) -> str:
    """The cost of a call relative to a multiplication, both on few elements."""
    body = []
    for suite in ("overhead", "layers"):
        for row in results.all(suite=suite):
            if row.name != MULTIPLY:
                over = results.one(suite=suite, name=MULTIPLY, n=row.n)
                body.append((row.name, size_name(row.n), figure(results.speed(over, row))))
    return table(("call", "elements", "cost"), body)


def threads(results: Results) -> str:
    """Each number of threads relative to one thread."""
    rows = [row for row in results.all(suite="threads") if row.name != COPYTO]
    sizes = sorted({row.n for row in rows})
    body = []
    for name, detail in dict.fromkeys((row.name, row.detail) for row in rows):
        line = [results.one(suite="threads", name=name, detail=detail, n=n) for n in sizes]
        ratios = [
            row and results.speed(row, results.beside(row, detail="1 threads")) for row in line
        ]
        body.append((name, detail.split()[0], *map(figure, ratios)))
    return table(("", "threads", *map(size_name, sizes)), body)


def autograd(results: Results) -> str:
    """The cost of each training step relative to dropcore's without dropout."""
    without = summary.step(results)
    body = [
        (row.name if row.p is None else f"{row.name}, p = {row.p:g}", figure(cost))
        for row in results.all(suite="autograd")
        if row is not without and (cost := results.speed(without, row))
    ]
    return table(("", "cost over a step of ours without dropout"), body)


def large(results: Results) -> str:
    """The cost of an element at each size relative to the smallest size."""
    rows = results.all(suite="large")
    sizes = sorted({row.n for row in rows})
    body = []
    for name in dict.fromkeys(row.name for row in rows):
        line = {row.n: row.seconds / row.n for row in rows if row.name == name}
        least = line[min(line)]
        body.append((name, *(figure(line[n] / least if n in line else None) for n in sizes)))
    return table(("", *map(size_name, sizes)), body)


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
        "Ratios, unless the case names a unit. `make bench-results` measures them.",
        in_short(results),
        "## Kernels",
        "Elements a second over those of `np.copyto(y, x)` on the same buffers.",
        shown.get("throughput", ""),
        *kernels(results),
        "## Peers",
        "How many times faster dropcore is, float32, p = 0.1, one thread each. A peer that makes a"
        "\nnew output in each call touches its pages in each call; the second table compares with"
        "\ndropcore doing the same.",
        shown.get("peers", ""),
        *peers(results),
        *beside_libxsmm(results),
        "## Shared axes",
        "Speed over a multiplication by a scalar, on the same buffers.",
        against(results, "shared axes", MULTIPLY),
        "## Layouts",
        "Arrays that are not in C order, float32, p = 0.1: speed over a copy of the same array with"
        "\nthe same strides. Where x has gaps, it is copied, and so is the result.",
        against(results, "layouts", COPYTO),
        "## Shards",
        "Blocks of a larger array, 2^18 elements, p = 0.1: speed over a contiguous piece. Each line"
        "\nsays how long the rows of the block are, and those of the whole array.",
        shards(results),
        f"## Calls and layers ({best})",
        f"Cost of a call over that of `{MULTIPLY}` on as many elements.",
        overhead(results),
        f"## Threads ({best})",
        "Speed over one thread.",
        shown.get("threads", ""),
        threads(results),
        f"## Variants ({best})",
        "Speed over a copy, 2^18 elements, default options.",
        against(results, "plugins", COPYTO),
        f"## A training step ({best})",
        "A network 64-256-256-10 on `dropcore.autograd`, 128 rows, dropout behind both relus;"
        "\nPyTorch's has none.",
        autograd(results),
        f"## Cost against size ({best})",
        "Cost of an element over that at the smallest size.",
        shown.get("cost", ""),
        large(results),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def main() -> int:
    """Write RESULTS.md beside this file, or to the given folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=BENCH, metavar="FOLDER")
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
