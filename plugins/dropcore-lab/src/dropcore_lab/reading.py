"""Reads a specification: the accepted values of each field, and every fault with its path."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dropcore.autograd import Module
from dropcore.mask import p_for
from dropcore_lab import data, limits, shapes, variants
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
from dropcore_lab.spec import VERSION, Dropout, Layer, Run, Spec, Training

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
                "a name that is free: not input, output or flatten, no Python keyword, no "
                "attribute that all modules have, and no name that ends in _drop, _norm or _act"
            )
        return str(value)


NAME = Name(title="name", help="determines the masks of the layer")
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
    "momentum": Number(high=0.999, default=0.9, title="momentum", help="only sgd uses it"),
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
    "p": Number(
        null=True, title="p", help="the p of every dropout; null: each layer keeps its own p"
    ),
}


def read(value: Any) -> Spec:
    """Read a specification.

    Parameters
    ----------
    value : object
        The parsed JSON. An absent field gets its default.

    Raises
    ------
    Faults
        With all faults.
    """
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
        variant = variants.instance(name, options)
    except Exception as error:  # a variant may raise any exception
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
            options[option.name] = reader.take(option.name, option.field)
        elif option.required:
            reader.refuse(option.name, None, f"there: {name} needs it")
    reader.finish()
    return options
