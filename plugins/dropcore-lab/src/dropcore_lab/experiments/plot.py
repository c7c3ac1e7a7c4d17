"""Common code of the pictures: a figure without a display, colours, lines with bands, saving.

Colour-blind readers can distinguish the colours: Okabe and Ito's palette for curves in one panel,
and a part of viridis for an ordered set of settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dropcore_lab.experiments import output

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING = "#0072B2"
VALIDATION = "#D55E00"
INK = "#333333"
FAINT = "#999999"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
ANY = (-np.inf, np.inf)
POSITIVE = (0.0, np.inf)
SHARE = (0.0, 1.0)
"""The range of the values of a curve; a band ends at its limits."""


def curves_key(seeds: int) -> str:
    """The explanation of lines and bands; one seed has no bands."""
    if seeds == 1:
        return "Lines: one seed."
    return "Lines: mean over the seeds; bands: one standard deviation above and below."


def points_key(seeds: int) -> str:
    """The explanation of points and their vertical lines; one seed has no vertical lines."""
    if seeds == 1:
        return "Points: one seed."
    return "Points: mean over the seeds; vertical lines: one standard deviation above and below."


APART = "Points with the same x are moved apart sideways."
"""The explanation of `beside`."""


def dots_key(seeds: int) -> str:
    """The explanation of dots, bars and dashes; one seed has no bars."""
    if seeds == 1:
        return "Dots: one seed; dashes: without dropout."
    return (
        "Dots: one dot for each seed; bars: mean of the dots; dashes: mean without dropout. The "
        "printed conclusions compare dots of the same seed."
    )


def figure(width: float, height: float, title: str, footnote: str, key: str) -> Figure:
    """Make an empty figure, sized in inches, without pyplot's global state or a display."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), dpi=130, layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=14, fontweight="bold", color=INK)
    # The constrained layout reserves space only for a supxlabel.
    fig.supxlabel(f"{footnote}\n{key}", x=0.01, ha="left", fontsize=9, color=INK)
    return fig


def ordered_colours(count: int) -> list[Any]:
    """Return `count` colours, dark to light, for settings that have an order."""
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0, 0.82, count)))


def shades(name: str, count: int) -> list[Any]:
    """Return `count` shades of a colour map of one hue, light to dark."""
    from matplotlib import colormaps

    return list(colormaps[name](np.linspace(0.5, 0.9, count)))


def _deviations(
    values: NDArray[Any], within: tuple[float, float]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """One standard deviation over seeds below and above the mean, cut at the limits."""
    mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=1)
    low, high = np.clip((mean - deviation, mean + deviation), *within)
    return low, high


def curve(
    axes: Axes,
    x: NDArray[Any],
    values: NDArray[Any],
    *,
    label: str,
    within: tuple[float, float],
    **style: Any,
) -> None:
    """Draw the mean over seeds, with a band of one standard deviation on both sides.

    `values` has shape (seeds, points). A single seed has no band. A single point is a dot with a
    vertical line. The band ends at the limits `within`.
    """
    mean = values.mean(axis=0)
    alone = {"marker": "o"} if len(x) == 1 else {}
    axes.plot(x, mean, label=label, **(alone | style))
    if alone:
        axes.set_xticks(x)
    else:
        axes.locator_params(axis="x", integer=True)  # epochs or steps
    if len(values) == 1:
        return
    low, high = _deviations(values, within)
    colour = style.get("color")
    if alone:
        axes.vlines(x, low, high, color=colour, alpha=0.4, linewidth=3)
    else:
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)


def points(
    axes: Axes,
    x: NDArray[Any],
    values: NDArray[Any],
    *,
    label: str,
    within: tuple[float, float],
    **style: Any,
) -> None:
    """Draw the mean over seeds at a few x, with vertical lines of one standard deviation.

    Unlike the bands of `curve`, vertical lines of several settings do not overlap, if each setting
    has an x of its own (see `beside`). `values` has shape (seeds, points).
    """
    mean = values.mean(axis=0)
    look: dict[str, Any] = {"marker": "o", "markersize": 5, "linewidth": 1.5}
    axes.plot(x, mean, label=label, **(look | style))
    if len(values) > 1:
        low, high = _deviations(values, within)
        axes.vlines(x, low, high, color=style.get("color"), alpha=0.6, linewidth=1.5)


def beside(x: NDArray[Any], place: int, count: int, *, log: bool = False) -> NDArray[Any]:
    """Move points of setting number `place` of `count` aside, by a part of the smallest gap.

    Neighbours are a tenth of the gap apart, or less if all together would take a third of it.
    """
    at = np.log(x) if log else np.asarray(x, dtype=np.float64)
    gap = np.diff(at).min() if len(at) > 1 else 0.0
    step = gap * min(0.1, 0.35 / max(count - 1, 1))
    moved = at + step * (place - (count - 1) / 2)
    return np.exp(moved) if log else moved


def dots(
    axes: Axes,
    names: Sequence[str],
    values: NDArray[Any],
    colours: Sequence[Any],
    baseline: float | None = None,
) -> None:
    """Draw a row of dots for each name, one dot for each seed, and a bar at their mean.

    `values` has shape (names, seeds); nan is not drawn. The first name is at the top.
    """
    if baseline is not None:
        axes.axvline(baseline, color=FAINT, linewidth=1, linestyle="--", zorder=1)
    for place, (row, colour) in enumerate(zip(values, colours, strict=True)):
        axes.scatter(row, [place] * len(row), s=26, color=colour, alpha=0.55, linewidth=0, zorder=2)
        if len(row) > 1:
            ends = [place - 0.3, place + 0.3]
            axes.plot([row.mean()] * 2, ends, color=colour, linewidth=2.5, zorder=3)
    axes.locator_params(axis="x", nbins=6)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def dress(axes: Axes, title: str, ylabel: str, xlabel: str) -> None:
    """Give the axes a title, labels and a faint grid.

    Axes that share a y axis show its label and numbers only at the left.
    """
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(xlabel, color=INK)
    axes.set_ylabel(ylabel, color=INK)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    place = axes.get_subplotspec()
    shared = len(axes.get_shared_y_axes().get_siblings(axes)) > 1
    if shared and place is not None and not place.is_first_col():
        axes.set_ylabel("")
        axes.tick_params(labelleft=False)


def save(fig: Figure, directory: Path, name: str) -> Path:
    """Write the figure as PNG and return its path."""
    return output.write(directory / f"{name}.png", lambda path: fig.savefig(path, format="png"))
