"""The values that fields of a specification or a message accept, and the description of faults.

Values are checked, not converted: a wrong value gives a `Fault` with its path, the value, and the
accepted values. A `Reader` reads an object field by field and collects all faults.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_SHOWN = 200  # characters of a value in a fault


@dataclass(frozen=True)
class Fault:
    """A value that is not accepted.

    Attributes
    ----------
    path : str
        A JSON pointer (RFC 6901); "" for the whole value.
    value : object
        The wrong value; None if a value is missing.
    accepted : str
        The accepted values.
    found : str
        The fault in words, if the value alone does not show it.
    """

    path: str
    value: Any
    accepted: str
    found: str = ""

    def message(self) -> dict[str, Any]:
        """Return the fault in the form for the page."""
        name = self.path.rpartition("/")[2] or "it"
        value = shortened(self.value)
        found = "" if value is None else f", not {_written(value)}"
        if self.found:
            found = f"; {self.found}"
        return {
            "path": self.path,
            "value": value,
            "accepted": self.accepted,
            "text": f"{name} must be {self.accepted}" + found,
        }


class Refused(Exception):
    """Raised by a field that does not accept a value; the text names the accepted values."""


class Faults(Exception):
    """Raised with all faults of a value."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(fault.message()["text"] for fault in faults))
        self.faults = faults

    def messages(self) -> list[dict[str, Any]]:
        """Return all faults in the form for the page."""
        return [fault.message() for fault in self.faults]


def shortened(value: Any) -> Any:
    """Return a JSON value; or the beginning of its text, if it is long or not JSON."""
    text = value if isinstance(value, str) else _written(value)
    if len(text) > MOST_SHOWN:
        return text[:MOST_SHOWN] + "..."
    return value if _is_json(value) else text


def _is_json(value: Any) -> bool:
    """Whether a value is valid JSON: Python also reads NaN and 1e999, which JSON does not have."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _written(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return f"a {type(value).__name__}"


# ------------------------------------------------------------------------ kinds


@dataclass(frozen=True, kw_only=True)
class Field:
    """A kind of value. `title` and `help` are for the page; `null` says whether None is a value."""

    default: Any = None
    title: str = ""
    help: str = ""
    null: bool = False

    kind = "any"

    def read(self, value: Any) -> Any:
        """Return the value in its canonical form, or raise `Refused`."""
        if value is None and self.null:
            return None
        return self.check(value)

    def check(self, value: Any) -> Any:
        """Read a value that is not None, or that must not be None."""
        return value

    def described(self) -> dict[str, Any]:
        """Return the description for the page; keys that do not apply are absent."""
        facts: dict[str, Any] = {"kind": self.kind, "default": self.default, **self.bounds()}
        facts |= {"title": self.title, "help": self.help, "nullable": self.null or None}
        return {name: fact for name, fact in facts.items() if fact is not None and fact != ""}

    def bounds(self) -> dict[str, Any]:
        """Further entries of the description, for this kind of field."""
        return {}

    def refuse(self, what: str) -> Refused:
        """The exception, with the accepted values as its text."""
        return Refused(f"{what} or null" if self.null else what)


@dataclass(frozen=True, kw_only=True)
class Integer(Field):
    """An integer from `low` to `high`."""

    low: int = 0
    high: int = 2**31 - 1

    kind = "integer"

    def check(self, value: Any) -> int:
        number = whole(value) if is_number(value) else None
        if number is None or not self.low <= number <= self.high:
            raise self.refuse(f"an integer from {self.low} to {self.high}")
        return number

    def bounds(self) -> dict[str, Any]:
        return {"min": self.low, "max": self.high}


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    """A finite number from `low` to `high`."""

    low: float = 0
    high: float = 1

    def __post_init__(self) -> None:
        if self.default is not None:
            object.__setattr__(self, "default", canonical_number(self.default))

    kind = "number"

    def check(self, value: Any) -> float:
        if not is_number(value) or not self.low <= value <= self.high:
            raise self.refuse(f"a number from {self.low:g} to {self.high:g}")
        return canonical_number(value)

    def bounds(self) -> dict[str, Any]:
        return {"min": self.low, "max": self.high}


@dataclass(frozen=True, kw_only=True)
class Boolean(Field):
    """True or false."""

    kind = "boolean"

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self.refuse("true or false")
        return value


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """One of several texts."""

    choices: tuple[str, ...] = ()

    kind = "choice"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise self.refuse("one of " + ", ".join(map(json.dumps, self.choices)))
        return value

    def bounds(self) -> dict[str, Any]:
        return {"choices": list(self.choices)}


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """A text of `low` to `high` characters, each of which has a UTF-8 form."""

    low: int = 0
    high: int = 64

    kind = "text"

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not self.low <= len(value) <= self.high:
            raise self.refuse(f"a text of {self.low} to {self.high} characters")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self.refuse("a text without halves of surrogate pairs")
        return value

    def bounds(self) -> dict[str, Any]:
        return {"min": self.low, "max": self.high}


@dataclass(frozen=True, kw_only=True)
class Integers(Field):
    """A list of integers from `low` to `high`, at most `most` of them."""

    low: int = 0
    high: int = 2**31 - 1
    most: int = 64

    kind = "integers"

    def check(self, value: Any) -> list[int]:
        numbers = [_whole_or_none(each) for each in value] if isinstance(value, list) else [None]
        if len(numbers) > self.most or not all(
            number is not None and self.low <= number <= self.high for number in numbers
        ):
            raise self.refuse(
                f"a list of at most {self.most} integers from {self.low} to {self.high}"
            )
        return [number for number in numbers if number is not None]


def is_number(value: Any) -> bool:
    """Whether a value is a finite number in the range of float, and not a bool."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False


