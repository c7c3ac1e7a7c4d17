"""The messages of the page, and the accepted values of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dropcore_lab import limits
from dropcore_lab.fields import (
    Choice,
    Fault,
    Faults,
    Field,
    Integer,
    Integers,
    Number,
    Reader,
    Refused,
    Text,
)
from dropcore_lab.wire import Message

PROTOCOL = 1


@dataclass(frozen=True, kw_only=True)
class Given(Field):
    """Any value; it is checked where it is used."""

    kind = "any"


@dataclass(frozen=True, kw_only=True)
class Focus(Field):
    """A column and a unit, or null."""

    kind = "focus"
    null: bool = True

    def check(self, value: Any) -> Any:
        faults: list[Fault] = []
        reader = Reader(value, "", faults)
        focus = {"layer": reader.take("layer", NAME), "unit": reader.take("unit", UNIT)}
        reader.finish()
        if faults or focus["layer"] is None:
            raise Refused('{"layer": a name, "unit": an integer or null} or null')
        return focus


@dataclass(frozen=True, kw_only=True)
class Id(Field):
    """The name that the answer refers to."""

    kind = "id"

    def check(self, value: Any) -> Any:
        whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
        if value is not None and not whole and not (isinstance(value, str) and len(value) <= 64):
            raise Refused("a text of at most 64 characters, or an integer")
        return value


NAME = Text(low=1, high=32)
UNIT = Integer(null=True)
RUN = Integer(high=limits.RUNS - 1, default=0)
STEP = Integer(high=limits.STEPS, default=0)

MESSAGES: dict[str, Mapping[str, Field]] = {
    "hello": {
        "protocol": Integer(low=PROTOCOL, high=PROTOCOL, default=PROTOCOL),
        "token": Given(),  # checked by the transport
        "text": Text(high=limits.MESSAGE, null=True),
    },
    "spec": {"spec": Given(), "text": Text(high=limits.MESSAGE, null=True)},
    "run": {
        "action": Choice(choices=("play", "pause", "step", "again", "reset")),
        "speed": Number(low=0.1, high=1000, null=True),
        "reason": Choice(choices=("user", "hidden"), null=True),
    },
    "inspect": {
        "run": RUN,
        "row": Integer(high=limits.BATCH, default=0),
        "mode": Choice(choices=("training", "inference", "left_on"), default="training"),
        "focus": Focus(),
    },
    "replay": {
        "text": Text(low=1, high=limits.TEXT),
        "p": Number(null=True),
        "shape": Integers(null=True, high=limits.MASK, most=8),
    },
    "masks": {"run": RUN, "step": STEP},
    "mc": {"run": RUN, "samples": Integer(low=2, high=limits.SAMPLES, default=50)},
    "subnetworks": {"run": RUN, "row": Integer(high=limits.BATCH, default=0)},
    "card": {
        "card": Text(low=1, high=64),
        "guess": Text(low=1, high=64, null=True),
        "seeds": Integer(low=1, high=limits.SEEDS, null=True),
    },
    "advise": {},
    "export": {"run": Integer(high=limits.RUNS - 1, null=True)},
    "cancel": {},
    "restart": {},
    "ack": {"frame": Integer()},
}
NEEDED = {"run": ("action",), "replay": ("text",), "card": ("card",), "ack": ("frame",)}
PARTIAL = ("inspect",)  # absent fields keep their values


def read(message: Any) -> Message:
    """Check a message of the page.

    Returns
    -------
    dict
        ``type``, ``id``, and all fields of this type; for a partial type only the given fields.

    Raises
    ------
    Faults
        With all faults.
    """
    faults: list[Fault] = []
    reader = Reader(message, "", faults)
    kind = reader.take("type", Choice(choices=tuple(MESSAGES)))
    found = {"type": kind, "id": reader.take("id", Id())}
    if kind is None and not faults:
        reader.refuse("type", None, "one of " + ", ".join(MESSAGES))
    if faults:
        raise Faults(faults)
    for name, field in MESSAGES[kind].items():
        if kind in PARTIAL and name not in reader.values:
            reader.known.add(name)
            continue
        found[name] = reader.take(name, field)
        if name in NEEDED.get(kind, ()) and name not in reader.values:
            reader.refuse(name, None, "there")
    reader.finish()
    if faults:
        raise Faults(faults)
    return found
