"""How much dropout? One network trained at several rates: its training and validation loss.

The network is wide, the training rows are few, and some of their labels are wrong, so the network
can learn the training rows by heart. The network is trained at every rate with the same seeds. A
seed determines the rows, the wrong labels, the initial weights and the order of the batches, so
within a seed only the dropout differs. Training and validation loss are measured without dropout
(inference).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import dropcore
from dropcore_lab.experiments import data, engine, figures, mlp, options, plot, spread, terminal
from dropcore_lab.experiments.figures import Figures
from dropcore_lab.experiments.spread import Change, Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Console

EPOCHS_PER_POINT = 3
PANELS = 4
"""The most panels in one row of the picture."""
ENGINES: dict[str, Any] = {"numpy": mlp, "autograd": engine}
"""The two implementations of the network: hand-written loops, or `dropcore.autograd`."""


@dataclass(frozen=True)
class Config:
    """The settings: network, data, rates and seeds. ``make demo`` uses the defaults."""

    rates: tuple[float, ...] = (0.0, 0.2, 0.5, 0.8)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    rows: int = 300
    noise: float = 0.2
    hidden: tuple[int, ...] = (384, 384, 384)
    epochs: int = 80
    batch: int = 50
    lr: float = 0.01
    engine: str = "numpy"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Features, hidden widths, classes."""
        return (data.DIGITS_FEATURES, *self.hidden, data.DIGITS_CLASSES)

    def __str__(self) -> str:
        """Describe the settings in a line."""
        return (
            f"{terminal.count(self.rows, 'training row')}, each label wrong with probability "
            f"{self.noise:g}, network {'-'.join(map(str, self.sizes))}, "
            f"{terminal.seeds(self.seeds)}, {self.engine} engine"
        )


@dataclass(frozen=True)
class Curves:
    """The measurements at one rate: `epochs`, shape (points,); the others, (seeds, points)."""

    epochs: NDArray[np.intp]
    train_loss: NDArray[np.float64]
    val_loss: NDArray[np.float64]
    val_accuracy: NDArray[np.float64]

    @property
    def gap(self) -> NDArray[np.float64]:
        """Validation loss minus training loss."""
        return self.val_loss - self.train_loss

    @property
    def last(self) -> Figures:
        """The figures of the last epoch."""
        return Figures(self.train_loss[:, -1], self.val_loss[:, -1], self.val_accuracy[:, -1])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this experiment's options to `parser`."""
    add, count = options.Options(parser, Config()), options.whole(1)
    add.rates(options.probability, "probabilities that a hidden unit is dropped")
    add.seeds()
    add.many("hidden", count, "WIDTH", "widths of the hidden layers")
    add.digits()
    add.training()
    add.choice(
        "engine",
        tuple(ENGINES),
        "implementation of the training; results are equal except for rounding",
    )
    add.output("rates.png")


def run(args: argparse.Namespace) -> int:
    """Train every network, print table and conclusions, write the plot."""
    config = options.chosen(Config, args)
    out = terminal.console()
    terminal.show(out, f"Handwritten digits: {config}.\n")
    curves = measure(config, out, quiet=args.quiet)
    print_table(out, config, curves)
    terminal.sentences(out, "What this run shows", conclusions(curves))
    path = draw(config, curves, args.out)
    out.print(f"The curves are in {path}", soft_wrap=True)
    return 0


def measure(config: Config, out: Console, *, quiet: bool = True) -> dict[float, Curves]:
    """Train one network for every rate and seed."""
    epochs = np.array([e for e in range(1, config.epochs + 1) if _is_point(e, config)])
    curves = {}
    with terminal.progress(out, quiet=quiet, unit="epochs") as bar:
        total = len(config.rates) * len(config.seeds) * config.epochs
        task = bar.add_task("", total=total)
        for p in config.rates:
            runs = []
            for seed in config.seeds:
                bar.update(task, description=f"p = {p:g}, seed {seed}")
                runs.append(train(config, p, seed, lambda: bar.advance(task)))
            curves[p] = Curves(epochs, *np.stack(runs, axis=1))
    return curves


def train(config: Config, p: float, seed: int, on_epoch: Callable[[], object]) -> NDArray[Any]:
    """Train one network.

    Returns
    -------
    array, shape (3, points)
        Training loss, validation loss and validation accuracy over the epochs.
    """
    for_data, for_weights, for_order = np.random.default_rng(seed).spawn(3)
    split = data.digits(config.rows, config.noise, for_data)
    chosen = ENGINES[config.engine]
    network, optimiser = chosen.build(
        config.sizes, p, config.lr, stream=dropcore.Stream(seed), rng=for_weights
    )
    points = []
    for epoch in range(1, config.epochs + 1):
        chosen.train_epoch(
            network,
            optimiser,
            split.train_x,
            split.train_labels,
            batch=config.batch,
            rng=for_order,
        )
        if _is_point(epoch, config):
            points.append(mlp.figures(lambda x: chosen.predict(network, x), split))
        on_epoch()
    return np.array(points).T


def _is_point(epoch: int, config: Config) -> bool:
    return epoch % EPOCHS_PER_POINT == 0 or epoch in (1, config.epochs)


def print_table(out: Console, config: Config, curves: Mapping[float, Curves]) -> None:
    """Print the last epoch's figures; the row with the lowest validation loss is bold."""
    last = {p: c.last for p, c in curves.items()}
    terminal.table(
        out,
        f"After {terminal.count(config.epochs, 'epoch')} ({spread.heading(len(config.seeds))})",
        ("p", *figures.COLUMNS),
        [(f"{p:g}", *f.cells()) for p, f in last.items()],
        caption="The losses are measured without dropout. Gap: validation loss minus training "
        "loss. Labels are wrong with the same probability in training and validation rows. "
        "Accuracy: the share of validation rows whose true digit, not label, is predicted.",
        bold=list(last).index(figures.best(last)),
    )


