"""Guided experiments: a question, a guess, several seeds, and the measurements.

A card trains its arms for several seeds and compares figures seed by seed, by the rule of the
experiments (``experiments/spread.py``). Its first comparison answers the question. The cards are in
``cards.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dropcore.autograd import Tensor
from dropcore_lab import build, passes
from dropcore_lab.data import Array
from dropcore_lab.experiments import spread
from dropcore_lab.experiments.spread import Change, Spread
from dropcore_lab.jobs import Job, Sent, result
from dropcore_lab.measure import finite
from dropcore_lab.presets import Json, Preset
from dropcore_lab.reading import read
from dropcore_lab.spec import Spec
from dropcore_lab.training import Training
from dropcore_lab.variance import variance_shift
from dropcore_lab.wire import Arrays

LEFT_ON_PASSES = 20
STEPS_AT_ONCE = 20

# --------------------------------------------------------------------- figures


def _validation(training: Training, run: int) -> float:
    return training.measure(training.networks[run]).validation_off


def _training(training: Training, run: int) -> float:
    return training.measure(training.networks[run]).training_off


def _accuracy(training: Training, run: int) -> float:
    return 100 * training.measure(training.networks[run]).accuracy


def _lowest(training: Training, run: int) -> float:
    return float(training.curve(run, "validation_off").min())


def _left_on(training: Training, run: int) -> float:
    network, part = training.networks[run], training.rows.validation
    seed = training.spec.training.seed
    losses = []
    for index in range(LEFT_ON_PASSES):
        outputs = passes.left_on(network.model, part.x, seed, index).outputs
        losses.append(build.loss_of(network.task, Tensor(outputs), part.y).item())
    return float(np.mean(losses))


def _shift(training: Training, run: int) -> float:
    return variance_shift(training.networks[run].model, training.rows.train.x)


FIGURES: dict[str, Callable[[Training, int], float]] = {
    "training loss, dropout off": _training,
    "validation loss, dropout off": _validation,
    "validation loss, dropout left on": _left_on,
    "lowest validation loss on the way": _lowest,
    "validation accuracy (%)": _accuracy,
    "training variance / inference variance": _shift,
}
TRAINING, VALIDATION, LEFT_ON, LOWEST, ACCURACY, SHIFT = FIGURES


# ----------------------------------------------------------------------- cards


@dataclass(frozen=True)
class Comparison:
    """A figure of one arm against a figure of another arm.

    Attributes
    ----------
    new, old : (int, str)
        An arm and a figure. The arm None stands for the constant 1.
    words : str
        The compared quantity, as the beginning of a sentence.
    """

    new: tuple[int, str]
    old: tuple[int | None, str]
    words: str


@dataclass(frozen=True)
class Card:
    """A guided experiment.

    Attributes
    ----------
    id, title, question, text : str
    choices : mapping of str to str
        The answers, by the possible results of the first comparison: "higher", "lower", "unclear".
    specs : tuple
        Specifications; the arms are the runs of all specifications, in order. The page shows the
        first specification.
    arms : tuple of str
    figures : tuple of str
    comparisons : tuple of Comparison
    seeds : int
    """

    id: str
    title: str
    question: str
    text: str
    choices: Mapping[str, str]
    specs: tuple[Json, ...]
    arms: tuple[str, ...]
    figures: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    seeds: int = spread.FEWEST

    @property
    def reason(self) -> str | None:
        """The reason why the card cannot run in this installation; None if it can."""
        return Preset(self.id, self.title, self.text, self.specs[0]).reason

    def described(self) -> dict[str, Any]:
        """Return the card in the form for the page."""
        return {
            "id": self.id,
            "title": self.title,
            "question": self.question,
            "text": self.text,
            "choices": [{"id": key, "text": text} for key, text in self.choices.items()],
            "spec": self.specs[0],
            "seeds": self.seeds,
            "arms": list(self.arms),
            "available": self.reason is None,
            "reason": self.reason,
        }


# --------------------------------------------------------------------- running


@dataclass
class Measurements:
    """The measurements of a card: figures[arm][figure] has a value for each seed."""

    figures: list[dict[str, list[float]]]
    steps: list[int]
    curves: list[dict[str, list[Array]]]


CURVES = ("training_off", "validation_off")


def start(card: Card, guess: str | None, seeds: int) -> Job:
    """Train all arms for a number of seeds, and report the measurements."""
    arms = len(card.arms)
    found = Measurements(
        [{name: [] for name in card.figures} for _ in range(arms)],
        [],
        [{name: [] for name in CURVES} for _ in range(arms)],
    )
    total = seeds * len(card.specs)
    for seed in range(seeds):
        arm = 0
        for place, json in enumerate(card.specs):
            done = {"done": seed * len(card.specs) + place, "total": total}
            text = f"seed {seed + 1} of {seeds}"
            progress = {"card": card.id, "done": False, "progress": {**done, "text": text}}
            yield result("card", progress)
            training = yield from _trained(read(json).seeded(seed))
            for own in range(len(training.networks)):
                _note(found, arm, training, own)
                arm += 1
    return _summary(card, guess, found)


def _trained(spec: Spec) -> Generator[None, None, Training]:
    training = Training(spec)
    while not training.finished and training.not_finite is None:
        for _ in range(STEPS_AT_ONCE):
            if not training.finished and training.not_finite is None:
                training.advance(show=False)
        yield None
    return training


def _note(found: Measurements, arm: int, training: Training, run: int) -> None:
    for name, values in found.figures[arm].items():
        values.append(FIGURES[name](training, run))
    found.steps = training.steps
    for name, curves in found.curves[arm].items():
        curves.append(training.curve(run, name))


def _summary(card: Card, guess: str | None, found: Measurements) -> Sent:
    arrays = Arrays()
    changes = [_change(comparison, found) for comparison in card.comparisons]
    answer = _answer(changes[0])
    message = {
        "card": card.id,
        "done": True,
        "guess": guess,
        "answer": answer,
        "right": None if guess is None or answer is None else guess == answer,
        "figures": list(card.figures),
        "arms": [
            {"label": label, "figures": [_described(values) for values in figures.values()]}
            for label, figures in zip(card.arms, found.figures, strict=True)
        ],
        "sentences": _sentences(card, changes),
        "curves": {
            "steps": arrays.add(np.array(found.steps), "i4"),
            "arms": [
                {name: arrays.add(np.mean(each, axis=0), "f4") for name, each in curves.items()}
                for curves in found.curves
            ],
        },
    }
    return result("card", message, arrays)


def _change(comparison: Comparison, found: Measurements) -> Change:
    arm, figure = comparison.new
    new = found.figures[arm][figure]
    arm_old, figure_old = comparison.old
    old = [1.0] * len(new) if arm_old is None else found.figures[arm_old][figure_old]
    return Change.between(old, new)


def _answer(change: Change) -> str | None:
    """The id of a choice; None if the seeds are too few to tell."""
    if change.seeds < spread.FEWEST:
        return None
    if change.rose:
        return "higher"
    return "lower" if change.fell else "unclear"


def _sentences(card: Card, changes: list[Change]) -> list[str]:
    """A sentence for each comparison, and the rule; too few seeds are not compared."""
    seeds = changes[0].seeds
    if seeds < spread.FEWEST:
        return [spread.too_few(seeds)]
    each = zip(card.comparisons, changes, strict=True)
    return [*(_sentence(comparison, change) for comparison, change in each), spread.rule(seeds)]


def _sentence(comparison: Comparison, change: Change) -> str:
    if not math.isfinite(change.size.mean):
        return f"{comparison.words} was not finite: a training diverged."
    return f"{comparison.words} is {change.text()}."


def _described(values: list[float]) -> dict[str, Any]:
    found = Spread.of(values)
    return {
        "mean": finite(found.mean),
        "sd": finite(found.deviation),
        "values": [finite(value) for value in values],
    }
