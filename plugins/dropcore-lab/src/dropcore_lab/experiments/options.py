"""The command-line options of an experiment, with defaults from its configuration.

The types of options have messages that say which values are accepted.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dropcore_lab.experiments import spread
from dropcore_lab.experiments.data import DIGITS_ROWS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Tidy = Callable[[Sequence[Any]], tuple[Any, ...]]

Config = TypeVar("Config", bound="DataclassInstance")

MOST_SEEDS = 1000


class Refused(Exception):
    """Raised if the options contradict each other; the message gives the reason."""


class Options:
    """Adds one option to a parser for each field of a configuration.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    default : dataclass instance
        The fields, by name, are the defaults of the options.
    """

    def __init__(self, parser: argparse.ArgumentParser, default: DataclassInstance) -> None:
        self._parser = parser
        self._default = default

    def one(self, field: str, kind: Callable[[str], Any], metavar: str, text: str) -> None:
        """Add an option that takes one value."""
        self._parser.add_argument(
            f"--{field.replace('_', '-')}",
            type=kind,
            default=getattr(self._default, field),
            metavar=metavar,
            help=f"{text} (default: %(default)s)",
        )

    def many(
        self,
        field: str,
        kind: Callable[[str], Any],
        metavar: str,
        text: str,
        tidy: Tidy = tuple,
        *,
        flag: str = "",
    ) -> None:
        """Add an option that takes several values, which `tidy` then sorts.

        The option has the name of the field, or the name `flag`.
        """
        values = getattr(self._default, field)
        shown = " ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)
        self._parser.add_argument(
            f"--{flag or field.replace('_', '-')}",
            dest=field,
            nargs="+",
            type=kind,
            default=values,
            metavar=metavar,
            help=f"{text} (default: {shown or 'all'})",
            action=_Tidied,
            tidy=tidy,
        )

    def rates(self, kind: Callable[[str], float], text: str) -> None:
        """Add ``--p``, which takes several probabilities."""
        self.many("rates", kind, "P", text, ascending, flag="p")

    def seeds(self) -> None:
        """Add ``--seeds``, which takes the number of seeds, and ``--first-seed``."""
        seeds = self._default.seeds  # type: ignore[attr-defined]
        self._parser.add_argument(
            "--seeds",
            type=whole(1, MOST_SEEDS),
            default=seeds,
            metavar="N",
            help="train every network N times, with the seeds K to K + N - 1 (see --first-seed); "
            f"with {spread.FEWEST} seeds or more, the settings are compared (default: "
            f"{len(seeds)})",
            action=_Seeds,
        )
        self._parser.add_argument(
            "--first-seed",
            dest="seeds",
            type=whole(0, 2**63 - MOST_SEEDS),
            default=seeds,
            metavar="K",
            help=f"the first seed (default: {seeds[0]})",
            action=_Seeds,
        )

    def noise(self) -> None:
        """Add ``--noise``."""
        self.one("noise", probability, "P", "probability that a label is made wrong")

    def digits(self) -> None:
        """Add ``--rows`` and ``--noise``."""
        why = f"there are {DIGITS_ROWS}, and at least one is needed for validation"
        limit = whole(1, DIGITS_ROWS - 1, why=why)
        self.one(
            "rows", limit, "N", "number of training rows; all other rows are used for validation"
        )
        self.noise()

    def training(self) -> None:
        """Add ``--epochs``, ``--batch`` and ``--lr``."""
        self.one("epochs", whole(1), "N", "passes over the training rows")
        self.one("batch", whole(1), "N", "rows of a training step")
        self.one("lr", positive, "RATE", "learning rate")

    def choice(self, field: str, names: Sequence[str], text: str) -> None:
        """Add an option that takes one of some names."""
        default = getattr(self._default, field)
        text = f"{text} (default: %(default)s)"
        self._parser.add_argument(f"--{field}", choices=names, default=default, help=text)

    def output(self, picture: str) -> None:
        """Add the options of every experiment: the directory of the picture, and ``--quiet``."""
        add = self._parser.add_argument
        where = f"directory in which {picture} is written (default: %(default)s)"
        add("--out", type=directory, default=Path("out"), metavar="DIR", help=where)
        add("--quiet", action="store_true", help="no progress bar")


class _Tidied(argparse.Action):
    """Stores a list as a tuple, tidied."""

    def __init__(self, *args: Any, tidy: Tidy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tidy = tidy

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Store the values."""
        setattr(namespace, self.dest, self._tidy(values or ()))


class _Seeds(argparse.Action):
    """Stores the seeds as a tuple: ``--seeds`` sets how many, ``--first-seed`` the first."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        value: Any,
        option_string: str | None = None,
    ) -> None:
        """Change the number of seeds or the first seed, and keep the other setting."""
        first, count = namespace.seeds[0], len(namespace.seeds)
        if "--first-seed" in self.option_strings:
            first = value
        else:
            count = value
        namespace.seeds = tuple(range(first, first + count))


def chosen(config: type[Config], args: argparse.Namespace) -> Config:
    """Make a configuration from the command line."""
    return config(**{field.name: getattr(args, field.name) for field in fields(config)})


def once(values: Sequence[Any]) -> tuple[Any, ...]:
    """Remove duplicates.

    >>> once([3, 1, 3])
    (3, 1)
    """
    return tuple(dict.fromkeys(values))


def ascending(values: Sequence[Any]) -> tuple[Any, ...]:
    """Sort, and remove duplicates.

    >>> ascending([3, 1, 3])
    (1, 3)
    """
    return tuple(sorted(set(values)))


def whole(least: int, most: int | None = None, *, why: str = "") -> Callable[[str], int]:
    """Return the type of whole numbers from `least` to `most`."""
    accepted = f"a whole number >= {least}" if most is None else f"a whole number {least} to {most}"
    if why:
        accepted += f" ({why})"

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"must be {accepted}, not {text!r}")
        return value

    return parse


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """Return the type of these names."""
    known = tuple(names)

    def parse(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(known)}, not {text!r}")
        return text

    return parse


def probability(text: str) -> float:
    """Read a number in [0, 1]."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number in [0, 1], not {text!r}")
    return value


def inside(text: str) -> float:
    """Read a number above 0 and below 1."""
    value = probability(text)
    if value in (0, 1):
        raise argparse.ArgumentTypeError(f"must be above 0 and below 1, not {text!r}")
    return value


def positive(text: str) -> float:
    """Read a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text!r}")
    return value


def directory(text: str) -> Path:
    """Read the path of a directory, existing or new."""
    is_file = os.path.exists(text) and not os.path.isdir(text)  # the methods of Path may raise
    if is_file or not text:
        raise argparse.ArgumentTypeError(f"must be a directory or a new path, not {text!r}")
    return Path(text)
