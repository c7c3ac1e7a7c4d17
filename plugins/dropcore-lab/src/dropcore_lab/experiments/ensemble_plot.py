"""The picture of the experiment `ensemble`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dropcore_lab.experiments import plot, terminal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dropcore_lab.experiments.ensemble import Config, Measured, Setting


def draw(config: Config, measured: Mapping[Setting, Measured], directory: Path) -> Path:
    """Write ``ensemble.png``: distances over p, sampling over its size, losses over p."""
    title = "One pass, sampled sub-networks and all sub-networks"
    key = plot.points_key(len(config.seeds))
    if len(config.seeds) > 1:
        key += " The middle panel has only means."
    if len(config.depths) > 1:
        key += f" {plot.APART}"
    fig = plot.figure(14, 6.0, title, f"Tumours: {config}.", key)
    distance, sampling, loss = fig.subplots(1, 3)
    colours = dict(zip(config.depths, cycle(plot.PALETTE), strict=False))
    for place, (depth, colour) in enumerate(colours.items()):
        rates = plot.beside(np.array(config.rates), place, len(colours))
        of = [measured[depth, p] for p in config.rates]
        _draw_depth(distance, loss, rates, of, colour, terminal.count(depth, "hidden layer"))
    for axes in (distance, loss):
        axes.set_xticks(config.rates)
    handles, labels = loss.get_legend_handles_labels()
    fig.legend(handles, labels, frameon=False, loc="outside upper right", ncols=min(len(labels), 5))
    title = "How far is one pass from the exact mean?"
    plot.dress(distance, title, "difference of probability", "p")
    for ls, which in (("-", "arithmetic"), (":", "geometric")):
        label = f"from the {which} mean"
        distance.plot([], [], color=plot.INK, marker="o", markersize=5, ls=ls, label=label)
    distance.legend(frameon=False, loc="upper left")
    _draw_sampling(sampling, config, measured, colours)
    _dress_loss(loss)
    return plot.save(fig, directory, "ensemble")


def _dress_loss(axes: Axes) -> None:
    title = "Validation loss: one pass minus arithmetic mean"
    plot.dress(axes, title, "difference of cross-entropy", "p")
    axes.axhline(0, color=plot.INK, linewidth=1)
    low, high = axes.get_ylim()
    room = 0.12 * (high - low)  # for the words
    axes.set_ylim(min(low, -room) - room, max(high, room) + room)
    for y, words in ((0.97, "above 0: one pass is worse"), (0.03, "below 0: one pass is better")):
        side = "top" if y > 0.5 else "bottom"
        axes.text(0.03, y, words, va=side, color=plot.INK, transform=axes.transAxes)


def _draw_depth(
    distance: Axes, loss: Axes, rates: NDArray[Any], of: list[Measured], colour: str, label: str
) -> None:
    """Draw one depth's distances and losses over p."""
    for axes, values, ls, words, within in (
        (distance, [m.arithmetic for m in of], "-", "", plot.POSITIVE),
        (distance, [m.geometric for m in of], ":", "", plot.POSITIVE),
        (loss, [m.losses["one pass"] - m.losses["arithmetic"] for m in of], "-", label, plot.ANY),
    ):
        stacked = np.stack(values, axis=1)
        plot.points(axes, rates, stacked, label=words, ls=ls, within=within, color=colour)


def _draw_sampling(
    axes: Axes, config: Config, measured: Mapping[Setting, Measured], colours: Mapping[int, str]
) -> None:
    """Draw the distance of means over samples, at the p nearest to one half.

    Deviations are left out, because a band could reach 0, which a logarithmic axis does not have.
    """
    middle = min(config.rates, key=lambda p: abs(p - 0.5))
    counts = np.array(config.samples)
    means = {depth: measured[depth, middle].sampled.mean(axis=0) for depth in colours}
    for depth, colour in colours.items():
        m = measured[depth, middle]
        axes.plot(counts, means[depth], color=colour, marker="o", markersize=5, linewidth=1.5)
        axes.axhline(m.arithmetic.mean(), color=colour, linewidth=1.2, linestyle="--")
    title = f"How near is the mean over samples? (p = {middle:g})"
    plot.dress(axes, title, "difference from the arithmetic mean", "sub-networks sampled")
    axes.plot([], [], color=plot.INK, marker="o", markersize=5, label="mean over samples")
    axes.plot([], [], color=plot.INK, linestyle="--", label="one pass")
    axes.set_xscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    if any((mean > 0).any() for mean in means.values()):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.legend(frameon=False, loc="lower left")
