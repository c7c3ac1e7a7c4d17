"""Passes of a batch through a network, with a record of activations, masks and outputs.

These passes do not advance the streams of the training: a pass gets the draws of a step by their
index, or draws of a stream of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import dropcore
from dropcore import Draw, Stream
from dropcore.adapters.autograd import Dropout
from dropcore.autograd import Module, Sequential, Tensor, no_grad
from dropcore.autograd.contexts import inference_mode, intercepted
from dropcore_lab.data import Array

LEFT_ON = "left on"
"""The path of the streams for dropout that is left on; no module can have this name."""


@dataclass(frozen=True)
class Pass:
    """The record of one pass.

    Attributes
    ----------
    outputs : array, shape (rows, units)
        The outputs of the network.
    activations : mapping of str to array
        By the names of columns, before dropout.
    masks : mapping of str to Mask
        By the names of columns.
    """

    outputs: Array
    activations: Mapping[str, Array]
    masks: Mapping[str, dropcore.Mask]


def column_of(module: str) -> str:
    """Name the column that a module belongs to."""
    for suffix in ("_drop", "_norm", "_act"):
        if module.endswith(suffix):
            return module.removesuffix(suffix)
    return module


def decides(variant: dropcore.Variant) -> bool:
    """Whether a variant has keep decisions."""
    return not isinstance(variant, dropcore.FreeVariant)


def dropouts(model: Sequential) -> dict[str, Dropout]:
    """Return the dropout modules by the names of their columns."""
    return {
        column_of(name): module
        for name, module in model.named_children()
        if isinstance(module, Dropout)
    }


@contextmanager
def recorded(model: Sequential, x: Array) -> Iterator[dict[str, Array]]:
    """Within the block, record the output of every module, by the names of columns."""
    activations = {"input": x}

    def call(name: str, module: Module, forward: Callable[..., Any], *args: Any) -> Any:
        y = forward(*args)
        if name and not isinstance(module, Dropout):
            activations[column_of(name)] = y.data
        return y

    with intercepted(model, call):
        yield activations
    activations.pop("flatten", None)


@contextmanager
def drawing(model: Sequential, draw_for: Callable[[str, Stream], Draw]) -> Iterator[None]:
    """Within the block, every dropout uses the draw that `draw_for` returns."""
    before = {name: module.rng for name, module in dropouts(model).items()}
    try:
        for name, module in dropouts(model).items():
            stream = before[name]
            assert isinstance(stream, Stream)
            module.rng = draw_for(name, stream)
        yield
    finally:
        for name, module in dropouts(model).items():
            module.rng = before[name]


def of_step(model: Sequential, x: Array, step: int) -> Pass:
    """Pass a batch as a training step does, with the draws of that step; change nothing."""
    buffers = [
        (value, value.copy())
        for _, module in model.named_modules()
        for value in vars(module).values()
        if isinstance(value, np.ndarray)
    ]
    model.train()
    try:
        with drawing(model, lambda _, stream: stream.at(step)):
            return _through(model, x, masks=True)
    finally:
        for buffer, value in buffers:  # running statistics
            buffer[...] = value


def inference(model: Sequential, x: Array) -> Pass:
    """Pass a batch with nothing dropped."""
    with inference_mode(model):
        return _through(model, x, masks=False)


def left_on(model: Sequential, x: Array, seed: int, index: int) -> Pass:
    """Pass a batch in inference mode, with dropout left on."""
    with (
        inference_mode(model),
        drawing(model, lambda name, _: stream_left_on(seed, name).at(index)),
    ):
        for module in dropouts(model).values():
            module.training = True
        return _through(model, x, masks=True)


def stream_left_on(seed: int, column: str) -> Stream:
    """Return the stream of a column's dropout that was left on."""
    return Stream(seed, (LEFT_ON, column))


def _through(model: Sequential, x: Array, *, masks: bool) -> Pass:
    with no_grad(), recorded(model, x) as activations:
        outputs = model(Tensor(x)).data
    found = {name: module.mask for name, module in dropouts(model).items()} if masks else {}
    return Pass(outputs, activations, {name: m for name, m in found.items() if m is not None})


def outputs_of(model: Sequential, x: Array, rows_at_once: int) -> Array:
    """Return the outputs in inference mode, computed for a number of rows at once."""
    with inference_mode(model), no_grad():
        pieces = [
            model(Tensor(x[first : first + rows_at_once])).data
            for first in range(0, len(x), rows_at_once)
        ]
    return np.concatenate(pieces)
