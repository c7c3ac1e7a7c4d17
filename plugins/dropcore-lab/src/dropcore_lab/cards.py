"""Guided experiments: a question, a guess, several seeds, and what was measured.

A card trains its arms for several seeds and compares figures seed by seed. Its first comparison
answers the question: clear is what every seed shows.
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
from dropcore_lab.experiments.spread import Change, Spread
from dropcore_lab.jobs import Job, Sent, result
from dropcore_lab.measure import finite
from dropcore_lab.presets import (
    BY_CHANNEL,
    CONVOLUTIONS,
    FEW_MOONS,
    WITHOUT,
    Json,
    Preset,
    dropout,
    hidden,
)
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
    "variance in training / in inference": _shift,
}
TRAINING, VALIDATION, LEFT_ON, LOWEST, ACCURACY, SHIFT = FIGURES


# ----------------------------------------------------------------------- cards


@dataclass(frozen=True)
class Comparison:
    """One figure of one arm against one of another.

    Attributes
    ----------
    new, old : (int, str)
        An arm, and a figure; an arm of None is the number 1.
    words : str
        What is compared, as the beginning of a sentence.
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
        By what the first comparison may find: "higher", "lower", "unclear".
    specs : tuple
        Specifications; the arms are their runs, in order. The page shows the first.
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
    seeds: int = 5

    @property
    def reason(self) -> str | None:
        """Why it cannot run here; None: it can."""
        return Preset(self.id, self.title, self.text, self.specs[0]).reason

    def described(self) -> dict[str, Any]:
        """Return it as the page gets it."""
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


def _moons(p: float, old: float) -> Json:
    """Two runs that differ in p alone."""
    old_run = WITHOUT if old == 0 else {"name": f"p = {old:g}", "p": old}
    return {
        "data": FEW_MOONS,
        "layers": hidden(32, 0.5),
        "training": {"batch": 32, "steps": 800, "every": 10},
        "runs": [old_run, {"name": f"p = {p:g}", "p": p}],
    }


HIGHER_LOWER = {
    "lower": "It is lower.",
    "higher": "It is higher.",
    "unclear": "There is no clear difference.",
}


def _rate(p: float) -> Card:
    return Card(
        f"p{round(100 * p)}",
        f"p = {p:g}",
        f"Is the validation loss at the end lower with p = {p:g} than without dropout?",
        f"The same first weights, rows and batches; p is 0 in one run and {p:g} in the other.",
        HIGHER_LOWER,
        (_moons(p, 0),),
        ("without dropout", f"p = {p:g}"),
        (TRAINING, VALIDATION, ACCURACY),
        (
            Comparison(
                (1, VALIDATION),
                (0, VALIDATION),
                f"Validation loss with p = {p:g}, against none,",
            ),
            Comparison(
                (1, TRAINING), (0, TRAINING), f"Training loss with p = {p:g}, against none,"
            ),
            Comparison((1, ACCURACY), (0, ACCURACY), f"Accuracy with p = {p:g}, against none,"),
        ),
    )


NONE = Card(
    "none",
    "No dropout",
    "While the training loss falls, what does the validation loss do?",
    "Few rows, some with a wrong label, and more weights than the rows need.",
    {
        "higher": "It falls, then rises: at the end it is above its lowest.",
        "unclear": "It falls, and stays low.",
    },
    ({**_moons(0.5, 0), "runs": [WITHOUT]},),
    ("without dropout",),
    (TRAINING, VALIDATION, LOWEST),
    (
        Comparison((0, VALIDATION), (0, LOWEST), "Validation loss at the end, against its lowest,"),
        Comparison((0, TRAINING), (0, VALIDATION), "Training loss, against validation loss,"),
    ),
)

