"""How much dropout? One network trained at several rates, its losses with and without new data.

The network is wide, its rows are few and some of their labels are wrong, so it can learn the
training rows by heart. Every rate is trained from the same seeds; a seed fixes the rows, the wrong
labels, the initial weights and the order of the batches, so that within a seed only the dropout
differs. Both losses are taken without dropout (inference).
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
from dropcore.experiments import data, mlp, options, plot, report
from dropcore.experiments.spread import Change, Spread

if TYPE_CHECKING:
    from rich.console import Console

EPOCHS_PER_POINT = 3


@dataclass(frozen=True)
class Config:
    """What is trained, on what, how often. The defaults are what ``make demo`` runs."""

    rates: tuple[float, ...] = (0.0, 0.2, 0.5, 0.8)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    rows: int = 300
    noise: float = 0.2
    hidden: tuple[int, ...] = (384, 384, 384)
    epochs: int = 80
    batch: int = 50
    lr: float = 0.01

    @property
    def sizes(self) -> tuple[int, ...]:
        """Features, hidden widths, classes."""
        return (data.DIGITS_FEATURES, *self.hidden, data.DIGITS_CLASSES)

    def __str__(self) -> str:
        """Describe it in a line."""
        return (
            f"{self.rows} training rows, each label wrong with probability {self.noise:g}, "
            f"network {'-'.join(map(str, self.sizes))}, {_count(self.seeds, 'seed')}"
        )


@dataclass(frozen=True)
class Curves:
    """What was measured at one rate: `epochs` of shape (points,), the rest (seeds, points)."""

    epochs: NDArray[np.intp]
    train_loss: NDArray[np.float64]
    val_loss: NDArray[np.float64]
    val_accuracy: NDArray[np.float64]

    @property
    def gap(self) -> NDArray[np.float64]:
        """Validation loss less training loss."""
        return self.val_loss - self.train_loss


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this experiment's options to `parser`."""
    add, default = parser.add_argument, Config()

    def lists(flag: str, kind: Callable[[str], Any], metavar: str, text: str) -> None:
        values = getattr(default, flag)
        shown = " ".join(f"{value:g}" for value in values)
        text = f"{text} (default: {shown})"
        add(f"--{flag}", nargs="+", type=kind, default=values, metavar=metavar, help=text)

    def single(flag: str, kind: Callable[[str], Any], metavar: str, text: str) -> None:
        text = f"{text} (default: %(default)s)"
        add(f"--{flag}", type=kind, default=getattr(default, flag), metavar=metavar, help=text)

    count = options.whole(1)
    lists("rates", options.probability, "P", "probabilities that a hidden unit is dropped")
    lists("seeds", options.whole(0), "SEED", "train each rate once for each of these")
    lists("hidden", count, "WIDTH", "widths of the hidden layers")
    rows = options.whole(1, data.DIGITS_ROWS - 1)
    single("rows", rows, "N", "training rows; all others validate")
    single("noise", options.probability, "P", "probability that a label is made wrong")
    single("epochs", count, "N", "passes over the training rows")
    single("batch", count, "N", "rows of one training step")
    single("lr", options.positive, "RATE", "learning rate")
    where = "where rates.png is written (default: %(default)s)"
    add("--out", type=options.directory, default=Path("out"), metavar="DIR", help=where)
    add("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Train every network, print table and conclusions, write the plot."""
    config = _config(args)
    args.out.mkdir(parents=True, exist_ok=True)  # before the training, should it be impossible
    out = report.console()
    out.print(f"Handwritten digits: {config}.")
    curves = measure(config, out, quiet=args.quiet)
    print_table(out, config, curves)
    report.sentences(out, "What this run shows", conclusions(curves))
    path = draw(config, curves, args.out)
    out.print(f"The curves are in {path}", soft_wrap=True)
    return 0


def _config(args: argparse.Namespace) -> Config:
    """Take the options, rates in order and nothing trained twice."""
    return Config(
        rates=tuple(sorted(set(args.rates))),
        seeds=tuple(dict.fromkeys(args.seeds)),
        rows=args.rows,
        noise=args.noise,
        hidden=tuple(args.hidden),
        epochs=args.epochs,
        batch=args.batch,
        lr=args.lr,
    )


def measure(config: Config, out: Console, *, quiet: bool = True) -> dict[float, Curves]:
    """Train one network for every rate and seed."""
    epochs = np.array([e for e in range(1, config.epochs + 1) if _is_point(e, config)])
    curves = {}
    with report.progress(out, quiet=quiet) as bar:
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
    network = mlp.Mlp(config.sizes, p, stream=dropcore.Stream(seed), rng=for_weights)
    optimiser = mlp.Momentum(network, config.lr)
    points = []
    for epoch in range(1, config.epochs + 1):
        mlp.train_epoch(
            network,
            optimiser,
            split.train_x,
            split.train_labels,
            batch=config.batch,
            rng=for_order,
        )
        if _is_point(epoch, config):
            points.append(_evaluate(network, split))
        on_epoch()
    return np.array(points).T


def _is_point(epoch: int, config: Config) -> bool:
    return epoch % EPOCHS_PER_POINT == 0 or epoch in (1, config.epochs)


def _evaluate(network: mlp.Mlp, split: data.Split) -> tuple[float, float, float]:
    """Measure training loss, validation loss and validation accuracy, every unit in use."""
    train_loss, _ = mlp.cross_entropy(mlp.predict(network, split.train_x), split.train_labels)
    logits = mlp.predict(network, split.val_x)
    val_loss, _ = mlp.cross_entropy(logits, split.val_labels)
    return train_loss, val_loss, float(np.mean(logits.argmax(axis=1) == split.val_digits))


def print_table(out: Console, config: Config, curves: Mapping[float, Curves]) -> None:
    """Print the last epoch's figures; the row with the lowest validation loss is bold."""
    rows = [
        (
            f"{p:g}",
            str(Spread.of(c.train_loss[:, -1])),
            str(Spread.of(c.val_loss[:, -1])),
            str(Spread.of(c.gap[:, -1])),
            str(Spread.of(c.val_accuracy[:, -1])),
        )
        for p, c in curves.items()
    ]
    spread = "mean ± standard deviation" if len(config.seeds) > 1 else "figures"
    report.table(
        out,
        f"After {config.epochs} epochs ({spread} over {_count(config.seeds, 'seed')})",
        ("p", "training loss", "validation loss", "gap", "accuracy"),
        rows,
        caption="Both losses without dropout and with the same chance of a wrong label; "
        "accuracy on validation rows, against the true digits.",
        bold=list(curves).index(_best(curves)),
    )


def conclusions(curves: Mapping[float, Curves]) -> list[str]:
    """Say what the last epoch's figures show; an effect is named only if measured.

    A figure counts as changed where every seed agrees on the direction.
    """
    diverged = [f"p = {p:g}" for p, c in curves.items() if not np.isfinite(c.gap).all()]
    if diverged:
        return [f"Training diverged at {', '.join(diverged)}: nothing can be compared."]
    least, *others = sorted(curves)
    seeds = len(curves[least].val_loss)
    lines = []
    if seeds < 3:
        lines.append(f"{seeds} seed{'s' * (seeds > 1)}: too few to tell an effect from chance.")
    if others:
        lines.append(_gaps(curves))
        lines += [_against(least, p, curves) for p in others]
        lines += _best_rate(curves)
    return [*lines, _best_epochs(curves)]


def _gaps(curves: Mapping[float, Curves]) -> str:
    gaps = {p: float(c.gap[:, -1].mean()) for p, c in curves.items()}
    wide, narrow = max(gaps, key=gaps.__getitem__), min(gaps, key=gaps.__getitem__)
    return (
        "The gap between validation and training loss is widest at "
        f"p = {wide:g} ({gaps[wide]:.2f}) and narrowest at p = {narrow:g} ({gaps[narrow]:.2f})."
    )


def _against(least: float, p: float, curves: Mapping[float, Curves]) -> str:
    """Say what `p` changed, against the least rate of all."""
    old, new = curves[least], curves[p]
    gap = Change.between(old.gap[:, -1], new.gap[:, -1])
    loss = Change.between(old.val_loss[:, -1], new.val_loss[:, -1])
    points = Change.between(100 * old.val_accuracy[:, -1], 100 * new.val_accuracy[:, -1])
    verdict = ""
    if loss.fell and points.rose:
        verdict = " Validation improved."
    elif loss.rose and points.fell:
        verdict = " Validation got worse."
    elif not (loss.fell or loss.rose or points.fell or points.rose):
        verdict = " No clear effect on validation."
    return (
        f"p = {p:g} against {least:g}: gap {gap.text('wider', 'narrower')}, "
        f"validation loss {loss.text()}, accuracy {points.text(unit=' points', digits=1)}."
        f"{verdict}"
    )


def _best_rate(curves: Mapping[float, Curves]) -> list[str]:
    """Say where validation loss is lowest, and whether the rates above it underfit."""
    best = _best(curves)
    loss = curves[best].val_loss[:, -1].mean()
    lines = [f"At the last epoch validation loss is lowest at p = {best:g} ({loss:.2f})."]
    for p in sorted(rate for rate in curves if rate > best):
        training = Change.between(curves[best].train_loss[:, -1], curves[p].train_loss[:, -1])
        validation = Change.between(curves[best].val_loss[:, -1], curves[p].val_loss[:, -1])
        verb = "underfits" if training.rose and validation.rose else "does not clearly underfit"
        lines.append(
            f"Against that, p = {p:g} {verb}: training loss {training.text()}, "
            f"validation loss {validation.text()}."
        )
    return lines


def _best_epochs(curves: Mapping[float, Curves]) -> str:
    """Say how low each rate's mean validation loss ever was: what stopping early gives."""
    stops = []
    for p in sorted(curves):
        mean = curves[p].val_loss.mean(axis=0)
        stop = int(mean.argmin())
        stops.append(f"{mean[stop]:.2f} at p = {p:g} (epoch {curves[p].epochs[stop]})")
    return f"The lowest validation loss at any epoch: {', '.join(stops)}."


def _best(curves: Mapping[float, Curves]) -> float:
    """Find the rate with the lowest mean validation loss."""
    return min(curves, key=lambda p: curves[p].val_loss[:, -1].mean())


def draw(config: Config, curves: Mapping[float, Curves], directory: Path) -> Path:
    """Write ``rates.png``: both losses rate by rate, then all rates beside each other."""
    rates = ", ".join(f"{p:g}" for p in curves)
    title = f"Dropout after each hidden layer: training and validation loss at p = {rates}"
    fig = plot.figure(max(10.0, 3.1 * len(curves)), 7.4, title, f"Handwritten digits: {config}.")
    (above,), (below,) = fig.subfigures(2, 1, squeeze=False)
    panels = above.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, (p, c) in zip(panels, curves.items(), strict=True):
        gap = Spread.of(c.gap[:, -1]).text(2)
        plot.dress(axes, f"p = {p:g}, gap {gap}", "cross-entropy" if axes is panels[0] else "")
        plot.curve(axes, c.epochs, c.val_loss, label="validation", color=plot.VALIDATION)
        plot.curve(axes, c.epochs, c.train_loss, label="training", color=plot.TRAINING, ls="--")
    panels[0].legend(frameon=False, loc="best")
    loss, accuracy = below.subplots(1, 2)
    plot.dress(loss, "Validation loss", "cross-entropy")
    plot.dress(accuracy, "Validation accuracy, against the true digits")
    for colour, (p, c) in zip(plot.ordered_colours(len(curves)), curves.items(), strict=True):
        plot.curve(loss, c.epochs, c.val_loss, label=f"p = {p:g}", color=colour)
        plot.curve(accuracy, c.epochs, c.val_accuracy, label=f"p = {p:g}", color=colour)
    accuracy.set_ylim(0, 1)
    accuracy.legend(frameon=False, loc="best")
    return plot.save(fig, directory, "rates")


def _count(things: tuple[Any, ...], noun: str) -> str:
    return f"{len(things)} {noun}{'s' if len(things) != 1 else ''}"
