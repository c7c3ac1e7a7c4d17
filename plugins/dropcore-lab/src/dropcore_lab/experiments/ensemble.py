"""One pass against all sub-networks: how near inference is to the ensemble that dropout trains.

The networks are small, so that all 2^n sub-networks can be run. The networks were not trained on
the rows for which they predict. For these rows, the probability from one pass in inference is
compared with the exact arithmetic and normalised geometric mean over all sub-networks, each
weighted by its probability, and with means over sampled sub-networks (Monte Carlo). The same number
of hidden units is divided among 1, 2 or more layers.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import dropcore
from dropcore import autograd
from dropcore.ensemble import mc_predict, subnetworks
from dropcore_lab.experiments import data, engine, ensemble_plot, options, spread, terminal
from dropcore_lab.experiments.spread import Change, Spread

if TYPE_CHECKING:
    from rich.console import Console

MOST_UNITS = 16
"""The most hidden units of a network: all 2^units sub-networks are run."""
GUESS = float(np.log(data.TUMOURS_CLASSES))
"""The cross-entropy of a network that gives each class the same probability."""
NOT_LEARNED = 0.8
"""If all losses are above this share of `GUESS`, hardly anything was learned."""
ROUNDING = 1e-5
"""Two probabilities in float32 that differ by less count as equal."""


@dataclass(frozen=True)
class Config:
    """The settings: networks, data, rates and seeds."""

    rates: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7)
    depths: tuple[int, ...] = (1, 2, 3)
    units: int = 12
    samples: tuple[int, ...] = (1, 3, 10, 30, 100, 300)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    rows: int = 150
    asked: int = 100
    epochs: int = 60
    batch: int = 25
    lr: float = 0.02

    def sizes(self, depth: int) -> tuple[int, ...]:
        """Features, hidden widths, classes.

        If `depth` does not divide the number of units, the remainder is not used.
        """
        hidden = [max(self.units // depth, 1)] * depth
        return (data.TUMOURS_FEATURES, *hidden, data.TUMOURS_CLASSES)

    def __str__(self) -> str:
        """Describe the settings in a line."""
        networks = ["-".join(map(str, self.sizes(depth))) for depth in self.depths]
        return (
            f"{terminal.count(self.rows, 'training row')}, "
            f"predictions for {terminal.count(self.asked, 'further row')}, "
            f"{'networks' if len(networks) > 1 else 'network'} {', '.join(networks)}, "
            f"{terminal.seeds(self.seeds)}"
        )


@dataclass(frozen=True)
class Measured:
    """The measurements at one depth and rate. A distance is a mean absolute difference over rows.

    Attributes
    ----------
    arithmetic, geometric : array, shape (seeds,)
        The distance of one pass in inference from the mean over all sub-networks.
    sampled : array, shape (seeds, counts)
        The distance of the mean over n sampled sub-networks from the arithmetic mean, for each n
        in the settings.
    losses : dict of str to array, shape (seeds,)
        Cross-entropy of "one pass", "sampled" (the most samples), "arithmetic", "geometric".
    """

    arithmetic: NDArray[Any]
    geometric: NDArray[Any]
    sampled: NDArray[Any]
    losses: dict[str, NDArray[Any]]


Setting = tuple[int, float]
"""Depth and rate."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this experiment's options to `parser`."""
    add, count = options.Options(parser, Config()), options.whole(1)
    few, numbers = options.whole(1, MOST_UNITS, why="2^N sub-networks are run"), options.ascending
    add.rates(options.inside, "probabilities that a hidden unit is dropped")
    add.many("depths", few, "N", "numbers of hidden layers", numbers)
    text = "hidden units, divided among the layers; each layer gets at least one"
    add.one("units", few, "N", text)
    add.many("samples", count, "N", "numbers of sub-networks to sample", numbers)
    add.seeds()
    why = f"there are {data.TUMOURS_ROWS}, and at least one is needed for predictions"
    rows = options.whole(2, data.TUMOURS_ROWS - 1, why=why)
    add.one("rows", rows, "N", "number of training rows")
    add.one("asked", count, "N", "number of further rows for which predictions are made")
    add.training()
    add.output("ensemble.png")


def run(args: argparse.Namespace) -> int:
    """Train every network, print tables and conclusions, write the plot."""
    config = options.chosen(Config, args)
    out = terminal.console()
    terminal.show(out, f"Tumours, malignant or benign: {config}.\n")
    measured = measure(config, out, quiet=args.quiet)
    print_tables(out, config, measured)
    terminal.sentences(out, "What this run shows", conclusions(config, measured))
    path = ensemble_plot.draw(config, measured, args.out)
    out.print(f"The curves are in {path}", soft_wrap=True)
    return 0


