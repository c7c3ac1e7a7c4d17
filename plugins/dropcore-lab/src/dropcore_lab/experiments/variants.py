"""Variants of dropout at the same p, in the same place of the same network.

The network has one residual block, ``x + dropout(relu(conv(x)))``, in which every kind of variant
has something to drop: elements, channels, blocks, or the whole branch of a sample. Installed
variants that the network cannot use are left out; the output names these variants with the reason.
zoneout, for example, needs a second input. A seed determines rows, wrong labels, initial weights
and the order of the batches. The same p does not mean the same strength: the variants add different
amounts of noise.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import dropcore
from dropcore import autograd
from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import Conv2d, Linear, Module, Tensor, relu
from dropcore_lab.experiments import data, engine, figures, options, plot, spread, terminal
from dropcore_lab.experiments.figures import Figures, Run

if TYPE_CHECKING:
    from rich.console import Console

NONE = "none"
OPTIONS: dict[str, dict[str, Any]] = {
    "spatial": {"channel_axis": 1},
    "dropblock": {"channel_axis": 1, "block_size": 3},
    "exactcount": {"axis": 1},
}
"""The options of some variants in this network; other variants use their defaults."""
REMARKS = {"alpha": "meant for selu; this network has relu"}


@dataclass(frozen=True)
class Config:
    """The settings: variants (none: all that the network can use), data and seeds."""

    variants: tuple[str, ...] = ()
    p: float = 0.3
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    rows: int = 300
    noise: float = 0.1
    channels: int = 16
    epochs: int = 40
    batch: int = 50
    lr: float = 0.02
    timed: int = 30

    def __str__(self) -> str:
        """Describe the settings in a line."""
        return (
            f"p = {self.p:g}, {terminal.count(self.rows, 'training row')}, each label wrong with "
            f"probability {self.noise:g}, one residual block of "
            f"{terminal.count(self.channels, 'channel')}, {terminal.count(self.epochs, 'epoch')}, "
            f"{terminal.seeds(self.seeds)}"
        )


@dataclass(frozen=True)
class Measured:
    """The measurements of one variant: its figures, and its share of a training step's time."""

    figures: Figures
    time_share: NDArray[Any]


class Residual(Module):
    """A convolution, a residual block with dropout on its branch, and a linear layer."""

    def __init__(self, channels: int, drop: Module | None, rng: np.random.Generator) -> None:
        self.stem = Conv2d(1, channels, 3, stride=2, padding=1, rng=rng)
        self.branch = Conv2d(channels, channels, 3, padding=1, rng=rng)
        self.drop = drop
        self.last = Linear(channels * 16, data.DIGITS_CLASSES, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images of shape (rows, 1, 8, 8)."""
        x = relu(self.stem(x))
        branch = relu(self.branch(x))
        x = x + (branch if self.drop is None else self.drop(branch))
        logits: Tensor = self.last(x.reshape(x.shape[0], -1))
        return logits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this experiment's options to `parser`."""
    add = options.Options(parser, Config())
    add.many("variants", installed, "NAME", "variants of dropout", options.once)
    add.one("p", options.probability, "P", "p of each variant")
    add.seeds()
    add.digits()
    add.one("channels", options.whole(1), "N", "channels of each convolution")
    add.training()
    add.one("timed", options.whole(1), "N", "steps timed with dropout on, and with dropout off")
    add.output("variants.png")


def installed(name: str) -> str:
    """Check that a name is the name of an installed variant."""
    if name not in dropcore.variant_names():
        try:
            dropcore.get_variant(name)
        except LookupError as error:  # it says what is installed, and where more variants are
            raise argparse.ArgumentTypeError(str(error)) from error
    return name


def run(args: argparse.Namespace) -> int:
    """Train every network, print table and conclusions, write the plot."""
    config = options.chosen(Config, args)
    variants, skipped = usable(config)
    if config.variants and skipped:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise options.Refused(f"this network cannot run all of these variants: {reasons}")
    out = terminal.console()
    terminal.show(out, f"Handwritten digits: {config}.\n")
    measured = measure(config, variants, out, quiet=args.quiet)
    print_table(out, config, variants, measured)
    terminal.sentences(out, "What this run shows", conclusions(measured))
    if skipped:
        lines = (f"{name}: {reason}." for name, reason in skipped.items())
        terminal.sentences(out, "Left out", lines)
    path = draw(config, measured, args.out)
    out.print(f"The figures are drawn in {path}", soft_wrap=True)
    return 0


def usable(config: Config) -> tuple[dict[str, dropcore.Variant], dict[str, str]]:
    """The variants that this network can use; for all other variants, the reason."""
    variants, skipped = {}, {}
    for name in config.variants or dropcore.variant_names():
        try:
            variant = _variant(name)
            _try_out(variant, config)
        except (
            Exception
        ) as error:  # a plugin may raise any exception; the others are still measured
            skipped[name] = str(error).rstrip(".")
        else:
            variants[name] = variant
    return variants, skipped


def _variant(name: str) -> dropcore.Variant:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dropcore.PluginWarning)  # the reason is listed
        try:
            return dropcore.get_variant(name, **OPTIONS.get(name, {}))
        except TypeError as error:
            if name in OPTIONS:
                raise
            raise TypeError(f"the variant cannot be made without options ({error})") from error


