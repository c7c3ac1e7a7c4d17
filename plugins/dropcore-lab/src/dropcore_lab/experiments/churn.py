"""A 2-4-1 network like those in many tutorials: two inputs, four hidden units, one output.

The data are five invented customers. First one training step with all its numbers (`churn_steps`),
then whole trainings at several p. Five invented rows cannot show how well a network predicts for
new customers. One figure gives a hint, the leave-one-out loss: for each row, a network is trained
on the other four rows and tested on this row.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import dropcore
from dropcore import autograd
from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import Linear, ReLU, Sequential, binary_cross_entropy_with_logits
from dropcore_lab.experiments import churn_steps, engine, options, plot, spread, terminal
from dropcore_lab.experiments.churn_steps import CHURNED, CUSTOMERS, INPUTS, UNITS, Step
from dropcore_lab.experiments.spread import Change, Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Console

LINES: dict[str, dict[str, Any]] = {
    "dropped": {"color": "#DDDDDD", "linewidth": 0.8, "zorder": 0},
    "zero": {"color": plot.TRAINING, "linewidth": 0.8, "zorder": 1, "linestyle": "--"},
    "kept": {"color": plot.TRAINING, "linewidth": 1.4, "zorder": 1},
}
"""The line style of a hidden unit, by its `_look`."""
POINTS = 50
"""The number of points in a curve."""


@dataclass(frozen=True)
class Config:
    """The settings of the printed step and of the trainings."""

    printed_p: float = 0.5
    rates: tuple[float, ...] = (0.0, 0.3, 0.5, 0.7)
    seeds: tuple[int, ...] = tuple(range(10))
    steps: int = 400
    lr: float = 0.5


@dataclass(frozen=True)
class Measured:
    """The measurements at one rate.

    Attributes
    ----------
    steps : array, shape (points,)
    losses : array, shape (seeds, points)
        The loss on the five rows during the training, measured without dropout.
    right : array, shape (seeds,)
        The number of rows, of five, that the network predicts correctly at the end: a probability
        above 0.5 for customers who left, below 0.5 for customers who stayed.
    left_out : array, shape (seeds,)
        The mean loss on a row without which the network was trained.
    silent : array, shape (seeds,)
        The share of the forward passes of a row in which every hidden unit was dropped.
    """

    steps: NDArray[Any]
    losses: NDArray[Any]
    right: NDArray[Any]
    left_out: NDArray[Any]
    silent: NDArray[Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this experiment's options to `parser`."""
    add = options.Options(parser, Config())
    add.one("printed_p", options.probability, "P", "p of the one step that is printed with numbers")
    add.rates(
        options.probability, "p of the trainings: probabilities that a hidden unit is dropped"
    )
    add.seeds()
    add.one("steps", options.whole(1), "N", "training steps, each on all rows")
    add.one("lr", options.positive, "RATE", "learning rate")
    add.output("churn.png")


def run(args: argparse.Namespace) -> int:
    """Print the step, train every network, print table and conclusions, write the plot."""
    config = options.chosen(Config, args)
    out = terminal.console()
    step = churn_steps.take(config.printed_p, config.seeds[0])
    churn_steps.show(out, step, config.lr)
    measured = measure(config, out, quiet=args.quiet)
    print_table(out, config, measured)
    terminal.sentences(out, "What this run shows", conclusions(measured))
    path = draw(config, step, measured, args.out)
    out.print(f"The network and the curves are in {path}", soft_wrap=True)
    return 0


def measure(config: Config, out: Console, *, quiet: bool = True) -> dict[float, Measured]:
    """Train for every rate and seed, on all rows, and without each of the rows."""
    runs: dict[float, list[Any]] = {p: [] for p in config.rates}
    jobs = {
        f"p = {p:g}, seed {number}": (p, number) for p in config.rates for number in config.seeds
    }
    for p, number in terminal.each(out, jobs, quiet=quiet):
        model, losses, silent = train(config, p, number, np.ones(len(CUSTOMERS), bool))
        right = np.sum((engine.predict(model, INPUTS) > 0) == (CHURNED == 1))
        runs[p].append((losses, right, _left_out(config, p, number), silent))
    steps = np.array([step for step in range(1, config.steps + 1) if _is_point(step, config)])
    return {
        p: Measured(steps, *(np.stack(column) for column in zip(*results, strict=True)))
        for p, results in runs.items()
    }