def measure(config: Config, out: Console, *, quiet: bool = True) -> dict[Setting, Measured]:
    """Train and compare one network for every depth, rate and seed."""
    jobs = {
        f"{terminal.count(depth, 'layer')}, p = {p:g}, seed {seed}": (depth, p, seed)
        for depth in config.depths
        for p in config.rates
        for seed in config.seeds
    }
    runs: dict[Setting, list[dict[str, Any]]] = {}
    for depth, p, seed in terminal.each(out, jobs, quiet=quiet):
        runs.setdefault((depth, p), []).append(compare(config, depth, p, seed))
    return {setting: _gather(found) for setting, found in runs.items()}


def _gather(runs: list[dict[str, Any]]) -> Measured:
    columns = {
        name: np.array([each[name] for each in runs]) for name in runs[0] if name != "losses"
    }
    losses = {way: np.array([each["losses"][way] for each in runs]) for way in WAYS}
    return Measured(**columns, losses=losses)


WAYS = ("one pass", "sampled", "arithmetic", "geometric")


def compare(config: Config, depth: int, p: float, seed: int) -> dict[str, Any]:
    """Train one network and compare its predictions by all methods."""
    for_data, for_weights, for_order = np.random.default_rng(seed).spawn(3)
    split = data.tumours(config.rows, for_data)
    stream = dropcore.Stream(seed)
    model = engine.dense(config.sizes(depth), p, stream=stream, rng=for_weights)
    optimiser = autograd.SGD(model.parameters(), config.lr, momentum=0.9)
    engine.train(model, optimiser, split, epochs=config.epochs, batch=config.batch, rng=for_order)
    x, labels = split.val_x[: config.asked], split.val_labels[: config.asked]

    every = subnetworks(model, x, output="softmax")
    most = max(config.samples)
    samples = mc_predict(
        model, x, max(most, 2), rng=stream.child("sampled"), output="softmax"
    ).samples
    exact = every.arithmetic_mean
    found = (every.one_pass, samples[:most].mean(axis=0), exact, every.geometric_mean)
    return {
        "losses": {way: _loss(y, labels) for way, y in zip(WAYS, found, strict=True)},
        "arithmetic": _distance(every.one_pass, exact),
        "geometric": _distance(every.one_pass, every.geometric_mean),
        "sampled": [_distance(_means(samples, count), exact) for count in config.samples],
    }


def _means(samples: NDArray[Any], count: int) -> NDArray[Any]:
    """Split into groups of `count` samples; average each group."""
    times = len(samples) // count
    groups = samples[: times * count].reshape(times, count, *samples.shape[1:])
    means: NDArray[Any] = groups.mean(axis=1, dtype=np.float64)
    return means


def _distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.abs(a - b).mean())


def _loss(probabilities: NDArray[Any], labels: NDArray[np.intp]) -> float:
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean())


def enough(config: Config, measured: Measured) -> int | None:
    """The smallest number of samples whose mean is nearer to the exact mean than one pass is."""
    near = measured.sampled.mean(axis=0) < measured.arithmetic.mean()
    return config.samples[int(near.argmax())] if near.any() else None


def print_tables(out: Console, config: Config, measured: Mapping[Setting, Measured]) -> None:
    """Print the distances, then the losses, depth by depth."""
    count = len(config.rates)
    sections = [count * (place + 1) - 1 for place in range(len(config.depths) - 1)]
    samples = terminal.count(max(config.samples), "sample")
    terminal.table(
        out,
        f"Distances from the exact means ({spread.heading(len(config.seeds))})",
        ("layers", "p", "one pass, arithmetic", "one pass, geometric", samples, "samples needed"),
        [
            (
                str(depth),
                f"{p:g}",
                Spread.of(m.arithmetic).text(4),
                Spread.of(m.geometric).text(4),
                Spread.of(m.sampled[:, -1]).text(4),
                str(enough(config, m) or f"> {max(config.samples)}"),
            )
            for (depth, p), m in measured.items()
        ],
        caption="One pass: its distances from the exact arithmetic and the exact geometric mean "
        f"over all sub-networks. {samples}: the distance of their mean from the exact arithmetic "
        "mean. A distance is the mean absolute difference of the probabilities, over the rows. "
        "Samples needed: the smallest number of samples whose mean is, on average, nearer to the "
        "exact arithmetic mean than one pass is.",
        sections=sections,
    )
    terminal.table(
        out,
        "Validation loss of one pass, of the mean over samples, and of the two exact means",
        ("layers", "p", "one pass", samples, "arithmetic", "geometric"),
        [
            (str(depth), f"{p:g}", *(str(Spread.of(m.losses[way])) for way in WAYS))
            for (depth, p), m in measured.items()
        ],
        caption="Cross-entropy of the probabilities, on rows on which no network was trained.",
        sections=sections,
    )