def conclusions(curves: Mapping[float, Curves]) -> list[str]:
    """The conclusions from the figures of the last epoch.

    A figure counts as changed if it changes in the same direction in every seed.
    """
    last = {p: c.last for p, c in curves.items()}
    bad = figures.diverged({f"p = {p:g}": f for p, f in last.items()})
    if bad:
        return bad
    least, *others = sorted(last)
    seeds = len(last[least].val_loss)
    if seeds < spread.FEWEST:
        return spread.uncompared(seeds)
    lines = [spread.rule(seeds)]
    if others:
        lines.append(_gaps(last))
        lines += [f"p = {p:g} against {least:g}: {last[p].against(last[least])}" for p in others]
        lines += _best_rate(last)
    return [*lines, _best_epochs(curves)]


def _gaps(last: Mapping[float, Figures]) -> str:
    gaps = {p: float(f.gap.mean()) for p, f in last.items()}
    wide, narrow = max(gaps, key=gaps.__getitem__), min(gaps, key=gaps.__getitem__)
    if f"{gaps[wide]:.2f}" == f"{gaps[narrow]:.2f}":
        return f"The gap between validation and training loss is {gaps[wide]:.2f} at every p."
    return (
        "The gap between validation and training loss is widest at "
        f"p = {wide:g} ({gaps[wide]:.2f}) and narrowest at p = {narrow:g} ({gaps[narrow]:.2f})."
    )


def _best_rate(last: Mapping[float, Figures]) -> list[str]:
    """The rate with the lowest validation loss, and whether higher rates underfit."""
    best = figures.best(last)
    loss = last[best].val_loss.mean()
    lines = [f"At the last epoch validation loss is lowest at p = {best:g} ({loss:.2f})."]
    for p in sorted(rate for rate in last if rate > best):
        training = Change.between(last[best].train_loss, last[p].train_loss)
        validation = last[p].loss_change(last[best])
        verb = " underfits" if training.rose and validation.rose else " does not clearly underfit"
        lines.append(
            f"Against p = {best:g}, p = {p:g}{verb}: training "
            f"loss {training.text()}, validation loss {validation.text()}."
        )
    return lines


def _best_epochs(curves: Mapping[float, Curves]) -> str:
    """The lowest mean validation loss of each rate: the result of early stopping."""
    stops = []
    for p in sorted(curves):
        mean = curves[p].val_loss.mean(axis=0)
        stop = int(mean.argmin())
        stops.append(f"{mean[stop]:.2f} at p = {p:g} (epoch {curves[p].epochs[stop]})")
    return f"The lowest validation loss at any epoch: {', '.join(stops)}."


def draw(config: Config, curves: Mapping[float, Curves], directory: Path) -> Path:
    """Write ``rates.png``: both losses for each rate, then all rates in one panel."""
    title = "Dropout after each hidden layer: training and validation loss"
    footnote, key = f"Handwritten digits: {config}.", plot.curves_key(len(config.seeds))
    rows = -(-len(curves) // PANELS)
    columns = -(-len(curves) // rows)
    heights = [2.9 * rows + 0.4, 3.7]
    fig = plot.figure(max(10.0, 3.1 * columns), sum(heights) + 0.9, title, footnote, key)
    grid = fig.add_gridspec(2, 1, height_ratios=heights)
    above, below = (fig.add_subfigure(grid[row]) for row in (0, 1))  # each with gaps of its own
    panels = above.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes, (p, c) in zip(panels, curves.items(), strict=False):
        _draw_rate(axes, p, c)
    for axes in panels[len(curves) :]:
        axes.remove()
    handles, labels = panels[0].get_legend_handles_labels()
    above.legend(handles, labels, frameon=False, loc="outside upper right", ncols=2)
    _draw_all(below, curves)
    return plot.save(fig, directory, "rates")


def _draw_all(below: Any, curves: Mapping[float, Curves]) -> None:
    """Draw validation loss and accuracy of all rates."""
    loss, accuracy = below.subplots(1, 2)
    plot.dress(loss, "Validation loss", "cross-entropy", "epoch")
    plot.dress(accuracy, "Validation accuracy, against the true digits", "share correct", "epoch")
    for colour, (p, c) in zip(plot.ordered_colours(len(curves)), curves.items(), strict=True):
        style = {"label": f"p = {p:g}", "color": colour}
        plot.curve(loss, c.epochs, c.val_loss, within=plot.POSITIVE, **style)
        plot.curve(accuracy, c.epochs, c.val_accuracy, within=plot.SHARE, **style)
    accuracy.set_ylim(0, 1)
    handles, labels = loss.get_legend_handles_labels()
    in_a_row = min(len(labels), 6)
    below.legend(handles, labels, frameon=False, loc="outside upper right", ncols=in_a_row)


def _draw_rate(axes: Axes, p: float, curves: Curves) -> None:
    """Draw both losses of one rate."""
    gap = Spread.of(curves.gap[:, -1]).text(2)
    plot.dress(axes, f"p = {p:g}, gap {gap}", "cross-entropy", "epoch")
    for values, style in (
        (curves.val_loss, {"label": "validation", "color": plot.VALIDATION}),
        (curves.train_loss, {"label": "training", "color": plot.TRAINING, "ls": "--"}),
    ):
        plot.curve(axes, curves.epochs, values, within=plot.POSITIVE, **style)
