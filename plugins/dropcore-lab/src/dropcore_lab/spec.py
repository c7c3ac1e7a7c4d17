"""The specification: the complete description of a training. Immutable; ``reading.py`` makes it.

The canonical form has every field, in a fixed order, with numbers in their shortest form. Two
specifications with the same meaning have the same text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import dropcore
from dropcore_lab import variants
from dropcore_lab.data import Data

VERSION = 1


@dataclass(frozen=True)
class Dropout:
    """A dropout: p, and a variant with its options."""

    p: float
    variant: dropcore.Variant

    def canonical(self) -> dict[str, Any]:
        """Return the canonical form, for JSON."""
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
        """Return the canonical form, for JSON."""
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
    """The settings of the training."""

    optimizer: str
    lr: float
    momentum: float
    weight_decay: float
    batch: int
    steps: int
    every: int
    seed: int

    def canonical(self) -> dict[str, Any]:
        """Return the canonical form, for JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class Run:
    """One run, with the dropouts that it uses instead of the layers' dropouts."""

    name: str
    p: float | None
    dropout: Mapping[str, Dropout]

    def canonical(self) -> dict[str, Any]:
        """Return the canonical form, for JSON."""
        own = {name: dropout.canonical() for name, dropout in self.dropout.items()}
        return {"name": self.name, "p": self.p, "dropout": own}


@dataclass(frozen=True)
class Spec:
    """The complete specification."""

    data: Data
    input: Dropout | None
    layers: tuple[Layer, ...]
    output: Dropout | None
    training: Training
    runs: tuple[Run, ...]

    def canonical(self) -> dict[str, Any]:
        """Return the canonical form, for JSON."""
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
        """Yield the name and the dropout of each column, in the order of the network."""
        layers = [(layer.name, layer.dropout) for layer in self.layers]
        for name, dropout in [("input", self.input), *layers, ("output", self.output)]:
            if dropout is not None:
                yield name, dropout

    def of_run(self, run: int) -> dict[str, Dropout]:
        """Return the dropout of each column in one of the runs."""
        one = self.runs[run]
        return {
            name: one.dropout.get(name) or (dropout if one.p is None else replace(dropout, p=one.p))
            for name, dropout in self.dropouts()
        }

    def seeded(self, seed: int) -> Spec:
        """Return the specification with another seed for rows and training."""
        values = dict(self.data.values)
        if "seed" in values:
            values["seed"] = seed
        return replace(
            self,
            data=Data(self.data.name, values),
            training=replace(self.training, seed=seed),
        )


def canonical_or_none(part: Dropout | None) -> dict[str, Any] | None:
    """Return the canonical form of a value that may be None."""
    return None if part is None else part.canonical()