def _try_out(variant: dropcore.Variant, config: Config) -> None:
    further = variant.inputs[1:]
    if further:
        raise ValueError(
            f"the variant needs a further input, {', '.join(further)}, that this network lacks"
        )
    x = np.ones((2, config.channels, 4, 4), np.float32)
    dropcore.dropout(x, config.p, training=True, rng=0, variant=variant)


def measure(
    config: Config, variants: Mapping[str, dropcore.Variant], out: Console, *, quiet: bool = True
) -> dict[str, Measured]:
    """Train one network for every variant and seed, and one without dropout."""
    every: dict[str, dropcore.Variant | None] = {NONE: None, **variants}
    runs: dict[str, list[tuple[Run, float]]] = {name: [] for name in every}
    jobs = {f"{name}, seed {number}": (name, number) for name in every for number in config.seeds}
    for name, number in terminal.each(out, jobs, quiet=quiet):
        runs[name].append(train(config, every[name], number))
    return {
        name: Measured(
            Figures.of([each for each, _ in results]), np.array([share for _, share in results])
        )
        for name, results in runs.items()
    }


def train(config: Config, variant: dropcore.Variant | None, number: int) -> tuple[Run, float]:
    """Train one network; returns its figures and dropout's share of a step's time."""
    for_data, for_weights, for_order = np.random.default_rng(number).spawn(3)
    split = data.images(data.digits(config.rows, config.noise, for_data))
    drop = None if variant is None else Dropout(config.p, variant)
    model = Residual(config.channels, drop, for_weights)
    seed(model, dropcore.Stream(number))
    optimiser = autograd.SGD(model.parameters(), config.lr, momentum=0.9)
    engine.train(model, optimiser, split, epochs=config.epochs, batch=config.batch, rng=for_order)
    measured = engine.figures(model, split)
    share = np.nan
    if drop is not None:
        share = engine.time_share(model, optimiser, split, config.batch, config.timed)
    return measured, share


