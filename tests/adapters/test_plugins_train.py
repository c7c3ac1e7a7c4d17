"""Every installed variant trains with the NumPy layer and with the autograd module."""

import numpy as np
import pytest

import dropcore
from dropcore import autograd
from dropcore.adapters.autograd import Dropout

OPTIONS = {  # required options
    "spatial": {"channel_axis": 1},
    "dropblock": {"block_size": 3, "channel_axis": 1},
}
INSTALLED = sorted(dropcore.variant_names())

x = np.random.default_rng(0).normal(size=(64, 4, 12))
target = x.sum(axis=2, keepdims=True)


def further(layer, y):
    return {name: np.zeros_like(y) for name in layer.variant.inputs[1:]}


@pytest.mark.parametrize("name", INSTALLED)
def test_a_loop_in_numpy(name):
    layer = dropcore.Dropout(0.1, name, rng=1, **OPTIONS.get(name, {}))
    weight, losses = np.zeros((12, 1)), []
    for _ in range(60):
        dropped = layer(x, **further(layer, x))
        error = dropped @ weight - target
        losses.append((error**2).mean())
        gradient = layer.backward(error @ weight.T)
        gradient = gradient if isinstance(gradient, tuple) else (gradient,)
        assert all(g.shape == x.shape for g in gradient)
        weight -= 0.1 * np.einsum("nci,nco->io", dropped, error) / error.size
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("name", INSTALLED)
def test_the_engine(name):
    drop = Dropout(0.1, name, rng=1, **OPTIONS.get(name, {}))
    head = autograd.Linear(12, 1, rng=np.random.default_rng(0), dtype=np.float64)
    optimiser, losses = autograd.Adam(head.parameters(), 0.05), []
    for _ in range(60):
        error = head(drop(autograd.Tensor(x), **further(drop, x))) - target
        loss = (error * error).mean()
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < losses[0] / 2
