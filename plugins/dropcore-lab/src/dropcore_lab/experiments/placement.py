"""Dropout at several places of a convolutional network: effects and costs.

Two networks of two convolutions and a linear layer: one network has batch normalisation between
convolution and relu, the other network has no normalisation. Each network is trained without
dropout. The network without batch normalisation is also trained with dropout in four ways, and the
network with batch normalisation in two ways (`PLACES`). A seed determines rows, wrong labels,
initial weights and the order of the batches.

The variance shift (see `dropcore_lab.variance`) is measured over all training rows.
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
from dropcore import autograd, get_variant
from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import BatchNorm, Conv2d, Flatten, Linear, Module, ReLU, Sequential
from dropcore_lab.experiments import data, engine, figures, options, plot, spread, terminal
from dropcore_lab.experiments.figures import Figures, Run
from dropcore_lab.experiments.spread import Spread
from dropcore_lab.variance import variance_shift

if TYPE_CHECKING:
    from rich.console import Console

NO_SHIFT = 0.05
"""A ratio of variances within this distance of 1 does not count as a shift."""


@dataclass(frozen=True)
class Place:
    """One network: with or without batch normalisation, and the places of dropout.

    `sites` are names of places in `network`: "conv1", "conv2" (after the convolution), "relu1",
    "relu2" (after the relu), "last" (after the output layer).
    """

    name: str
    normalised: bool = False
    sites: tuple[str, ...] = ()
    variant: str = "standard"


PLACES = {
    "none": Place("no dropout"),
    "standard": Place("standard, after both relus", sites=("relu1", "relu2")),
    "spatial": Place("spatial, after both relus", sites=("relu1", "relu2"), variant="spatial"),
    "dense": Place("standard, after the last relu", sites=("relu2",)),
    "output": Place("standard, on the output layer", sites=("last",)),
    "bn-none": Place("no dropout", True),
    "bn-before": Place("standard, before both norms", True, ("conv1", "conv2")),
    "bn-after": Place("standard, after the last norm", True, ("relu2",)),
}
"""Every place by its name on the command line; two entries, for comparison, have no dropout."""


@dataclass(frozen=True)
class Config:
    """The settings: networks, data and seeds."""

    places: tuple[str, ...] = tuple(PLACES)
    p: float = 0.5
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    rows: int = 300
    noise: float = 0.1
    channels: int = 12
    epochs: int = 40
    batch: int = 50
    lr: float = 0.02
    timed: int = 30

    def __str__(self) -> str:
        """Describe the settings in a line."""
        return (
            f"p = {self.p:g}, {terminal.count(self.rows, 'training row')}, each label wrong with "
            f"probability {self.noise:g}, two convolutions ({self.channels} and "
            f"{2 * self.channels} channels), {terminal.count(self.epochs, 'epoch')}, "
            f"{terminal.seeds(self.seeds)}"
        )


@dataclass(frozen=True)
class Measured:
    """The measurements of one place; the arrays have shape (seeds,).

    Attributes
    ----------
    figures : Figures
    shift : array
        Variance in training divided by variance in inference; nan without batch normalisation.
    time_share : array
        The share of a training step's time that dropout takes; nan without dropout.
    """

    figures: Figures
    shift: NDArray[Any]
    time_share: NDArray[Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this experiment's options to `parser`."""
    add, known = options.Options(parser, Config()), ", ".join(PLACES)
    add.many(
        "places",
        options.one_of(PLACES),
        "PLACE",
        "networks to train, named by their places of dropout; bn: with batch normalisation. A "
        f"table of the output describes each network: {known}",
        _with_baselines,
    )
    add.one("p", options.probability, "P", "probability that an element is dropped")
    add.seeds()
    add.digits()
    add.one(
        "channels",
        options.whole(1),
        "N",
        "channels of the first convolution; the second has twice as many",
    )
    add.training()
    add.one("timed", options.whole(1), "N", "steps timed with dropout on, and with dropout off")
    add.output("placement.png")


def _with_baselines(places: Any) -> tuple[str, ...]:
    """Sort the places as in `PLACES`, and add both networks without dropout."""
    needed = {*places, *(_baseline(place) for place in places)}
    return tuple(place for place in PLACES if place in needed)


def _baseline(place: str) -> str:
    return "bn-none" if PLACES[place].normalised else "none"