HEAVY = Card(
    "p80",
    "p = 0.8",
    "A small network learns with p = 0.8. How does it fit its training rows, against p = 0.5?",
    "16 units in a layer, of which about 3 are left in a step. Loss with dropout off.",
    {
        "higher": "Worse: its training loss is higher.",
        "lower": "Better: its training loss is lower.",
        "unclear": "There is no clear difference.",
    },
    (
        {
            "data": {"name": "moons", "rows": 200, "validation": 200, "noise": 0.2},
            "layers": hidden(16, 0.5),
            "training": {"batch": 50, "steps": 800, "every": 10},
            "runs": [{"name": "p = 0.5", "p": 0.5}, {"name": "p = 0.8", "p": 0.8}],
        },
    ),
    ("p = 0.5", "p = 0.8"),
    (TRAINING, VALIDATION, ACCURACY),
    (
        Comparison((1, TRAINING), (0, TRAINING), "Training loss with p = 0.8, against 0.5,"),
        Comparison((1, VALIDATION), (0, VALIDATION), "Validation loss with p = 0.8, against 0.5,"),
        Comparison((1, ACCURACY), (0, ACCURACY), "Accuracy with p = 0.8, against 0.5,"),
    ),
)

FORGOTTEN = Card(
    "left-on",
    "Left on",
    "Somebody forgets to switch dropout off before predicting. What does that do to the loss?",
    "One network, trained with p = 0.5, judged on the same rows with dropout off and left on.",
    {
        "higher": "The loss is higher with dropout left on.",
        "lower": "The loss is lower with dropout left on.",
        "unclear": "There is no clear difference.",
    },
    (
        {
            "data": {"name": "moons", "rows": 200, "validation": 200, "noise": 0.2},
            "layers": hidden(16, 0.5),
            "training": {"batch": 50, "steps": 800, "every": 10},
            "runs": [{"name": "p = 0.5"}],
        },
    ),
    ("p = 0.5",),
    (VALIDATION, LEFT_ON),
    (Comparison((0, LEFT_ON), (0, VALIDATION), "Validation loss with dropout left on"),),
)

OUTPUT = Card(
    "output",
    "Before the output layer",
    "Dropout can stand in front of the output layer, or behind it, on the outputs themselves. "
    "What is the validation loss on the outputs, against in front?",
    "A number to predict; p = 0.5 in one place at a time.",
    HIGHER_LOWER,
    (
        {
            "data": {"name": "sine", "rows": 60, "noise": 0.3},
            "layers": hidden(32, 0.5),
            "output": {"dropout": dropout(0.5)},
            "training": {"batch": 32, "steps": 800, "every": 10},
            "runs": [
                WITHOUT,
                {"name": "in front", "dropout": {"hidden1": dropout(0), "output": dropout(0)}},
                {"name": "on outputs", "dropout": {n: dropout(0) for n in ("hidden1", "hidden2")}},
            ],
        },
    ),
    ("without dropout", "in front of the output layer", "on the outputs"),
    (TRAINING, VALIDATION),
    (
        Comparison(
            (2, VALIDATION),
            (1, VALIDATION),
            "Validation loss with dropout on the outputs, against in front of the output layer,",
        ),
        Comparison(
            (1, VALIDATION),
            (0, VALIDATION),
            "Validation loss with dropout in front of the output layer, against none,",
        ),
    ),
)

NORM = Card(
    "norm",
    "Before batch normalisation",
    "Batch normalisation learns a variance in training and divides by it in inference. Dropout in "
    "front of it: how is the variance that it meets in training, against that in inference?",
    "p = 0.5 in front of a normalisation in one run, behind the last one in the other. 1 means: "
    "the same variance.",
    {
        "higher": "Higher in training.",
        "lower": "Lower in training.",
        "unclear": "The same.",
    },
    (
        {
            "data": FEW_MOONS,
            "layers": hidden(32, 0.5, norm=True),
            "training": {"batch": 32, "steps": 600, "every": 10},
            "runs": [
                {"name": "in front", "dropout": {"hidden2": dropout(0)}},
                {"name": "behind", "dropout": {"hidden1": dropout(0)}},
            ],
        },
    ),
    ("in front of a normalisation", "behind the last one"),
    (SHIFT, VALIDATION),
    (
        Comparison((0, SHIFT), (None, SHIFT), "In front: variance in training over in inference"),
        Comparison((1, SHIFT), (None, SHIFT), "Behind: variance in training over in inference"),
        Comparison((0, VALIDATION), (1, VALIDATION), "Validation loss in front, against behind,"),
    ),
)

