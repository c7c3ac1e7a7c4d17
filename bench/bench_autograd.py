"""Times training steps of a small network: with dropout, without dropout, and in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from cases import Row

from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import SGD, Linear, Module, ReLU, Sequential, cross_entropy

BATCH, SIZES = 128, (64, 256, 256, 10)
STEP, TORCH_STEP = "training step", "training step of PyTorch"
Step = Callable[[], object]


def rows() -> Iterator[Row]:
    """The step without dropout comes first: the other rows are compared with it."""
    for p in (None, 0.3):
        yield Row("autograd", STEP, BATCH, p=p, always=True)
    yield Row("autograd", TORCH_STEP, BATCH, always=True)


def network(p: float | None) -> Sequential:
    """Two hidden layers, with dropout after each relu."""
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


def step_of(x: np.ndarray, labels: np.ndarray, p: float | None) -> Step:
    """Forward, loss, backward, update; with a learning rate of 0 all steps are equal."""
    model = network(p)
    optimiser = SGD(model.parameters(), lr=0.0)

    def step() -> None:
        optimiser.zero_grad()
        cross_entropy(model(x), labels).backward()
        optimiser.step()

    return step


def step_of_torch(x: np.ndarray, labels: np.ndarray) -> Step:
    """The step without dropout in PyTorch."""
    torch = pytest.importorskip("torch", reason="PyTorch is absent")
    torch.set_num_threads(1)
    layers = [(torch.nn.Linear(*sizes), torch.nn.ReLU()) for sizes in pairwise(SIZES)]
    model = torch.nn.Sequential(*sum(layers, ())[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(labels)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()

    return step


@pytest.fixture(scope="module", autouse=True)
def blas_at_speed() -> None:
    """Make OpenBLAS write to its whole workspace, by one larger matrix product.

    Its kernels prefetch beyond the packed data. On some processors a prefetch from a page that was
    never written is slow, and makes small products three times slower.
    """
    square = np.ones((1024, 1024), np.float32)
    square @ square


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench(row: Row, timed) -> None:
    """A step on random data."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, SIZES[0])).astype(np.float32)
    labels = rng.integers(SIZES[-1], size=BATCH)
    timed(row, step_of_torch(x, labels) if row.name == TORCH_STEP else step_of(x, labels, row.p))
