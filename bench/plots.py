"""The plots of RESULTS.md.

The lines have the palette of Okabe and Ito, for colour-blind readers, and markers.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import summary
from cases import COPYTO, size_name
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from peers import PEERS
from results import Result, Results

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"


def draw(results: Results, folder: Path) -> Iterator[Path]:
    """Draw every plot that has data; yield the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawings = {"throughput": throughput, "peers": peers, "threads": threads, "cost": cost}
    for name, drawing in drawings.items():
        fig = Figure(figsize=(9, 4.5), layout="constrained")
        if drawing(results, fig):
            path = folder / f"{name}.png"
            fig.savefig(path, dpi=110)
            yield path


def lines(axes: Axes, series: dict[str, dict[int, float]]) -> None:
    """Draw a line with markers for each name; the sizes are on the x axis."""
    looks = cycle(zip(PALETTE, MARKERS, strict=True))
    for (name, points), (colour, marker) in zip(series.items(), looks, strict=False):
        sizes = sorted(points)
        heights = [points[n] for n in sizes]
        axes.plot(sizes, heights, color=colour, marker=marker, markersize=5, label=name)
    ticks = sorted({n for points in series.values() for n in points})
    axes.set_xscale("log", base=2)
    labels = [size_name(n) for n in ticks]
    axes.set_xticks(ticks, labels, rotation=45, fontsize="small")
    axes.set_xlabel("elements")
    axes.grid(alpha=0.3)


def legend(fig: Figure, axes: Axes) -> None:
    """Name the lines beside the plot."""
    fig.legend(*axes.get_legend_handles_labels(), loc="outside right upper", fontsize=8)


def one_line(axes: Axes, text: str) -> None:
    """Draw and label the line at 1."""
    axes.axhline(1, color="black", linewidth=1, linestyle="--", label=text)


def over_copy(results: Results, rows: list[Result]) -> dict[int, float]:
    """Speed relative to a copy, by size."""
    speeds = {row.n: results.speed(row, results.beside(row, name=COPYTO, p=None)) for row in rows}
    return {n: speed for n, speed in speeds.items() if speed is not None}


def throughput(results: Results, fig: Figure) -> bool:
    """Speed relative to a copy, against size, for each instruction set."""
    panels = (("forward", 0.1), ("forward", 0.5), ("backward from bits", 0.1))
    key = {"suite": "kernels", "dtype": "float32"}
    found = False
    for axes, (name, p) in zip(fig.subplots(1, 3, sharey=True), panels, strict=True):
        series = {
            isa: over_copy(results, results.all(name=name, p=p, isa=isa, **key))
            for isa in results.isas
        }
        series = {isa: points for isa, points in series.items() if points}
        found |= bool(series)
        one_line(axes, COPYTO)
        lines(axes, series)
        axes.tick_params(axis="x", labelsize=8)
        axes.set_title(f"{name}, p = {p:g}", fontsize=10)
    axes.set_ylim(bottom=0)  # the three panels share this axis
    legend(fig, axes)
    fig.supylabel("speed of float32 relative to np.copyto", fontsize=10)
    return found


def peers(results: Results, fig: Figure) -> bool:
    """Speed relative to the most usual form of each peer, against size."""
    if not results.isas:
        return False
    isa = results.isas[0]
    series: dict[str, dict[int, float]] = {}
    for row in results.all(suite="peers", isa=isa):
        if row.name == PEERS[row.detail].names[0]:
            ratio = summary.peer_ratio(results, row)
            if ratio is not None:
                series.setdefault(row.name, {})[row.n] = ratio
    axes = fig.subplots()
    lines(axes, series)
    axes.set_yscale("log")
    axes.set_yticks(
        [1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"], minor=False
    )
    axes.set_title(f"dropcore ({isa}) and each peer, float32, p = 0.1, one thread", fontsize=10)
    axes.set_ylabel("speed of dropcore / speed of the peer")
    legend(fig, axes)
    return bool(series)


def threads(results: Results, fig: Figure) -> bool:
    """Speed relative to one thread, against size."""
    series: dict[str, dict[int, float]] = {}
    for row in results.all(suite="threads"):
        one = results.beside(row, detail="1 threads")
        if one is not None and row is not one:
            ratio = results.speed(row, one)
            series.setdefault(f"{row.name}, {row.detail}", {})[row.n] = ratio or 0
    axes = fig.subplots()
    one_line(axes, "1 thread")
    lines(axes, series)
    axes.set_title("several threads and one, float32, p = 0.1", fontsize=10)
    axes.set_ylabel("speed / speed with one thread")
    axes.set_ylim(bottom=0)
    legend(fig, axes)
    return bool(series)


def cost(results: Results, fig: Figure) -> bool:
    """Time per element relative to the time at the smallest size."""
    series: dict[str, dict[int, float]] = {}
    for row in results.all(suite="large"):
        series.setdefault(row.name, {})[row.n] = row.seconds / row.n
    for points in series.values():
        least = points[min(points)]
        points.update({n: seconds / least for n, seconds in points.items()})
    axes = fig.subplots()
    one_line(axes, "linear")
    lines(axes, series)
    cache = results.facts["caches"]["the last"]
    if cache:
        axes.axvline(cache / 4, color="grey", linestyle=":")
        axes.text(cache / 4, 0.02, " one array fills L3", transform=axes.get_xaxis_transform())
    axes.set_title("time per element at each size, float32", fontsize=10)
    axes.set_ylabel("time / time at the smallest size")
    axes.set_ylim(bottom=0)
    legend(fig, axes)
    return bool(series)