def train(
    config: Config, p: float, number: int, rows: NDArray[Any]
) -> tuple[Sequential, NDArray[Any], float]:
    """Train one network on some rows.

    Returns the network, its loss on the training rows during training, and the share of the forward
    passes of a row in which all units were dropped.
    """
    rng = np.random.default_rng(number)
    model = Sequential(
        hidden=Linear(2, UNITS, rng=rng, dtype=np.float64),
        relu=ReLU(),
        drop=Dropout(p),
        last=Linear(UNITS, 1, rng=rng, dtype=np.float64),
    )
    seed(model, dropcore.Stream(number))
    (drop,) = engine.dropouts(model)
    optimiser = autograd.SGD(model.parameters(), config.lr)
    x, churned = INPUTS[rows], CHURNED[rows]
    losses, silent = [], 0.0
    for step in range(1, config.steps + 1):
        model.train()
        optimiser.zero_grad()
        binary_cross_entropy_with_logits(model(x), churned).backward()
        optimiser.step()
        assert drop.mask is not None, "forward sets the mask"
        silent += float(np.mean(~drop.mask.keep.any(axis=1)))
        if _is_point(step, config):
            losses.append(_loss(model, x, churned))
    return model, np.array(losses), silent / config.steps


def _is_point(step: int, config: Config) -> bool:
    return step % max(config.steps // POINTS, 1) == 0 or step in (1, config.steps)


def _loss(model: Sequential, x: NDArray[Any], churned: NDArray[Any]) -> float:
    return binary_cross_entropy_with_logits(engine.predict(model, x), churned).item()


def _left_out(config: Config, p: float, number: int) -> float:
    """Leave out each row in turn; returns the mean loss of the networks on the rows left out."""
    losses = []
    for row in range(len(CUSTOMERS)):
        rows = np.arange(len(CUSTOMERS)) != row
        model, _, _ = train(config, p, number, rows)
        losses.append(_loss(model, INPUTS[~rows], CHURNED[~rows]))
    return float(np.mean(losses))


def print_table(out: Console, config: Config, measured: Mapping[float, Measured]) -> None:
    """Print the results of every rate."""
    terminal.table(
        out,
        f"After {terminal.count(config.steps, 'step')} ({spread.heading(len(config.seeds))})",
        ("p", "loss", "right of 5", "loss left out", "all dropped"),
        [
            (
                f"{p:g}",
                str(Spread.of(m.losses[:, -1])),
                Spread.of(m.right).text(1),
                str(Spread.of(m.left_out)),
                f"{Spread.of(100 * m.silent).text(1)} %",
            )
            for p, m in measured.items()
        ],
        caption="Losses are measured without dropout. Right of 5: the number of rows that are "
        "predicted correctly. Loss left out: each row in turn is left out; a network is trained on "
        "the other four rows, and tested on this row. All dropped: the share of the passes in "
        "training (each of one row) in which all hidden units are dropped.",
    )


def conclusions(measured: Mapping[float, Measured]) -> list[str]:
    """The conclusions from the figures; a difference is reported only if every seed shows it."""
    bad = [f"p = {p:g}" for p, m in measured.items() if not np.isfinite(m.left_out).all()]
    if bad:
        return [f"Training diverged at {', '.join(bad)}: nothing can be compared."]
    least, *others = sorted(measured)
    old = measured[least]
    if len(old.right) < spread.FEWEST:
        return spread.uncompared(len(old.right))
    lines = [spread.rule(len(old.right))]
    for p in others:
        loss = Change.between(old.losses[:, -1], measured[p].losses[:, -1])
        left_out = Change.between(old.left_out, measured[p].left_out)
        lines.append(
            f"p = {p:g} against {least:g}: the loss on the five rows is {loss.text()}, and the "
            f"loss on a row left out is {left_out.text()}."
        )
    lines.append(_coin(measured))
    for p, m in measured.items():
        if m.silent.any():
            lines.append(
                f"At p = {p:g} all hidden units were dropped in {100 * m.silent.mean():.1f} % of "
                f"the passes of a row (p^{UNITS} is {100 * p**UNITS:.1f} %). In such a pass the "
                "row trains only the output bias."
            )
    return lines


def _coin(measured: Mapping[float, Measured]) -> str:
    """Compare the loss on rows left out with the loss of a random guess."""
    better = [f"{p:g}" for p, m in measured.items() if m.left_out.mean() < np.log(2)]
    found = f"at p = {', '.join(better)}" if better else "at no p"
    return (
        f"A guess, the probability 0.5 for every row, has a loss of {np.log(2):.2f}. The mean loss "
        f"of the networks on a row left out is below the loss of the guess {found}."
    )


def draw(config: Config, step: Step, measured: Mapping[float, Measured], directory: Path) -> Path:
    """Write ``churn.png``: each customer's sub-network in the printed step, then the training."""
    title = (
        f"Five customers, 2-4-1 network: one step at p = {config.printed_p:g}, and trainings of "
        f"{terminal.count(config.steps, 'step')}"
    )
    zero = "; dashed: kept, and 0 by relu" if (step.keep & (step.hidden == 0)).any() else ""
    footnote = (
        f"Above: the units that reach the output in the printed step; crossed: dropped{zero}. "
        f"Below: {terminal.seeds(config.seeds)}, losses measured without dropout."
    )
    count = len(config.seeds)
    key = f"{plot.curves_key(count)}\n{plot.dots_key(count)}"
    fig = plot.figure(13, 8, title, footnote, key)
    grid = fig.add_gridspec(2, 1, height_ratios=[1, 1.1])
    above = grid[0].subgridspec(1, len(CUSTOMERS)).subplots(squeeze=False)[0]
    for place, axes in enumerate(above):
        _draw_network(axes, step, place)
    below = grid[1].subgridspec(1, 2, width_ratios=[1.3, 1])
    curves, left_out = below.subplots(squeeze=False)[0]
    plot.dress(curves, "Loss on the five rows", "cross-entropy", "step")
    colours = plot.ordered_colours(len(measured))
    for colour, (p, m) in zip(colours, measured.items(), strict=True):
        style = {"label": f"p = {p:g}", "color": colour}
        plot.curve(curves, m.steps, m.losses, within=plot.POSITIVE, **style)
    curves.legend(frameon=False, loc="best")
    values = np.stack([m.left_out for m in measured.values()])
    base = float(values[0].mean()) if min(measured) == 0 else None
    plot.dots(left_out, [f"{p:g}" for p in measured], values, colours, base)
    plot.dress(left_out, "Loss on a row left out", "p", "cross-entropy")
    return plot.save(fig, directory, "churn")


def _draw_network(axes: Axes, step: Step, row: int) -> None:
    """Draw the sub-network that one customer passed through, its numbers in the circles."""
    inputs = [(0.0, y) for y in (1.0, 2.0)]
    units = [(1.0, float(y)) for y in range(UNITS)]
    output = (2.0, 1.5)
    looks = [_look(*unit) for unit in zip(step.keep[row], step.hidden[row], strict=True)]
    for unit, look in zip(units, looks, strict=True):
        for end in (*inputs, output):
            axes.plot(*zip(unit, end, strict=True), **LINES[look])
    for (x, y), value in zip(inputs, INPUTS[row], strict=True):
        _circle(axes, x, y, f"{value:g}", plot.INK)
    for (x, y), value, look in zip(units, step.dropped[row], looks, strict=True):
        text = {"dropped": "", "zero": "0", "kept": f"{value:.2f}"}[look]
        colour = plot.FAINT if look == "dropped" else plot.TRAINING
        _circle(axes, x, y, text, colour, "--" if look == "zero" else "-")
        if look == "dropped":
            axes.plot(x, y, marker="x", markersize=17, color=plot.FAINT, zorder=4)
    _circle(axes, *output, f"{step.churn[row, 0]:.2f}", plot.VALIDATION)
    churned = "churned" if CHURNED[row, 0] else "stayed"
    axes.set_title(f"{CUSTOMERS[row]}, {churned}", fontsize=11, color=plot.INK)
    axes.set_xlim(-0.4, 2.4)
    axes.set_ylim(3.5, -0.5)
    axes.axis("off")


def _look(keep: bool, hidden: float) -> str:
    """Return "dropped", "zero" (kept, but relu gave 0) or "kept"."""
    if not keep:
        return "dropped"
    return "kept" if hidden else "zero"


def _circle(axes: Axes, x: float, y: float, text: str, colour: str, ls: str = "-") -> None:
    """Draw a circle, 27 points wide, with a text."""
    axes.scatter(x, y, s=27**2, facecolor="white", edgecolor=colour, linestyle=ls, zorder=3)
    axes.text(x, y, text, ha="center", va="center", fontsize=8.5, color=plot.INK, zorder=5)
