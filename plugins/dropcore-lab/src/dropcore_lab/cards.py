"""The guided experiments that the page offers. A test checks the claim of each experiment."""

from __future__ import annotations

from dropcore_lab.guided import (
    ACCURACY,
    LEFT_ON,
    LOWEST,
    SHIFT,
    TRAINING,
    VALIDATION,
    Card,
    Comparison,
)
from dropcore_lab.presets import (
    BY_CHANNEL,
    CONVOLUTIONS,
    FEW_MOONS,
    WITHOUT,
    Json,
    dropout,
    hidden,
)


def _moons(p: float, old: float) -> Json:
    """Two runs that differ only in p."""
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
        f"Two runs with the same first weights, rows and batches: one with p = 0, one with {p:g}.",
        HIGHER_LOWER,
        (_moons(p, 0),),
        ("without dropout", f"p = {p:g}"),
        (TRAINING, VALIDATION, ACCURACY),
        (
            Comparison(
                (1, VALIDATION),
                (0, VALIDATION),
                f"Validation loss with p = {p:g}, against no dropout,",
            ),
            Comparison(
                (1, TRAINING), (0, TRAINING), f"Training loss with p = {p:g}, against no dropout,"
            ),
            Comparison(
                (1, ACCURACY), (0, ACCURACY), f"Accuracy with p = {p:g}, against no dropout,"
            ),
        ),
    )


NONE = Card(
    "none",
    "No dropout",
    "While the training loss falls, what does the validation loss do?",
    "Few rows, some with a wrong label, and more weights than the rows need.",
    {
        "higher": "It falls, then rises: at the end it is above its lowest value.",
        "unclear": "It falls, and stays low.",
    },
    ({**_moons(0.5, 0), "runs": [WITHOUT]},),
    ("without dropout",),
    (TRAINING, VALIDATION, LOWEST),
    (
        Comparison(
            (0, VALIDATION), (0, LOWEST), "Validation loss at the end, against its lowest value,"
        ),
        Comparison((0, TRAINING), (0, VALIDATION), "Training loss, against validation loss,"),
    ),
)

HEAVY = Card(
    "p80",
    "p = 0.8",
    "A small network learns with p = 0.8. Does it fit its training rows better or worse than "
    "with p = 0.5?",
    "A layer has 16 units, of which a step keeps about 3. Losses are measured with dropout off.",
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
    "Somebody forgets to switch dropout off before predicting. How does the loss change?",
    "A network is trained with p = 0.5. The loss is measured on the same rows with dropout off and "
    "with dropout left on.",
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
    "Dropout can stand in front of the output layer, or behind it, on the outputs themselves. Is "
    "the validation loss with dropout on the outputs higher or lower than with dropout in front?",
    "The network predicts a number; p = 0.5 in one place at a time.",
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
            "Validation loss with dropout on the outputs, against dropout in front of the output "
            "layer,",
        ),
        Comparison(
            (1, VALIDATION),
            (0, VALIDATION),
            "Validation loss with dropout in front of the output layer, against no dropout,",
        ),
    ),
)

NORM = Card(
    "norm",
    "Before batch normalisation",
    "Batch normalisation learns a variance in training and divides by it in inference. With "
    "dropout in front of it, is the variance of its input higher in training or in inference?",
    "p = 0.5, in one run in front of a normalisation, in the other run behind the last "
    "normalisation. The figure is training variance / inference variance; 1 means equal.",
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
    ("in front of a normalisation", "behind the last normalisation"),
    (SHIFT, VALIDATION),
    (
        Comparison((0, SHIFT), (None, SHIFT), "In front: the ratio, against 1,"),
        Comparison((1, SHIFT), (None, SHIFT), "Behind: the ratio, against 1,"),
        Comparison(
            (0, VALIDATION),
            (1, VALIDATION),
            "Validation loss in front, against behind a normalisation,",
        ),
    ),
)

SPATIAL = Card(
    "spatial",
    "Spatial against standard",
    "Behind a convolution, standard dropout drops single pixels of a map, and spatial dropout "
    "drops whole maps. At p = 0.3, is the validation loss of spatial dropout higher or lower?",
    "150 digits to train on, and two convolutions.",
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
        Comparison(
            (1, VALIDATION), (0, VALIDATION), "Validation loss of standard, against no dropout,"
        ),
        Comparison(
            (2, VALIDATION), (0, VALIDATION), "Validation loss of spatial, against no dropout,"
        ),
    ),
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
    "A network learns from 400 digits, and again from only 20. With 20, what does p = 0.5 do to "
    "the accuracy?",
    "The same network without dropout and with p = 0.5, on 400 rows and on 20 rows.",
    {
        "higher": "It rises in every seed.",
        "lower": "It falls in every seed.",
        "unclear": "There is no clear difference.",
    },
    (_digits(20), _digits(400)),
    ("20 rows, without", "20 rows, p = 0.5", "400 rows, without", "400 rows, p = 0.5"),
    (ACCURACY, VALIDATION, TRAINING),
    (
        Comparison(
            (1, ACCURACY), (0, ACCURACY), "20 rows: accuracy with p = 0.5, against no dropout,"
        ),
        Comparison(
            (3, ACCURACY), (2, ACCURACY), "400 rows: accuracy with p = 0.5, against no dropout,"
        ),
    ),
)

CARDS = {
    card.id: card
    for card in (NONE, _rate(0.2), _rate(0.5), HEAVY, FORGOTTEN, OUTPUT, NORM, SPATIAL, SMALL)
}
