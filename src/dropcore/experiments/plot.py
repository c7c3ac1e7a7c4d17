"""What the pictures share: a figure without a display, colours, lines with bands, saving.

Colours are told apart by colour-blind readers too: two from Okabe and Ito's palette for what is
compared in one panel, and a clipped viridis for an ordered set of settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING = "#0072B2"
VALIDATION = "#D55E00"
INK = "#333333"


def figure(width: float, height: float, title: str, footnote: str) -> Figure:
    """Make an empty figure, sized in inches, without pyplot's global state or a display."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), dpi=130, layout="constrained")
    fig.suptitle(title, x=0.01, ha="left", fontsize=14, fontweight="bold", color=INK)
    bands = "Lines: mean over the seeds; bands: one standard deviation either way."
    # A supxlabel is the one line that the constrained layout keeps clear of the axes.
    fig.supxlabel(f"{footnote}\n{bands}", x=0.01, ha="left", fontsize=9, color=INK)
    return fig


def ordered_colours(count: int) -> list[Any]:
    """Return so many colours, dark to light, for settings that have an order."""
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0, 0.82, count)))


def curve(
    axes: Axes, epochs: NDArray[Any], values: NDArray[Any], *, label: str, **style: Any
) -> None:
    """Draw the mean over seeds, in a band of one standard deviation either way.

    `values` has shape (seeds, points); a single seed has no band.
    """
    mean = values.mean(axis=0)
    axes.plot(epochs, mean, label=label, **style)
    if len(values) > 1:
        deviation = values.std(axis=0, ddof=1)
        colour = style.get("color")
        axes.fill_between(
            epochs, mean - deviation, mean + deviation, color=colour, alpha=0.2, linewidth=0
        )


def dress(axes: Axes, title: str, ylabel: str = "") -> None:
    """Give the axes a title, labels and a faint grid."""
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel("epoch", color=INK)
    axes.set_ylabel(ylabel, color=INK)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)


def save(fig: Figure, directory: Path, name: str) -> Path:
    """Write the figure as PNG and return its path."""
    path = directory / f"{name}.png"
    fig.savefig(path, format="png")
    return path
