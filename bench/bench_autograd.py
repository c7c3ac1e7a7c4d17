"""A training step of a small network, with dropout and without."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from cases import Row

from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import SGD, Linear, Module, ReLU, Sequential, cross_entropy

BATCH, SIZES = 128, (64, 256, 256, 10)


def rows() -> Iterator[Row]:
    """Without dropout first: it is the measure."""
    for p in (None, 0.3):
        yield Row("autograd", "training step", BATCH, p=p, always=True)


def network(p: float | None) -> Sequential:
    """Two hidden layers, dropout behind each relu."""
    modules: dict[str, Module] = {}
    for k, (n_in, n_out) in enumerate(pairwise(SIZES), start=1):
        modules[f"linear{k}"] = Linear(n_in, n_out, rng=0)
        if k < len(SIZES) - 1:
            modules[f"relu{k}"] = ReLU()
            if p is not None:
                modules[f"drop{k}"] = Dropout(p)
    model = Sequential(**modules)
    seed(model, 1)
    return model


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench_training_step(row: Row, timed) -> None:
    """Forward, loss, backward, update; a learning rate of 0 keeps every step alike."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, SIZES[0])).astype(np.float32)
    labels = rng.integers(SIZES[-1], size=BATCH)
    model = network(row.p)
    optimiser = SGD(model.parameters(), lr=0.0)

    def step() -> None:
        model.zero_grad()
        cross_entropy(model(x), labels).backward()
        optimiser.step()

    timed(row, step)
