"""Dropout against weight decay as the training rows get fewer.

One network of dense layers is trained plain, with dropout, and with weight decay (a share of each
weight is added to its gradient), on several numbers of rows. Every network takes the same number of
steps, so networks with fewer rows are not trained less. A seed determines rows, wrong labels,
initial weights and the order of the batches. A smaller set of rows is a part of each larger set.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import dropcore
from dropcore import autograd
from dropcore_lab.experiments import data, engine, figures, options, plot, spread, terminal
from dropcore_lab.experiments.figures import Figures, Run

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Method:
    """One way to train: at most one of p and decay is above 0."""

    p: float = 0.0
    decay: float = 0.0

    def __str__(self) -> str:
        """The name of the method."""
        if self.p:
            return f"dropout {self.p:g}"
        return f"decay {self.decay:g}" if self.decay else "plain"


PLAIN = Method()
Measured = dict[int, dict[Method, Figures]]
"""The figures for each number of rows and method."""


@dataclass(frozen=True)
class Config:
    """The settings: network, data, numbers of rows and seeds."""

    rows: tuple[int, ...] = (25, 50, 100, 200, 400, 800, 1400)
    rates: tuple[float, ...] = (0.2, 0.5)
    decays: tuple[float, ...] = (0.003, 0.03)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    noise: float = 0.1
    hidden: tuple[int, ...] = (128, 128)
    steps: int = 1000
    batch: int = 25
    lr: float = 0.02

    @property
    def methods(self) -> tuple[Method, ...]:
        """All ways to train; a rate or decay of 0 is the same as `PLAIN`."""
        dropout = [Method(p=p) for p in self.rates]
        return options.once([PLAIN, *dropout, *(Method(decay=decay) for decay in self.decays)])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Features, hidden widths, classes."""
        return (data.DIGITS_FEATURES, *self.hidden, data.DIGITS_CLASSES)

    def __str__(self) -> str:
        """Describe the settings in a line."""
        return (
            f"each label wrong with probability {self.noise:g}, network "
            f"{'-'.join(map(str, self.sizes))}, "
            f"{terminal.count(self.steps, 'step')} of {terminal.count(self.batch, 'row')}, "
            f"{terminal.seeds(self.seeds)}"
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this experiment's options to `parser`."""
    add, count = options.Options(parser, Config()), options.whole(1)
    why = f"there are {data.DIGITS_ROWS}, and at least a tenth is needed for validation"
    limit = options.whole(1, data.DIGITS_ROWS - data.DIGITS_ROWS // 10, why=why)
    add.many(
        "rows",
        limit,
        "N",
        "numbers of training rows; rows that no network is trained on are used for validation",
        options.ascending,
    )
    add.rates(options.probability, "probabilities that a hidden unit is dropped")
    add.many("decays", options.positive, "DECAY", "strengths of weight decay", options.ascending)
    add.seeds()
    add.noise()
    add.many("hidden", count, "WIDTH", "widths of the hidden layers")
    add.one("steps", count, "N", "training steps, the same for every number of rows")
    add.one("batch", count, "N", "rows of one training step")
    add.one("lr", options.positive, "RATE", "learning rate")
    add.output("small-data.png")


def run(args: argparse.Namespace) -> int:
    """Train every network, print table and conclusions, write the plot."""
    config = options.chosen(Config, args)
    out = terminal.console()
    terminal.show(out, f"Handwritten digits: {config}.\n")
    measured = measure(config, out, quiet=args.quiet)
    print_tables(out, config, measured)
    terminal.sentences(out, "What this run shows", conclusions(measured))
    path = draw(config, measured, args.out)
    out.print(f"The curves are in {path}", soft_wrap=True)
    return 0


def measure(config: Config, out: Console, *, quiet: bool = True) -> Measured:
    """Train one network for every number of rows, method and seed."""
    jobs = {
        f"{terminal.count(rows, 'row')}, {method}, seed {seed}": (rows, method, seed)
        for rows in config.rows
        for method in config.methods
        for seed in config.seeds
    }
    runs: dict[tuple[int, Method], list[Run]] = {}
    for rows, method, seed in terminal.each(out, jobs, quiet=quiet):
        runs.setdefault((rows, method), []).append(train(config, rows, method, seed))
    return {
        rows: {method: Figures.of(runs[rows, method]) for method in config.methods}
        for rows in config.rows
    }


def train(config: Config, rows: int, method: Method, seed: int) -> Run:
    """Train one network; the validation rows are the same for any `rows`."""
    for_data, for_weights, for_order = np.random.default_rng(seed).spawn(3)
    most = data.digits(max(config.rows), config.noise, for_data)
    split = replace(most, train_x=most.train_x[:rows], train_labels=most.train_labels[:rows])
    model = engine.dense(config.sizes, method.p, stream=dropcore.Stream(seed), rng=for_weights)
    optimiser = autograd.SGD(model.parameters(), config.lr, momentum=0.9, weight_decay=method.decay)
    for batch in islice(data.endless(rows, config.batch, for_order), config.steps):
        engine.step(model, optimiser, split.train_x[batch], split.train_labels[batch])
    return engine.figures(model, split)


def print_tables(out: Console, config: Config, measured: Measured) -> None:
    """Print validation loss and accuracy, a row for each number of training rows."""
    methods = config.methods
    for what, caption in (
        (
            "val_loss",
            "Plain: neither dropout nor weight decay. The losses are measured without dropout, on "
            "rows on which no network was trained.",
        ),
        ("val_accuracy", "The share of validation rows whose true digit, not label, is predicted."),
    ):
        name = {"val_loss": "Validation loss", "val_accuracy": "Accuracy"}[what]
        terminal.table(
            out,
            f"{name} ({spread.heading(len(config.seeds))})",
            ("rows", *map(str, methods)),
            [
                (str(rows), *(spread.Spread.of(getattr(of[m], what)).text(2) for m in methods))
                for rows, of in measured.items()
            ],
            caption=caption,
        )


def conclusions(measured: Measured) -> list[str]:
    """The conclusions: at which numbers of rows each method helped in every seed."""
    first = next(iter(measured.values()))
    bad = figures.diverged(
        {f"{method}, {n} rows": f for n, of in measured.items() for method, f in of.items()}
    )
    if bad:
        return bad
    seeds = len(first[PLAIN].val_loss)
    if seeds < spread.FEWEST:
        return spread.uncompared(seeds)
    lines = [spread.rule(seeds)]
    methods = [method for method in first if method != PLAIN]
    lines += [_helped(method, measured) for method in methods]
    lines += [_stops(method, measured) for method in methods if method.p]
    if any(m.p for m in methods) and any(m.decay for m in methods):
        lines += [_against_decay(rows, of) for rows, of in measured.items()]
        lines.append(
            "The best dropout and the best decay are those with the lowest loss on the validation "
            "rows, and the same losses are compared here. So both look a little better than they "
            "are."
        )
    return lines


def _helped(method: Method, measured: Measured) -> str:
    """The numbers of rows at which the validation loss of every seed fell, or rose."""
    changes = {rows: of[method].loss_change(of[PLAIN]) for rows, of in measured.items()}
    groups = {
        "lower in every seed": [rows for rows, c in changes.items() if c.fell],
        "higher in every seed": [rows for rows, c in changes.items() if c.rose],
        "not clearly changed": [rows for rows, c in changes.items() if not (c.fell or c.rose)],
    }
    found = [f"{words} at {_listed(rows)}" for words, rows in groups.items() if rows]
    return f"{str(method).capitalize()} against plain training: validation loss {'; '.join(found)}."


def _stops(method: Method, measured: Measured) -> str:
    """Name the numbers of rows at which dropout helped in every seed, and the others."""
    helps = {
        rows: of[method].loss_change(of[PLAIN]).fell and of[method].accuracy_change(of[PLAIN]).rose
        for rows, of in measured.items()
    }
    name = str(method).capitalize()
    if not any(helps.values()):
        return (
            f"There is no number of rows at which {method} lowered the loss and raised accuracy in "
            "every seed."
        )
    at = _listed([rows for rows, helped in helps.items() if helped])
    others = [rows for rows, helped in helps.items() if not helped]
    text = f"{name} lowered loss and raised accuracy in every seed at {at}"
    return f"{text}, but not in every seed at {_listed(others)}." if others else f"{text}."


def _against_decay(rows: int, of: Mapping[Method, Figures]) -> str:
    """Compare the best dropout with the best weight decay at one number of rows."""
    dropout = figures.best({m: f for m, f in of.items() if m.p})
    decay = figures.best({m: f for m, f in of.items() if m.decay})
    change = of[dropout].loss_change(of[decay])
    return (
        f"{terminal.count(rows, 'row')}: the validation loss of the best dropout ({dropout.p:g}), "
        f"against the loss of the best decay ({decay.decay:g}), is {change.text()}."
    )


def _listed(rows: list[int]) -> str:
    """The numbers of rows in words.

    >>> _listed([1]), _listed([20, 50])
    ('1 row', '20 and 50 rows')
    """
    *others, last = rows
    if not others:
        return terminal.count(last, "row")
    return f"{', '.join(map(str, others))} and {last} rows"


def draw(config: Config, measured: Measured, directory: Path) -> Path:
    """Write ``small-data.png``: loss, change of loss and accuracy over the number of rows."""
    title = "Dropout against weight decay as the training rows get fewer"
    key = plot.points_key(len(config.seeds))
    if len(config.methods) > 1:
        key += f" {plot.APART}"
    fig = plot.figure(14, 6.0, title, f"Handwritten digits: {config}.", key)
    loss, change, accuracy = fig.subplots(1, 3)
    rows = np.array(list(measured))
    for place, (method, style) in enumerate(
        zip(config.methods, _styles(config.methods), strict=True)
    ):
        of = [measured[n][method] for n in rows]
        losses = np.stack([f.val_loss for f in of], axis=1)
        base = np.stack([measured[n][PLAIN].val_loss for n in rows], axis=1)
        accuracies = np.stack([f.val_accuracy for f in of], axis=1)
        style["label"] = str(method)
        x = plot.beside(rows, place, len(config.methods), log=True)
        plot.points(loss, x, losses, within=plot.POSITIVE, **style)
        plot.points(accuracy, x, accuracies, within=plot.SHARE, **style)
        if method != PLAIN:
            percent = 100 * (losses / base - 1)
            plot.points(change, x, percent, within=(-100.0, np.inf), **style)
    change.axhline(0, color=plot.FAINT, linewidth=1)
    for axes, name, ylabel in (
        (loss, "Validation loss", "cross-entropy"),
        (
            change,
            "Change of validation loss from plain training",
            "change in % (below 0: the loss is lower)",
        ),
        (accuracy, "Validation accuracy, against the true digits", "share correct"),
    ):
        plot.dress(axes, name, ylabel, "training rows")
        axes.set_xscale("log")
        axes.set_xticks(rows, [str(n) for n in rows])
        axes.minorticks_off()
    loss.set_ylim(bottom=0)
    handles, labels = loss.get_legend_handles_labels()
    fig.legend(handles, labels, frameon=False, loc="outside upper right", ncols=min(len(labels), 5))
    return plot.save(fig, directory, "small-data")


def _styles(methods: tuple[Method, ...]) -> list[dict[str, Any]]:
    """Dropout in blue, decay in dashed orange, plain in grey; stronger settings are darker."""
    rates = [m for m in methods if m.p]
    decays = [m for m in methods if m.decay]
    blues, oranges = plot.shades("Blues", len(rates)), plot.shades("Oranges", len(decays))
    styles: list[dict[str, Any]] = []
    for method in methods:
        if method.p:
            styles.append({"color": blues[rates.index(method)], "marker": "o"})
        elif method.decay:
            styles.append({"color": oranges[decays.index(method)], "marker": "s", "ls": "--"})
        else:
            styles.append({"color": plot.FAINT, "marker": "D"})
    return styles