def run(args: argparse.Namespace) -> int:
    """Train every network, print table and conclusions, write the plot."""
    config = options.chosen(Config, args)
    out = terminal.console()
    terminal.show(out, f"Handwritten digits: {config}.\n")
    measured = measure(config, out, quiet=args.quiet)
    print_table(out, config, measured)
    terminal.sentences(out, "What this run shows", conclusions(measured))
    path = draw(config, measured, args.out)
    out.print(f"The figures are drawn in {path}", soft_wrap=True)
    return 0


def measure(config: Config, out: Console, *, quiet: bool = True) -> dict[str, Measured]:
    """Train one network for every place and seed."""
    runs: dict[str, list[tuple[Run, float, float]]] = {place: [] for place in config.places}
    jobs = {
        f"{place}, seed {number}": (place, number)
        for place in config.places
        for number in config.seeds
    }
    for place, number in terminal.each(out, jobs, quiet=quiet):
        runs[place].append(train(config, PLACES[place], number))
    return {
        place: Measured(
            Figures.of([each for each, _, _ in results]),
            np.array([shift for _, shift, _ in results]),
            np.array([share for _, _, share in results]),
        )
        for place, results in runs.items()
    }


def train(config: Config, place: Place, number: int) -> tuple[Run, float, float]:
    """Train one network; returns its figures, its variance shift and dropout's share of time."""
    for_data, for_weights, for_order = np.random.default_rng(number).spawn(3)
    split = data.images(data.digits(config.rows, config.noise, for_data))
    model = network(place, config.channels, config.p, for_weights)
    seed(model, dropcore.Stream(number))
    optimiser = autograd.SGD(model.parameters(), config.lr, momentum=0.9)
    engine.train(model, optimiser, split, epochs=config.epochs, batch=config.batch, rng=for_order)
    measured = engine.figures(model, split)
    shift = variance_shift(model, split.train_x)
    share = np.nan
    if place.sites:
        share = engine.time_share(model, optimiser, split, config.batch, config.timed)
    return measured, shift, share


def network(place: Place, channels: int, p: float, rng: np.random.Generator) -> Sequential:
    """Make the network; its initial weights do not depend on the places of dropout."""
    modules: dict[str, Module] = {}

    def add(name: str, module: Module) -> None:
        modules[name] = module
        if name in place.sites:
            spatial = place.variant == "spatial"
            variant = get_variant("spatial", channel_axis=1) if spatial else place.variant
            modules[f"drop_{name}"] = Dropout(p, variant)

    for number, (n_in, n_out) in enumerate([(1, channels), (channels, 2 * channels)], start=1):
        add(f"conv{number}", Conv2d(n_in, n_out, 3, stride=number, padding=1, rng=rng))
        if place.normalised:
            add(f"norm{number}", BatchNorm(n_out))
        add(f"relu{number}", ReLU())
    add("flat", Flatten())
    add("last", Linear(2 * channels * 16, data.DIGITS_CLASSES, rng=rng))
    return Sequential(**modules)


def print_table(out: Console, config: Config, measured: Mapping[str, Measured]) -> None:
    """Print figures, then costs; networks with batch normalisation below the others."""
    plain = sum(not PLACES[place].normalised for place in measured)
    line = (plain - 1,) if 0 < plain < len(measured) else ()
    terminal.table(
        out,
        f"After {terminal.count(config.epochs, 'epoch')} ({spread.heading(len(config.seeds))})",
        ("place", *figures.COLUMNS),
        [(place, *m.figures.cells()) for place, m in measured.items()],
        caption="Losses are measured without dropout. Gap: validation loss minus training loss. "
        "Accuracy: the share of validation rows whose true digit, not label, is predicted.",
        names=1,
        sections=line,
    )
    terminal.table(
        out,
        "Costs of dropout",
        ("place", "where dropout is", "variance shift", "time share"),
        [(place, PLACES[place].name, *_costs(place, m)) for place, m in measured.items()],
        caption="Variance shift: the variance of the inputs of batch normalisation in training, "
        "divided by their variance in inference; 1 means no shift. For each layer the median over "
        "its channels is taken; the table has the median that is farthest from 1.\n"
        "Time share: the part of a training step's time that dropout takes; "
        f"{spread.TOO_SMALL}",
        names=2,
        sections=line,
    )


def _costs(place: str, measured: Measured) -> tuple[str, str]:
    shift = "" if np.isnan(measured.shift).all() else Spread.of(measured.shift).text(2)
    share = spread.share(measured.time_share) if PLACES[place].sites else ""
    return shift, share