def print_table(
    out: Console,
    config: Config,
    variants: Mapping[str, dropcore.Variant],
    measured: Mapping[str, Measured],
) -> None:
    """Print the figures; the row with the lowest validation loss is bold."""
    last = {name: m.figures for name, m in measured.items()}
    terminal.table(
        out,
        f"After {terminal.count(config.epochs, 'epoch')} ({spread.heading(len(config.seeds))})",
        ("variant", *figures.COLUMNS),
        [(name, *f.cells()) for name, f in last.items()],
        caption="Losses are measured without dropout. Gap: validation loss minus training loss. "
        "Accuracy: the share of validation rows whose true digit, not label, is predicted.",
        bold=list(last).index(figures.best(last)),
        names=1,
    )
    terminal.table(
        out,
        f"At p = {config.p:g}",
        ("variant", "options and remarks", "time share"),
        [
            (name, _remarks(variant), spread.share(measured[name].time_share))
            for name, variant in variants.items()
        ],
        caption="Time share: the part of a training step's time that dropout takes; "
        f"{spread.TOO_SMALL}",
        names=2,
    )


def _remarks(variant: dropcore.Variant) -> str:
    """The options that differ from the defaults, and other remarks."""
    given = variant.options()
    defaults = {
        field.name: field.default if field.default_factory is MISSING else field.default_factory()
        for field in fields(variant)
    }
    chosen = [f"{name}={value!r}" for name, value in given.items() if value != defaults[name]]
    return ", ".join([*chosen, *filter(None, [REMARKS.get(variant.name)])])


def conclusions(measured: Mapping[str, Measured]) -> list[str]:
    """The conclusions from the figures; a difference is reported only if every seed shows it."""
    every = {name: m.figures for name, m in measured.items()}
    bad = figures.diverged(every)
    if bad:
        return bad
    seeds = len(every[NONE].val_loss)
    if seeds < spread.FEWEST:
        return spread.uncompared(seeds)
    lines = [spread.rule(seeds)]
    others = {name: f for name, f in every.items() if name != NONE}
    lines += [f"{name} against none: {f.against(every[NONE])}" for name, f in others.items()]
    if "standard" in others and len(others) > 1:
        lines += _against_standard(others)
    return lines


def _against_standard(others: Mapping[str, Figures]) -> list[str]:
    """Group the variants by the comparison of their validation loss with standard dropout."""
    standard = others["standard"]
    changes = {name: f.loss_change(standard) for name, f in others.items() if name != "standard"}
    groups = {
        "lower in every seed": [name for name, c in changes.items() if c.fell],
        "higher in every seed": [name for name, c in changes.items() if c.rose],
        "not clearly different": [n for n, c in changes.items() if not (c.fell or c.rose)],
    }
    found = [f"{words}: {', '.join(names)}" for words, names in groups.items() if names]
    best = figures.best(others)
    return [
        f"Validation loss, against the loss of standard dropout: {'; '.join(found)}.",
        f"The variant with the lowest mean validation loss is {best} "
        f"({others[best].val_loss.mean():.2f}).",
    ]


def draw(config: Config, measured: Mapping[str, Measured], directory: Path) -> Path:
    """Write ``variants.png``: loss, accuracy and gap, a row of dots for each variant."""
    title = f"Variants of dropout at p = {config.p:g}, in one network"
    height = 2.6 + 0.42 * len(measured)
    key = plot.dots_key(len(config.seeds))
    fig = plot.figure(13, height, title, f"Handwritten digits: {config}.", key)
    loss, accuracy, gap = fig.subplots(1, 3, sharey=True)
    names = list(measured)
    colours = [plot.FAINT if name == NONE else plot.TRAINING for name in names]
    losses = np.array([m.figures.val_loss for m in measured.values()])
    accuracies = np.array([m.figures.val_accuracy for m in measured.values()])
    gaps = np.array([m.figures.gap for m in measured.values()])
    plot.dots(loss, names, losses, colours, losses[0].mean())
    plot.dress(loss, "Validation loss", "variant", "cross-entropy")
    plot.dots(accuracy, names, accuracies, colours, accuracies[0].mean())
    plot.dress(accuracy, "Validation accuracy", "variant", "share correct")
    plot.dots(gap, names, gaps, colours, gaps[0].mean())
    plot.dress(gap, "Gap", "variant", "validation minus training loss")
    return plot.save(fig, directory, "variants")
