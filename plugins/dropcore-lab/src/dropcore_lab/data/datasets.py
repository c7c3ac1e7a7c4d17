"""The data sets that the page offers, with their fields."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dropcore_lab import limits
from dropcore_lab.data import sources
from dropcore_lab.fields import Choice, Field, Integer, Number, Text

Task = Literal["binary", "classes", "number"]


@dataclass(frozen=True)
class Dataset:
    """One data set.

    Attributes
    ----------
    title, text : str
        For the page.
    source : callable or None
        A function in `sources`; None if the rows are in the specification.
    task : {"binary", "classes", "number"}
    shape : tuple of int
        The shape of a row.
    classes : tuple of str
    features : tuple of str
        The names of the inputs, if a row is a list of numbers.
    fields : mapping of str to Field
        The settings, in the order of the canonical form.
    most : int
        The largest number of rows, training and validation together.
    needs : str
        The distribution that has the data; "" if none is needed.
    standardise : bool
        Whether inputs are divided by their standard deviation.
    """

    title: str
    text: str
    source: Callable[..., Any] | None
    task: Task = "binary"
    shape: tuple[int, ...] = (2,)
    classes: tuple[str, ...] = ("0", "1")
    features: tuple[str, ...] = ("x", "y")
    fields: Mapping[str, Field] = field(default_factory=dict)
    most: int = 2 * limits.ROWS
    needs: str = ""
    standardise: bool = False

    @property
    def reason(self) -> str | None:
        """The reason why the data set cannot be used; None if it can."""
        module = {"scikit-learn": "sklearn"}.get(self.needs)
        if module is None or importlib.util.find_spec(module) is not None:
            return None
        return f"it needs {self.needs}: pip install {self.needs}"


SEED = Integer(default=0, title="seed", help="another seed gives other rows")
WRONG = Number(
    high=0.5,
    default=0,
    title="wrong labels",
    help="share of the labels that are wrong, in the training and the validation rows",
)


def _fields(
    rows: int, validation: int, noise: float | None, wrong: bool = True, most: int = limits.ROWS
) -> dict[str, Field]:
    fields: dict[str, Field] = {
        "rows": Integer(low=2, high=most, default=rows, title="training rows"),
        "validation": Integer(
            high=most,
            default=validation,
            title="validation rows",
            help="rows on which the network is not trained",
        ),
    }
    if noise is not None:
        help_ = "standard deviation of the noise that is added to each input"
        fields["noise"] = Number(high=2, default=noise, title="noise", help=help_)
    if wrong:
        fields["wrong"] = WRONG
    return {**fields, "seed": SEED}


def _sine_fields() -> dict[str, Field]:
    fields = _fields(40, 200, 0.3, wrong=False)
    help_ = "standard deviation of the noise that is added to each target"
    return fields | {"noise": Number(high=2, default=0.3, title="noise", help=help_)}


CSV: dict[str, Field] = {
    "text": Text(
        low=1, high=limits.CSV_TEXT, default="", title="file", help="number columns and a target"
    ),
    "target": Text(
        low=1, high=200, null=True, title="target column", help="default: the last column"
    ),
    "task": Choice(choices=("classes", "number"), default="classes", title="the target is"),
    "validation": Integer(
        high=limits.ROWS, null=True, title="validation rows", help="default: a third of the rows"
    ),
    "seed": SEED,
}

DATASETS: dict[str, Dataset] = {
    "moons": Dataset(
        "Moons", "two half circles, one in the other", sources.moons, fields=_fields(100, 200, 0.2)
    ),
    "circles": Dataset(
        "Circles", "a ring around another", sources.circles, fields=_fields(100, 200, 0.15)
    ),
    "spiral": Dataset(
        "Spiral",
        "two arms that turn around each other",
        sources.spiral,
        fields=_fields(200, 200, 0.05),
    ),
    "xor": Dataset(
        "Xor", "four squares, as on a chessboard", sources.xor, fields=_fields(100, 200, 0.1)
    ),
    "sine": Dataset(
        "Noisy sine",
        "one input, and a number to predict",
        sources.sine,
        task="number",
        shape=(1,),
        classes=(),
        features=("x",),
        fields=_sine_fields(),
    ),
    "ten": Dataset(
        "Ten inputs",
        "three inputs together determine the class; the other seven carry no information",
        sources.ten,
        shape=(10,),
        features=tuple(f"x{place}" for place in range(1, 11)),
        fields=_fields(200, 400, 0.0),
    ),
    "churn": Dataset(
        "Churn",
        "five invented customers: usage, tenure, and whether they left",
        sources.churn,
        classes=("stays", "leaves"),
        features=("usage", "tenure"),
        most=5,
    ),
    "digits": Dataset(
        "Digits",
        "handwritten digits, 8 x 8 pixels",
        sources.digits,
        task="classes",
        shape=(1, 8, 8),
        classes=tuple(map(str, range(10))),
        features=(),
        fields=_fields(300, 600, 0.0, most=1797),
        most=1797,
        needs="scikit-learn",
    ),
    "cancer": Dataset(
        "Breast cancer",
        "thirty measurements of a tumour: malignant or benign",
        sources.cancer,
        shape=(30,),
        classes=("malignant", "benign"),
        features=tuple(f"measurement {place}" for place in range(1, 31)),
        fields=_fields(60, 300, None, most=569),
        most=569,
        needs="scikit-learn",
        standardise=True,
    ),
    "csv": Dataset("CSV", "a file of your own", None, features=(), fields=CSV, standardise=True),
}