def conclusions(measured: Mapping[str, Measured]) -> list[str]:
    """The conclusions from the figures; a difference is reported only if every seed shows it."""
    bad = figures.diverged({_label(place): m.figures for place, m in measured.items()})
    if bad:
        return bad
    seeds = len(next(iter(measured.values())).shift)
    if seeds < spread.FEWEST:
        return spread.uncompared(seeds)
    lines = [spread.rule(seeds)]
    for place, m in measured.items():
        if PLACES[place].sites:
            old = measured[_baseline(place)]
            lines.append(f"{_label(place)}, against no dropout: {m.figures.against(old.figures)}")
    if {"spatial", "standard"} <= measured.keys():
        words = measured["spatial"].figures.against(measured["standard"].figures)
        lines.append(
            f"{_label('spatial')}, against {PLACES['standard'].name}: {words} The same p "
            "does not mean the same strength: dropping a whole map removes more than dropping "
            "single pixels."
        )
    return [*lines, *_shifts(measured), *_limits(measured)]


def _limits(measured: Mapping[str, Measured]) -> list[str]:
    """Say what the figures do not show."""
    if "bn-before" not in measured:
        return []
    lines = ["A variance shift need not lower the accuracy of such a small network."]
    if "bn-after" in measured:
        lines.append(
            f'The network "{PLACES["bn-before"].name}" has two dropouts, '
            f'"{PLACES["bn-after"].name}" has one. So their figures do not show which place is '
            "better."
        )
    return lines


def _shifts(measured: Mapping[str, Measured]) -> list[str]:
    """For each place, whether the variance shifted in every seed."""
    lines = []
    for place, m in measured.items():
        if PLACES[place].normalised:
            shifted = bool((abs(m.shift - 1) > NO_SHIFT).all())
            verdict = "a shift in every seed" if shifted else "no clear shift"
            lines.append(
                f"{_label(place)}: the variance of the inputs of normalisation in training is "
                f"{Spread.of(m.shift).text(2)} times the variance in inference: {verdict}."
            )
    return lines


def _label(place: str) -> str:
    """Name a place in a sentence."""
    name = PLACES[place].name
    norm = " (batch normalisation)" if PLACES[place].normalised else ""
    return f"{name[0].upper()}{name[1:]}{norm}"


def draw(config: Config, measured: Mapping[str, Measured], directory: Path) -> Path:
    """Write ``placement.png``: a row of panels for each of the two networks."""
    title = f"Where dropout stands in a convolutional network, p = {config.p:g}"
    groups = [
        (words, found)
        for words, normalised in (("", False), (", with batch normalisation", True))
        if (found := {k: m for k, m in measured.items() if PLACES[k].normalised is normalised})
    ]
    height = 2.2 + 0.42 * len(measured) + 0.9 * len(groups)
    key = plot.dots_key(len(config.seeds))
    fig = plot.figure(13, height, title, f"Handwritten digits: {config}.", key)
    heights = [len(found) + 1.5 for _, found in groups]
    panels = fig.subplots(len(groups), 3, squeeze=False, sharey="row", height_ratios=heights)
    for row, (words, found) in zip(panels, groups, strict=True):
        _draw_group(row, words, found)
    return plot.save(fig, directory, "placement")


def _draw_group(panels: Any, words: str, found: Mapping[str, Measured]) -> None:
    names = [PLACES[place].name for place in found]
    colours = [plot.FAINT if not PLACES[place].sites else plot.TRAINING for place in found]
    losses = np.array([m.figures.val_loss for m in found.values()])
    accuracies = np.array([m.figures.val_accuracy for m in found.values()])
    where = "where dropout stands"
    plot.dots(panels[0], names, losses, colours, losses[0].mean())
    plot.dress(panels[0], f"Validation loss{words}", where, "cross-entropy")
    plot.dots(panels[1], names, accuracies, colours, accuracies[0].mean())
    plot.dress(panels[1], "Validation accuracy", where, "share correct")
    if words:
        shifts = np.array([m.shift for m in found.values()])
        plot.dots(panels[2], names, shifts, colours, shifts[0].mean())
        plot.dress(panels[2], "Variance shift", where, "training variance / inference variance")
    else:
        gaps = np.array([m.figures.gap for m in found.values()])
        plot.dots(panels[2], names, gaps, colours, gaps[0].mean())
        plot.dress(panels[2], "Gap", where, "validation minus training loss")
