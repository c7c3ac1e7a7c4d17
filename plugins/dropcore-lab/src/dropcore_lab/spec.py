"""The specification: all of what is trained, as data. Immutable; `read` is the only way in.

The canonical form has every field, in one order, with numbers as short as they can be; two
specifications that mean the same have the same text.
"""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import dropcore
from dropcore.autograd import Module
from dropcore.mask import p_for
from dropcore_lab import data, limits, variants
from dropcore_lab.data import Data
from dropcore_lab.fields import (
    Boolean,
    Choice,
    Fault,
    Faults,
    Field,
    Integer,
    Number,
    Reader,
    Refused,
    Text,
)

VERSION = 1
ACTIVATIONS = ("relu", "tanh", "sigmoid", "selu", "none")
P = Number(title="p", help="probability that a unit is dropped in a training step")


@dataclass(frozen=True, kw_only=True)
class Name(Field):
    """The name of a layer."""

    kind = "text"

    def check(self, value: Any) -> str:
        fits = isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,31}", value)
        if not fits:
            raise Refused("1 to 32 letters, digits and _, the first a letter")
        taken = value in ("input", "output", "flatten") or keyword.iskeyword(value)
        if taken or hasattr(Module, value) or re.search(r"_(drop|norm|act)$", value):
            raise Refused(
                "a name that is free: not input, output or flatten, no Python keyword, not what "
                "all modules have, and not with _drop, _norm or _act at its end"
            )
        return str(value)


NAME = Name(title="name", help="the masks of a layer follow from its name")
SHARED: dict[str, Field] = {
    "norm": Boolean(default=False, title="batch normalisation", help="before the activation"),
    "activation": Choice(choices=ACTIVATIONS, default="relu", title="activation"),
}
DENSE: dict[str, Field] = {
    "units": Integer(low=1, high=limits.UNITS, default=16, title="units"),
}
CONV: dict[str, Field] = {
    "channels": Integer(low=1, high=limits.CHANNELS, default=8, title="channels"),
    "kernel": Integer(low=1, high=5, default=3, title="kernel", help="side of the window"),
    "stride": Integer(low=1, high=4, default=1, title="stride"),
    "padding": Integer(low=0, high=4, default=1, title="padding"),
}
TYPES: dict[str, dict[str, Field]] = {"dense": DENSE, "conv": CONV}
TRAINING: dict[str, Field] = {
    "optimizer": Choice(choices=("adam", "sgd"), default="adam", title="optimizer"),
    "lr": Number(low=0, high=100, default=0.01, title="learning rate"),
    "momentum": Number(high=0.999, default=0.9, title="momentum", help="read by sgd alone"),
    "weight_decay": Number(high=10, default=0, title="weight decay"),
    "batch": Integer(low=1, high=limits.BATCH, default=64, title="batch", help="rows of a step"),
    "steps": Integer(low=1, high=limits.STEPS, default=2000, title="steps"),
    "every": Integer(
        low=1, high=limits.STEPS, default=10, title="measure every", help="steps between points"
    ),
    "seed": Integer(
        default=0, title="seed", help="fixes first weights, order of batches, and masks"
    ),
}
RUN: dict[str, Field] = {
    "name": Text(low=1, high=24, default="A", title="name"),
    "p": Number(null=True, title="p", help="for every dropout; null: as the layers say"),
}


# ------------------------------------------------------------------------ parts