SPATIAL = Card(
    "spatial",
    "Spatial against standard",
    "Behind a convolution, standard dropout drops single pixels of a map, spatial dropout whole "
    "maps. What is the validation loss of spatial, against standard, at p = 0.3?",
    "Digits, 150 of them to train on, two convolutions.",
    HIGHER_LOWER,
    (
        {
            "data": {"name": "digits", "rows": 150, "validation": 600, "wrong": 0.1},
            "layers": CONVOLUTIONS,
            "training": {"batch": 32, "lr": 0.003, "steps": 300, "every": 50},
            "runs": [WITHOUT, {"name": "standard"}, BY_CHANNEL],
        },
    ),
    ("without dropout", "standard", "spatial"),
    (TRAINING, VALIDATION, ACCURACY),
    (
        Comparison(
            (2, VALIDATION), (1, VALIDATION), "Validation loss of spatial, against standard,"
        ),
        Comparison((1, VALIDATION), (0, VALIDATION), "Validation loss of standard, against none,"),
        Comparison((2, VALIDATION), (0, VALIDATION), "Validation loss of spatial, against none,"),
    ),
    seeds=3,
)


def _digits(rows: int) -> Json:
    return {
        "data": {"name": "digits", "rows": rows, "validation": 600, "wrong": 0.1},
        "layers": hidden(64, 0.5),
        "training": {"batch": 20, "lr": 0.005, "steps": 500, "every": 50},
        "runs": [WITHOUT, {"name": "p = 0.5"}],
    }


SMALL = Card(
    "small-data",
    "Small data",
    "400 digits to train on, and only 20. With 20, what does p = 0.5 do to the accuracy?",
    "The same network without dropout and with p = 0.5, on many rows and on few.",
    {
        "higher": "It rises in every seed.",
        "lower": "It falls in every seed.",
        "unclear": "There is no clear difference.",
    },
    (_digits(20), _digits(400)),
    ("20 rows, without", "20 rows, p = 0.5", "400 rows, without", "400 rows, p = 0.5"),
    (ACCURACY, VALIDATION, TRAINING),
    (
        Comparison((1, ACCURACY), (0, ACCURACY), "20 rows: accuracy with p = 0.5, against none,"),
        Comparison((3, ACCURACY), (2, ACCURACY), "400 rows: accuracy with p = 0.5, against none,"),
    ),
)

CARDS = {
    card.id: card
    for card in (NONE, _rate(0.2), _rate(0.5), HEAVY, FORGOTTEN, OUTPUT, NORM, SPATIAL, SMALL)
}


# --------------------------------------------------------------------- running


@dataclass
class Measurements:
    """What a card measured: figures[arm][figure] has a value for each seed."""

    figures: list[dict[str, list[float]]]
    steps: list[int]
    curves: list[dict[str, list[Array]]]


CURVES = ("training_off", "validation_off")


def run(card: Card, guess: str | None, seeds: int) -> Job:
    """Train all arms for so many seeds, and say what was measured."""
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
        "right": None if guess is None else guess == answer,
        "figures": list(card.figures),
        "arms": [
            {"label": label, "figures": [_described(values) for values in figures.values()]}
            for label, figures in zip(card.arms, found.figures, strict=True)
        ],
        "sentences": [
            _sentence(comparison, change)
            for comparison, change in zip(card.comparisons, changes, strict=True)
        ],
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


def _answer(change: Change) -> str:
    if change.rose:
        return "higher"
    return "lower" if change.fell else "unclear"


def _sentence(comparison: Comparison, change: Change) -> str:
    if not math.isfinite(change.size.mean):
        return f"{comparison.words} was not finite: a training diverged."
    return f"{comparison.words} is {change.text()}."


def _described(values: list[float]) -> dict[str, Any]:
    spread = Spread.of(values)
    return {
        "mean": finite(spread.mean),
        "sd": finite(spread.deviation),
        "values": [finite(value) for value in values],
    }
