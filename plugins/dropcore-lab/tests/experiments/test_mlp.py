"""The hand-written network: its gradients, its loss, and where dropout acts."""

import numpy as np
import pytest
from dropcore_lab.experiments import mlp

import dropcore

SIZES = (4, 7, 6, 3)


def _network(p, dtype=np.float64):
    """Build a network; each call gives the same weights and the same later masks."""
    return mlp.Mlp(SIZES, p, stream=dropcore.Stream(11), rng=np.random.default_rng(5), dtype=dtype)


def _rows(n=5):
    rng = np.random.default_rng(6)
    return rng.standard_normal((n, SIZES[0])), rng.integers(0, SIZES[-1], n)


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_gradients_match_finite_differences(p):
    def build(p):
        network = _network(p)
        for layer in network.layers:
            if isinstance(layer, mlp.Linear):
                layer.bias += 0.1  # else relu's input is 0 in a row with all units dropped
        return network

    x, labels = _rows()
    network = build(p)
    _, d_logits = mlp.cross_entropy(network(x), labels)
    network.backward(d_logits)
    step = 1e-6

    def loss(place, index, change):
        moved = build(p)  # a new network has the same first draws, and so the same masks
        weight, _ = list(moved.parameters())[place]
        weight[index] += change
        return mlp.cross_entropy(moved(x), labels)[0]

    for place, (weight, gradient) in enumerate(network.parameters()):
        slopes = np.empty_like(weight)
        for index in np.ndindex(weight.shape):
            slopes[index] = (loss(place, index, step) - loss(place, index, -step)) / (2 * step)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-8)


def test_cross_entropy_known_answer():
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    loss, gradient = mlp.cross_entropy(logits, np.array([0, 2]))
    assert loss == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2)
    expected = np.array([[-0.5, 0.25, 0.25], [0.1, 0.1, -0.2]]) / 2
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


def test_cross_entropy_of_huge_logits_is_finite():
    loss, gradient = mlp.cross_entropy(np.array([[1e4, -1e4]]), np.array([1]))
    assert loss == pytest.approx(2e4)
    assert np.isfinite(gradient).all()


def test_prediction_uses_every_unit_and_training_does_not():
    x, _ = _rows(20)
    network, without = _network(0.5), _network(0.0)
    network.train()
    assert not np.array_equal(network(x), without(x))
    np.testing.assert_array_equal(mlp.predict(network, x), mlp.predict(without, x))


def test_every_dropout_layer_has_masks_of_its_own():
    first, second = _network(0.5).dropouts
    x = np.ones((50, 50), np.float32)
    assert not np.array_equal(first(x), second(x))


def test_momentum_known_answer():
    network = _network(0.0)
    bias, gradient = list(network.parameters())[1]
    optimiser = mlp.Momentum(network, lr=0.5, momentum=0.9)
    gradient[:] = 1
    optimiser.step()
    np.testing.assert_allclose(bias, -0.5)
    optimiser.step()
    np.testing.assert_allclose(bias, -0.5 - 0.5 * 1.9)


def test_an_epoch_shows_every_row_once():
    seen = []

    class Spy(mlp.Mlp):
        def __call__(self, x):
            seen.extend(x[:, 0])
            return super().__call__(x)

    network = Spy(SIZES, 0.2, stream=dropcore.Stream(1), rng=np.random.default_rng(1))
    x = np.arange(4 * 11, dtype=np.float32).reshape(11, 4)
    labels = np.zeros(11, np.intp)
    mlp.train_epoch(
        network,
        mlp.Momentum(network, lr=0.001),
        x,
        labels,
        batch=4,
        rng=np.random.default_rng(2),
    )
    assert sorted(seen) == sorted(x[:, 0])
    assert seen != sorted(seen)
