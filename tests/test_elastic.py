"""A training run keeps its masks when the number of workers changes: `shard=` by global row."""

from itertools import pairwise

import numpy as np
import pytest

import dropcore
from dropcore.adapters.autograd import Dropout
from dropcore.autograd import SGD, Linear, Module, Tensor, cross_entropy, relu

SAMPLES, FEATURES, HIDDEN, CLASSES = 500, 20, 64, 4
BATCH, STEPS, P = 50, 12, 0.3  # 50 is no multiple of 8, nor of 6
STREAM = dropcore.Stream(42, path=("elastic",))


class Network(Module):
    """Two layers, with dropout between the two."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(0)
        self.first = Linear(FEATURES, HIDDEN, rng=rng)
        self.drop = Dropout(P, rng=STREAM.at(0))
        self.last = Linear(HIDDEN, CLASSES, rng=rng)

    def forward(self, x, shard=None):
        return self.last(self.drop(relu(self.first(x)), shard=shard))


def data():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(SAMPLES, FEATURES)).astype(np.float32)
    return x, (x[:, :CLASSES] + 0.1 * x[:, -CLASSES:]).argmax(axis=1)


def trained(workers):
    """Train; return the weights, and the loss and the mask of each step.

    `workers(step)` is the number of workers that share the batch of a step. Each worker has its own
    model and sees only its own rows. The workers exchange only gradients, which are added.
    """
    x, labels = data()
    models = [Network() for _ in range(max(map(workers, range(STEPS))))]
    optimisers = [SGD(model.parameters(), lr=0.5) for model in models]
    losses, masks = [], []
    for step in range(STEPS):
        batch = np.arange(step * BATCH, (step + 1) * BATCH) % SAMPLES
        at_work = models[: workers(step)]
        kept, loss = [], 0.0
        for model, rows in zip(
            at_work, np.array_split(np.arange(BATCH), len(at_work)), strict=True
        ):
            model.drop.rng = STREAM.at(step)
            logits = model(x[batch[rows]], shard=((BATCH, HIDDEN), (int(rows[0]), 0)))
            part = cross_entropy(logits, labels[batch[rows]]) * (len(rows) / BATCH)
            for parameter in model.parameters():
                parameter.grad = None
            part.backward()
            loss += part.item()
            kept.append(model.drop.mask.keep)
        for same in zip(*(model.parameters() for model in models), strict=True):
            total = sum(parameter.grad for parameter in same[: len(at_work)])
            for parameter in same:
                parameter.grad = total.copy()
        for optimiser in optimisers:
            optimiser.step()
        losses.append(loss)
        masks.append(np.concatenate(kept))
    return [parameter.data for parameter in models[0].parameters()], losses, masks


@pytest.fixture(scope="module")
def alone():
    return trained(lambda step: 1)


def leaving(step):
    """Eight workers; two of the eight are lost in the middle of the run."""
    return 8 if step < STEPS // 2 else 6


@pytest.mark.parametrize(
    "workers", [lambda step: 8, lambda step: 6, leaving], ids=["8", "6", "8 then 6"]
)
def test_any_number_of_workers(workers, alone):
    weights, losses, masks = trained(workers)
    for mask, expected in zip(masks, alone[2], strict=True):
        assert np.array_equal(mask, expected)
    np.testing.assert_allclose(losses, alone[1], rtol=1e-5)
    for array, expected in zip(weights, alone[0], strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-3, atol=1e-5)


def test_the_run_is_one_that_learns(alone):
    _, losses, masks = alone
    assert losses[-1] < 0.7 * losses[0]
    assert not any(np.array_equal(a, b) for a, b in pairwise(masks))


def test_without_shards_workers_repeat_one_mask():
    """Why `shard=` is needed: without it, all workers drop the same units with the same draw."""
    models = [Network(), Network()]
    for model in models:
        model(Tensor(data()[0][:25]))
    assert np.array_equal(*(model.drop.mask.keep for model in models))