@dataclass(frozen=True)
class Dropout:
    """A dropout: p, and a variant with its options."""

    p: float
    variant: dropcore.Variant

    def canonical(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        options = variants.options_of(self.variant)
        return {"p": self.p, "variant": self.variant.name, "options": options}


@dataclass(frozen=True)
class Layer:
    """A hidden layer; `sizes` are the fields of its type."""

    name: str
    type: str
    sizes: Mapping[str, int]
    norm: bool
    activation: str
    dropout: Dropout | None

    def canonical(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "name": self.name,
            "type": self.type,
            **self.sizes,
            "norm": self.norm,
            "activation": self.activation,
            "dropout": canonical_or_none(self.dropout),
        }


@dataclass(frozen=True)
class Training:
    """How it is trained."""

    optimizer: str
    lr: float
    momentum: float
    weight_decay: float
    batch: int
    steps: int
    every: int
    seed: int

    def canonical(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return dict(vars(self))


@dataclass(frozen=True)
class Run:
    """One of the trainings side by side: what it has in place of the layers' own dropout."""

    name: str
    p: float | None
    dropout: Mapping[str, Dropout]

    def canonical(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        own = {name: dropout.canonical() for name, dropout in self.dropout.items()}
        return {"name": self.name, "p": self.p, "dropout": own}


@dataclass(frozen=True)
class Spec:
    """All of what is trained."""

    data: Data
    input: Dropout | None
    layers: tuple[Layer, ...]
    output: Dropout | None
    training: Training
    runs: tuple[Run, ...]

    def canonical(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "lab": VERSION,
            "data": self.data.canonical(),
            "input": {"dropout": canonical_or_none(self.input)},
            "layers": [layer.canonical() for layer in self.layers],
            "output": {"dropout": canonical_or_none(self.output)},
            "training": self.training.canonical(),
            "runs": [run.canonical() for run in self.runs],
        }

    @cached_property
    def text(self) -> str:
        """The canonical form in one line."""
        return json.dumps(self.canonical(), separators=(",", ":"), ensure_ascii=False)

    def dropouts(self) -> Iterator[tuple[str, Dropout]]:
        """Yield what columns drop, by their names, in the order of the network."""
        layers = [(layer.name, layer.dropout) for layer in self.layers]
        for name, dropout in [("input", self.input), *layers, ("output", self.output)]:
            if dropout is not None:
                yield name, dropout

    def of_run(self, run: int) -> dict[str, Dropout]:
        """Return what columns drop in one of the runs."""
        one = self.runs[run]
        return {
            name: one.dropout.get(name) or (dropout if one.p is None else replace(dropout, p=one.p))
            for name, dropout in self.dropouts()
        }

    def seeded(self, seed: int) -> Spec:
        """Return it with another seed, of rows and of training."""
        values = dict(self.data.values)
        if "seed" in values:
            values["seed"] = seed
        return replace(
            self,
            data=Data(self.data.name, values),
            training=replace(self.training, seed=seed),
        )


def canonical_or_none(part: Dropout | None) -> dict[str, Any] | None:
    """Return the canonical form of what may not be there."""
    return None if part is None else part.canonical()


# ---------------------------------------------------------------------- reading


def read(value: Any) -> Spec:
    """Read a specification.

    Parameters
    ----------
    value : object
        As JSON gives it. What is absent gets its default.

    Raises
    ------
    Faults
        With all that were found.
    """
    from dropcore_lab import shapes  # which looks at whole specifications

    faults: list[Fault] = []
    reader = Reader(value, "", faults)
    version = reader.raw("lab", VERSION)
    if isinstance(version, bool) or version != VERSION:
        reader.refuse("lab", version, f"{VERSION}, the version of this Lab")
    spec = Spec(
        data.read(reader.inside("data", {})),
        _read_end(reader.inside("input", {})),
        tuple(_read_layers(reader)),
        _read_end(reader.inside("output", {})),
        Training(**_read_fields(reader.inside("training", {}), TRAINING)),
        tuple(_read_runs(reader)),
    )
    reader.finish()
    if not faults:
        faults += shapes.faults(spec)
    if faults:
        raise Faults(faults)
    return spec


def _read_fields(reader: Reader, fields: Mapping[str, Field]) -> dict[str, Any]:
    values = {name: reader.take(name, field) for name, field in fields.items()}
    reader.finish()
    return values


def _read_end(reader: Reader) -> Dropout | None:
    dropout = _read_dropout(reader)
    reader.finish()
    return dropout


def _read_layers(reader: Reader) -> Iterator[Layer]:
    default = [{"name": "hidden1"}]
    seen: set[str] = set()
    for place, each in enumerate(reader.listed("layers", default, 0, limits.HIDDEN), start=1):
        name = each.take("name", replace(NAME, default=f"hidden{place}"))
        if name in seen:
            each.refuse("name", name, "a name that no other layer has")
        seen.add(name)
        kind = each.take("type", Choice(choices=tuple(TYPES), default="dense"))
        sizes = {key: each.take(key, field) for key, field in TYPES[kind].items()}
        shared = {key: each.take(key, field) for key, field in SHARED.items()}
        yield Layer(name, kind, sizes, **shared, dropout=_read_dropout(each))
        each.finish()


def _read_runs(reader: Reader) -> Iterator[Run]:
    for each in reader.listed("runs", [{}], 1, limits.RUNS):
        values = {name: each.take(name, field) for name, field in RUN.items()}
        own: dict[str, Dropout] = {}
        inside = each.inside("dropout", {})
        for name, value in inside.values.items():
            inside.known.add(name)
            found = _dropout_of(Reader(value, inside.at(name), reader.faults))
            if found is not None:
                own[name] = found
        yield Run(values["name"], values["p"], own)
        each.finish()


def _read_dropout(reader: Reader) -> Dropout | None:
    value = reader.raw("dropout")
    if value is None:
        return None
    return _dropout_of(Reader(value, reader.at("dropout"), reader.faults))


def _dropout_of(reader: Reader) -> Dropout | None:
    before = len(reader.faults)
    p = reader.take("p", replace(P, default=0.5))
    name = reader.take("variant", Choice(choices=variants.usable(), default="standard"))
    options = _read_options(reader.inside("options", {}), name)
    reader.finish()
    if len(reader.faults) > before:
        return None
    try:
        variant = dropcore.get_variant(name, **options)
    except Exception as error:  # a variant may raise what it likes
        reader.refuse("options", options, f"options of {name}: {error}")
        return None
    try:
        p_for(variant, p)
    except ValueError:
        reader.refuse("p", p, f"a number in {variant.p_domain} for {name}")
        return None
    return Dropout(p, variant)


def _read_options(reader: Reader, name: str) -> dict[str, Any]:
    options = {}
    for option in variants.offers()[name].options:
        if option.field is None:
            continue
        if option.name in reader.values:
            value = reader.take(option.name, option.field)
            options[option.name] = tuple(value) if isinstance(value, list) else value
        elif option.required:
            reader.refuse(option.name, None, f"there: {name} needs it")
    reader.finish()
    return options