def conclusions(config: Config, measured: Mapping[Setting, Measured]) -> list[str]:
    """The conclusions from the figures; a difference is reported only if every seed shows it."""
    bad = [f"p = {p:g}" for (_, p), m in measured.items() if not np.isfinite(m.arithmetic).all()]
    if bad:
        return [f"Training diverged at {', '.join(bad)}: nothing can be compared."]
    if len(config.seeds) < spread.FEWEST:
        return spread.uncompared(len(config.seeds))
    lines = [spread.rule(len(config.seeds))]
    lines += [_as_p_grows(depth, config.rates, measured) for depth in config.depths]
    lines += [_as_depth_grows(p, config.depths, measured) for p in config.rates]
    lines += [_which_mean(depth, config.rates, measured) for depth in config.depths]
    lines += [_sampling(config, measured), _loss_of_one_pass(measured), _not_learned(measured)]
    return [line for line in lines if line]


def _as_p_grows(depth: int, rates: tuple[float, ...], measured: Mapping[Setting, Measured]) -> str:
    if len(rates) < 2:
        return ""
    low, high = (measured[depth, p].arithmetic for p in (rates[0], rates[-1]))
    change = Change.between(low, high, digits=4)
    return (
        f"{terminal.count(depth, 'layer')}, p = {rates[-1]:g} against {rates[0]:g}: the distance "
        f"of one pass from the arithmetic mean is {change.text()}."
    )


def _as_depth_grows(p: float, depths: tuple[int, ...], measured: Mapping[Setting, Measured]) -> str:
    if len(depths) < 2:
        return ""
    flat, deep = depths[0], depths[-1]
    old, new = (measured[depth, p].arithmetic for depth in (flat, deep))
    change = Change.between(old, new, digits=4)
    return (
        f"p = {p:g}, {deep} layers against {flat}: the distance of one pass from the arithmetic "
        f"mean is {change.text()}."
    )


def _which_mean(depth: int, rates: tuple[float, ...], measured: Mapping[Setting, Measured]) -> str:
    """Say whether one pass equals the geometric mean, or which mean is nearer to one pass."""
    layers = terminal.count(depth, "layer")
    of = {p: measured[depth, p] for p in rates}
    if all((m.geometric < ROUNDING).all() for m in of.values()):
        equal = "except for rounding, one pass equals the geometric mean at every p and seed"
        return f"{layers}: {equal}."
    changes = {p: Change.between(m.arithmetic, m.geometric, digits=4) for p, m in of.items()}
    nearer = {
        "nearer to the geometric mean in every seed": [p for p, c in changes.items() if c.fell],
        "nearer to the arithmetic mean in every seed": [p for p, c in changes.items() if c.rose],
    }
    mixed = [p for p in rates if not any(p in found for found in nearer.values())]
    words = [f"{text} at p = {_listed(found)}" for text, found in nearer.items() if found]
    words += [f"not clearly nearer to one of the means at p = {_listed(mixed)}"] if mixed else []
    return f"{layers}: one pass is {'; '.join(words)}."


def _sampling(config: Config, measured: Mapping[Setting, Measured]) -> str:
    """Say how many samples have a mean nearer to the exact arithmetic mean than one pass is."""
    needed = [enough(config, m) for m in measured.values()]
    reached = [count for count in needed if count is not None]
    most = max(config.samples)
    if not reached:
        return (
            f"No mean over {terminal.count(most, 'sample')} or fewer is, on average over the "
            "seeds, nearer to the exact arithmetic mean than one pass is."
        )
    least, last = min(reached), max(reached)
    text = (
        "Smallest number of samples whose mean is, on average over the seeds, nearer to the exact "
        "arithmetic mean than one pass is: "
        f"{least if least == last else f'{least} to {last}, depending on depth and p'}"
    )
    missed = len(needed) - len(reached)
    settings = f"{missed} of {len(needed)} combinations of depth and p"
    samples = f"{most} {'samples are' if most > 1 else 'sample is'}"
    return f"{text}. At {settings}, {samples} not enough." if missed else f"{text}."


def _loss_of_one_pass(measured: Mapping[Setting, Measured]) -> str:
    """Count the settings at which the exact mean predicts better, or worse, than one pass."""
    changes = [
        Change.between(m.losses["one pass"], m.losses["arithmetic"], digits=3)
        for m in measured.values()
    ]
    lower, higher = sum(c.fell for c in changes), sum(c.rose for c in changes)
    return (
        "The validation loss of the exact arithmetic mean, against the loss of one pass: lower in "
        f"every seed at {lower} of {len(changes)} combinations of depth and p, higher in every "
        f"seed at {higher}, not clearly different at {len(changes) - lower - higher}."
    )


def _not_learned(measured: Mapping[Setting, Measured]) -> str:
    """Name the settings whose networks are not much better than a guess."""
    found = [
        f"{terminal.count(depth, 'layer')} with p = {p:g}"
        for (depth, p), m in measured.items()
        if min(loss.mean() for loss in m.losses.values()) > NOT_LEARNED * GUESS
    ]
    if not found:
        return ""
    return (
        f"The networks learned hardly anything at {', '.join(found)}: for all ways to predict, the "
        f"mean loss is above {NOT_LEARNED * GUESS:.2f}; a guess has a loss of {GUESS:.2f}."
    )


def _listed(rates: list[float]) -> str:
    return ", ".join(f"{p:g}" for p in rates)
