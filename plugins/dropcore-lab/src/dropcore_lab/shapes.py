"""The shapes of a specification: the columns that are drawn, and faults that follow from shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import dropcore
from dropcore.variants.base import PlannedVariant, Variant
from dropcore_lab import limits
from dropcore_lab.fields import Fault
from dropcore_lab.spec import Dropout, Layer, Spec

TRIED_ROWS = 2


@dataclass(frozen=True)
class Column:
    """A column of the picture: the input, a hidden layer, or the output.

    Attributes
    ----------
    name, type : str
    before, shape : tuple of int
        The shapes of an input row and of an output row.
    parameters, edges : int
        The number of trained parameters, and the number of weights among them.
    norm : bool
    activation : str
    layer : Layer or None
    """

    name: str
    type: str
    before: tuple[int, ...]
    shape: tuple[int, ...]
    parameters: int
    edges: int
    norm: bool = False
    activation: str = "none"
    layer: Layer | None = None

    @property
    def units(self) -> int:
        """The number of circles in the picture: one for each unit or channel."""
        return self.shape[0]

    @property
    def module(self) -> str:
        """The name of its dropout module."""
        return f"{self.name}_drop"


class DoesNotFit(Exception):
    """Raised for a layer that does not fit its input, with a field and its accepted values."""


def columns(spec: Spec) -> Iterator[Column]:
    """Yield the columns in order.

    Raises
    ------
    DoesNotFit
        If a layer cannot follow the layer before it.
    """
    facts = spec.data.facts
    shape = facts.shape
    if not spec.layers or spec.layers[0].type == "dense":
        shape = (math.prod(shape),)
    yield Column("input", "input", (), shape, 0, 0)
    for layer in spec.layers:
        column = _column(layer, shape)
        yield column
        shape = column.shape
    inputs = math.prod(shape)
    edges = inputs * facts.outputs
    yield Column("output", "output", shape, (facts.outputs,), edges + facts.outputs, edges)


def _column(layer: Layer, shape: tuple[int, ...]) -> Column:
    if layer.type == "dense":
        after: tuple[int, ...] = (layer.sizes["units"],)
        edges = math.prod(shape) * after[0]
    else:
        after = _convolved(layer, shape)
        edges = shape[0] * after[0] * layer.sizes["kernel"] ** 2
    parameters = edges + after[0] + (2 * after[0] if layer.norm else 0)
    return Column(
        layer.name, layer.type, shape, after, parameters, edges, layer.norm, layer.activation, layer
    )


def _convolved(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) != 3:
        found = f"the layer before gives {math.prod(shape)} numbers"
        raise DoesNotFit("type", f'"dense": a convolution reads images, and {found}')
    kernel, stride, padding = (layer.sizes[key] for key in ("kernel", "stride", "padding"))
    if kernel > min(shape[1:]) + 2 * padding:
        most = min(shape[1:]) + 2 * padding
        raise DoesNotFit("kernel", f"at most {most}, the side of its input with padding")
    sides = ((side + 2 * padding - kernel) // stride + 1 for side in shape[1:])
    return (layer.sizes["channels"], *sides)


# ---------------------------------------------------------------------- faults


def faults(spec: Spec) -> list[Fault]:
    """The faults of a specification whose single fields are valid."""
    found = list(_unknown_columns(spec)) + list(_size_faults(spec))
    drawn = {}
    place = -2
    try:
        for place, column in enumerate(columns(spec), start=-1):
            drawn[column.name] = (place, column.shape)
    except DoesNotFit as lack:
        field, accepted = lack.args
        layer = spec.layers[place + 1]
        value = layer.sizes.get(field, layer.type)
        found.append(Fault(f"/layers/{place + 1}/{field}", value, accepted))
        return found
    if not found:
        found += _dropout_faults(spec, drawn)
    return found


def _unknown_columns(spec: Spec) -> Iterator[Fault]:
    dropping = dict(spec.dropouts())
    for number, run in enumerate(spec.runs):
        for name, dropout in run.dropout.items():
            if name not in dropping:
                known = ", ".join(dropping) or "none"
                path = f"/runs/{number}/dropout/{name}"
                accepted = f"absent: the layers with dropout are {known}"
                yield Fault(path, dropout.canonical(), accepted)


def _size_faults(spec: Spec) -> Iterator[Fault]:
    training = spec.training
    if training.steps > limits.POINTS * training.every:
        least = math.ceil(training.steps / limits.POINTS)
        accepted = f"{least} or more: a curve has at most {limits.POINTS} points"
        yield Fault("/training/every", training.every, accepted)
    try:
        drawn = list(columns(spec))
    except DoesNotFit:
        return
    parameters = sum(column.parameters for column in drawn)
    if parameters > limits.PARAMETERS:
        yield Fault("", parameters, f"a network of at most {limits.PARAMETERS} parameters")
    values = training.batch * max(map(values_of, drawn))
    if values > limits.VALUES:
        most = max(1, training.batch * limits.VALUES // values)
        accepted = f"at most {most} for layers of this size"
        yield Fault("/training/batch", training.batch, accepted)


def values_of(column: Column) -> int:
    """The size of the largest array that a row needs."""
    if column.layer is not None and column.type == "conv":
        patches = column.before[0] * column.layer.sizes["kernel"] ** 2
        return int(math.prod(column.shape[1:]) * max(patches, column.units))
    return math.prod(column.shape)


def _dropout_faults(spec: Spec, drawn: dict[str, tuple[int, tuple[int, ...]]]) -> Iterator[Fault]:
    """Try each dropout on zeros of its shape: the variants raise errors if they do not fit."""
    own = dict(spec.dropouts())
    tried = [(_path_of(name, drawn[name][0]), name, dropout) for name, dropout in own.items()]
    for number, run in enumerate(spec.runs):
        changed = spec.of_run(number)
        for name, dropout in changed.items():
            if name in run.dropout:
                tried.append((f"/runs/{number}/dropout/{name}", name, dropout))
            elif run.p is not None:
                tried.append((f"/runs/{number}/p", name, dropout))
    for path, name, dropout in tried:
        why = _trial(dropout, drawn[name][1])
        if why is not None:
            value: Any = dropout.p if path.endswith("/p") else dropout.canonical()
            rows = " x ".join(map(str, drawn[name][1]))
            yield Fault(path, value, f"a dropout that fits rows of {rows}: {why}")


def _path_of(name: str, place: int) -> str:
    return f"/{name}/dropout" if name in ("input", "output") else f"/layers/{place}/dropout"


def _trial(dropout: Dropout, shape: tuple[int, ...]) -> str | None:
    x = np.zeros((TRIED_ROWS, *shape), np.float32)
    try:
        dropcore.dropout(x, dropout.p, training=True, rng=0, variant=dropout.variant)
    except Exception as error:  # a variant may raise any exception
        return str(error) or type(error).__name__
    return None


# --------------------------------------------------------------------- analysis


def decisions(dropout: Dropout, shape: tuple[int, ...]) -> int:
    """The number of keep decisions of a dropout for a row."""
    variant = dropout.variant
    if not 0 < dropout.p < 1 or variant.drop_rate(dropout.p, (1, *shape)) is None:
        return 0
    return math.prod(_units(variant, (1, *shape)))


def _units(variant: Variant, shape: tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(variant, PlannedVariant):
        return variant.independent_unit(shape)
    return shape


def analysis(spec: Spec) -> dict[str, Any]:
    """Return the page's description of a network."""
    drawn = list(columns(spec))
    facts = spec.data.facts
    runs = [spec.of_run(number) for number in range(len(spec.runs))]
    return {
        "hidden": len(spec.layers),
        "units": sum(column.units for column in drawn[1:-1]),
        "parameters": sum(column.parameters for column in drawn),
        "task": facts.task,
        "outputs": facts.outputs,
        "picture": facts.picture,
        "runs": [
            {
                "name": run.name,
                "decisions": sum(
                    decisions(runs[number][column.name], column.shape)
                    for column in drawn
                    if column.name in runs[number]
                ),
            }
            for number, run in enumerate(spec.runs)
        ],
        "columns": [_described(column, runs) for column in drawn],
    }


def _described(column: Column, runs: list[dict[str, Dropout]]) -> dict[str, Any]:
    dropping = column.name in runs[0]
    return {
        "name": column.name,
        "type": column.type,
        "shape": list(column.shape),
        "units": column.units,
        "parameters": column.parameters,
        "edges": column.edges,
        "norm": column.norm,
        "activation": column.activation,
        "module": column.module if dropping else None,
        "dropout": [
            {**run[column.name].canonical(), "decisions": decisions(run[column.name], column.shape)}
            for run in runs
        ]
        if dropping
        else None,
    }
