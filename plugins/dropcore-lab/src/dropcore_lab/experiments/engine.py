"""Training on `dropcore.autograd`: networks of dense layers, epochs, figures, times.

`build`, `train_epoch` and `predict` do the same as the functions of `mlp`, on the tape instead of
by hand. The same arguments give the same weights, masks and batches, and, except for rounding, the
same losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from time import thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dropcore
from dropcore import autograd
from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import Linear, Module, Optimizer, ReLU, Sequential
from dropcore_lab.experiments import mlp
from dropcore_lab.experiments.data import Split, batches
from dropcore_lab.experiments.figures import Run


def build(
    sizes: Sequence[int],
    p: float,
    lr: float,
    *,
    stream: dropcore.Stream,
    rng: np.random.Generator,
) -> tuple[Sequential, Optimizer]:
    """Make a network of dense layers and its optimiser."""
    model = dense(sizes, p, stream=stream, rng=rng)
    return model, autograd.SGD(model.parameters(), lr, momentum=0.9)


def dense(
    sizes: Sequence[int], p: float, *, stream: dropcore.Stream, rng: np.random.Generator
) -> Sequential:
    """Make the network of `mlp.Mlp`, on the tape.

    Linear, relu and dropout, once for each hidden width; then a linear layer to the classes.
    """
    modules: dict[str, Module] = {}
    for place, (n_in, n_out) in enumerate(pairwise(sizes[:-1]), start=1):
        modules[f"linear{place}"] = linear(n_in, n_out, rng)
        modules[f"relu{place}"] = ReLU()
        modules[f"drop{place}"] = Dropout(p)
    modules["last"] = linear(sizes[-2], sizes[-1], rng)
    model = Sequential(**modules)
    seed(model, stream)
    return model


def linear(n_in: int, n_out: int, rng: np.random.Generator) -> Linear:
    """Make a linear layer with the initial weights of `mlp.Linear`."""
    layer = Linear(n_in, n_out, rng=0)
    start = mlp.Linear(n_in, n_out, rng)
    layer.weight.data[...] = start.weight
    assert layer.bias is not None
    layer.bias.data[...] = start.bias
    return layer


def train_epoch(
    model: Module,
    optimiser: Optimizer,
    x: NDArray[Any],
    labels: NDArray[np.intp],
    *,
    batch: int,
    rng: np.random.Generator,
) -> None:
    """Train on every row once, in shuffled batches, dropout on."""
    model.train()
    for rows in batches(len(x), batch, rng):
        step(model, optimiser, x[rows], labels[rows])


def train(
    model: Module,
    optimiser: Optimizer,
    split: Split,
    *,
    epochs: int,
    batch: int,
    rng: np.random.Generator,
) -> None:
    """Train for a number of epochs on the training rows."""
    for _ in range(epochs):
        train_epoch(model, optimiser, split.train_x, split.train_labels, batch=batch, rng=rng)


def step(model: Module, optimiser: Optimizer, x: NDArray[Any], labels: NDArray[np.intp]) -> None:
    """Train on one batch, in the mode in which the model is."""
    optimiser.zero_grad()
    autograd.cross_entropy(model(x), labels).backward()
    optimiser.step()


def predict(model: Module, x: NDArray[Any]) -> NDArray[Any]:
    """Compute the logits in inference, where every unit is used."""
    model.eval()
    with autograd.no_grad():
        logits: NDArray[Any] = model(x).data
    return logits


def figures(model: Module, split: Split) -> Run:
    """Measure both losses and the accuracy on new rows, in inference."""
    return mlp.figures(lambda x: predict(model, x), split)


def dropouts(model: Module) -> list[Dropout]:
    """List the dropout modules of a model."""
    return [module for _, module in model.named_modules() if isinstance(module, Dropout)]


def time_share(
    model: Module, optimiser: Optimizer, split: Split, batch: int, repeats: int
) -> float:
    """Measure the share of a training step's time that dropout takes.

    Steps with dropout on and steps with dropout off take turns. The quickest steps of each kind are
    compared, in processor time of this thread, so that other programs have little influence.
    """
    model.train()
    layers = dropouts(model)
    x, labels = split.train_x[:batch], split.train_labels[:batch]
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(repeats):
        for on in times:
            for layer in layers:
                layer.training = on
            start = thread_time()
            step(model, optimiser, x, labels)
            times[on].append(thread_time() - start)
    model.train()
    return 1 - min(times[False]) / min(times[True])