def whole(value: float) -> int | None:
    """Return an int for a float such as 16.0: JSON does not distinguish the two."""
    return int(value) if value == int(value) else None


def _whole_or_none(value: Any) -> int | None:
    return whole(value) if is_number(value) else None


def canonical_number(value: float) -> float:
    """Return an int for a float without a fraction, as JavaScript writes it, else the float."""
    return int(value) if value == int(value) and abs(value) < 2**53 else float(value)


# ----------------------------------------------------------------------- objects


class Reader:
    """Reads an object field by field; faults are collected in a list that readers share."""

    def __init__(self, value: Any, path: str, faults: list[Fault]) -> None:
        self.path = path
        self.faults = faults
        self.known: set[str] = set()
        self.values: Mapping[str, Any] = {}
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            self.values = value
        else:
            self.refuse("", value, "an object")

    def take(self, name: str, field: Field) -> Any:
        """The value of a field in its canonical form; the default if it is absent or refused."""
        self.known.add(name)
        if name not in self.values:
            return field.default
        try:
            return field.read(self.values[name])
        except Refused as refused:
            self.refuse(name, self.values[name], str(refused))
            return field.default

    def inside(self, name: str, default: Any) -> Reader:
        """A reader for a field that is an object."""
        return Reader(self.raw(name, default), self.at(name), self.faults)

    def listed(self, name: str, default: list[Any], low: int, high: int) -> list[Reader]:
        """A reader for each object of a field that is a list."""
        value = self.raw(name, default)
        if not isinstance(value, list) or not low <= len(value) <= high:
            self.refuse(name, value, f"a list of {low} to {high} objects")
            return []
        return [Reader(each, f"{self.at(name)}/{i}", self.faults) for i, each in enumerate(value)]

    def raw(self, name: str, default: Any = None) -> Any:
        """The value, unchecked."""
        self.known.add(name)
        return self.values.get(name, default)

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}/{escaped(name)}"

    def refuse(self, name: str, value: Any, accepted: str) -> None:
        """Collect a fault of a field, or of the object itself (name "")."""
        self.faults.append(Fault(self.at(name) if name else self.path, value, accepted))

    def finish(self) -> None:
        """Refuse fields that were not read."""
        for name in self.values:
            if name not in self.known:
                known = ", ".join(sorted(self.known))
                self.refuse(
                    name, self.values[name], f"absent: the fields of this object are {known}"
                )


def escaped(name: str) -> str:
    """Write a name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def parse_json(text: str) -> Any:
    """Parse JSON by the standard: no nan, and no name twice in an object.

    Raises
    ------
    Faults
        With one fault, whose path is "".
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        reason = "not nested so deeply"
    except ValueError as error:  # also a number of thousands of digits
        reason = str(error)
    raise Faults([Fault("", shortened(text), f"JSON ({reason})")])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {json.dumps(twice)} occurs twice in an object")
    return values


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
