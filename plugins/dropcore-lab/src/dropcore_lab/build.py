"""The network, the optimiser and the loss that a specification describes.

A module is named after its column: ``hidden1``, ``hidden1_norm``, ``hidden1_act``,
``hidden1_drop``. The streams of dropout depend only on these names and the training seed, so the
masks of a layer do not depend on other layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import dropcore
from dropcore import autograd
from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import (
    SELU,
    SGD,
    Adam,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    Module,
    Optimizer,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    Tensor,
)
from dropcore_lab import spec as specs
from dropcore_lab.data import Array
from dropcore_lab.shapes import Column, columns
from dropcore_lab.spec import Spec

ACTIVATIONS: dict[str, type[Module]] = {
    "relu": ReLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "selu": SELU,
}


def model(spec: Spec, run: int) -> Sequential:
    """Make the network of one of the runs; all runs have the same initial weights."""
    network = Sequential(**dict(_modules(spec, spec.of_run(run))))
    seed(network, dropcore.Stream(spec.training.seed))
    return network


def _modules(spec: Spec, dropping: dict[str, specs.Dropout]) -> Iterator[tuple[str, Module]]:
    rng = np.random.default_rng(spec.training.seed)
    image = len(spec.data.facts.shape) > 1
    for column in columns(spec):
        name = column.name
        if image and len(column.shape) == 1:
            yield "flatten", Flatten()
            image = False
        if column.type != "input":
            yield name, _linear(column, rng)
        if column.norm:
            yield f"{name}_norm", BatchNorm(column.units)
        if column.activation != "none":
            yield f"{name}_act", ACTIVATIONS[column.activation]()
        if name in dropping:
            yield f"{name}_drop", Dropout(dropping[name].p, dropping[name].variant)


def _linear(column: Column, rng: np.random.Generator) -> Module:
    if column.type == "conv":
        assert column.layer is not None
        sizes = column.layer.sizes
        return Conv2d(
            column.before[0],
            column.units,
            sizes["kernel"],
            stride=sizes["stride"],
            padding=sizes["padding"],
            rng=rng,
        )
    return Linear(math.prod(column.before), column.units, rng=rng)


def optimizer(spec: Spec, network: Module) -> Optimizer:
    """Make the optimiser of a network."""
    training = spec.training
    parameters = network.parameters()
    if training.optimizer == "adam":
        return Adam(parameters, training.lr, weight_decay=training.weight_decay)
    return SGD(
        parameters, training.lr, momentum=training.momentum, weight_decay=training.weight_decay
    )


def loss_of(task: str, outputs: Tensor, targets: Array) -> Tensor:
    """Return the mean loss of a batch."""
    if task == "classes":
        return autograd.cross_entropy(outputs, targets)
    column = targets[:, None].astype(np.float32)
    if task == "binary":
        return autograd.binary_cross_entropy_with_logits(outputs, column)
    difference = outputs - column
    return (difference * difference).mean()


def predicted(task: str, outputs: Array) -> Array:
    """Return predictions from outputs: probabilities of class 1, of each class, or numbers."""
    if task == "classes":
        return np.asarray(autograd.softmax(outputs).data)
    if task == "binary":
        return np.asarray(autograd.sigmoid(outputs).data)[:, 0]
    return outputs[:, 0]


def said(task: str, outputs: Array, targets: Array) -> Array:
    """Return a number for each row: the probability of class 1, of the true class, or the value."""
    values = predicted(task, outputs)
    return values[np.arange(len(values)), targets] if task == "classes" else values


def output_of(task: str) -> Any:
    """Return the value of the argument `output` of `dropcore.ensemble` for a task."""
    return {"binary": "sigmoid", "classes": "softmax", "number": None}[task]
