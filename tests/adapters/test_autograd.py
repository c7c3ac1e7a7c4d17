"""Dropout on the tape: the function, the module, and the network of the tutorials."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import dropcore
from dropcore import Stream
from dropcore.adapters.autograd import Dropout, dropout, seed
from dropcore.autograd import (
    Adam,
    Batches,
    Linear,
    Module,
    ReLU,
    Sequential,
    Tensor,
    apply_op,
    binary_cross_entropy_with_logits,
    gradcheck,
    sigmoid,
)

X = np.random.default_rng(4).standard_normal((6, 3, 4))
DY = np.random.default_rng(5).standard_normal((6, 3, 4))


@dataclass(frozen=True, kw_only=True)
class RowKeeper(dropcore.DecidingVariant):
    """A deciding variant with a scale that depends on the decisions."""

    name: ClassVar[str] = "rowkeeper"

    def decide(self, draw, p, shape):
        return dropcore.keep_mask(shape[:1], p, rng=draw).reshape(-1, *[1] * (len(shape) - 1))

    def plan(self, p, shape, keep):
        return dropcore.Plan(scale=keep.size / max(1, keep.sum()))


@dataclass(frozen=True, kw_only=True)
class Blend(dropcore.FreeVariant):
    """A free variant with a second input; inference is not the identity."""

    name: ClassVar[str] = "blend"
    inputs: ClassVar[tuple[str, ...]] = ("x", "previous")

    def forward(self, draw, p, *inputs):
        keep = dropcore.keep_mask(inputs[0].shape, p, rng=draw)
        return np.where(keep, *inputs), (keep,)

    def backward(self, draw, p, dy, *saved):
        return np.where(saved[0], dy, 0), np.where(saved[0], 0, dy)

    def infer(self, p, *inputs):
        return (1 - p) * inputs[0] + p * inputs[1]

    def infer_backward(self, p, dy):
        return (1 - p) * dy, p * dy


KINDS = [
    ("standard", {}),
    ("standard", {"shared_axes": (1, -1)}),
    ("spatial", {"channel_axis": 1}),
    ("alpha", {}),
    (RowKeeper(), {}),
]
kinds = pytest.mark.parametrize(("variant", "options"), KINDS, ids=str)


def same(a, b):
    """Equal to the bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


# Laws: the function


@kinds
@pytest.mark.parametrize("store", ["bits", "draw"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False])
def test_value_and_gradient_are_those_of_the_core(variant, options, store, dtype, training):
    arguments = {"training": training, "rng": Stream(7).at(3), "variant": variant, **options}
    x = Tensor(X.astype(dtype), requires_grad=True)
    y = dropout(x, 0.3, store=store, **arguments)
    y.backward(DY)
    expected, mask = dropcore.dropout(X.astype(dtype), 0.3, **arguments)
    assert same(y.data, expected)
    assert same(x.grad, mask.backward(DY.astype(dtype)))


@kinds
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_the_values(variant, options, training):
    draw = Stream(7).at(0)
    gradcheck(
        lambda x: dropout(x, 0.3, training=training, rng=draw, variant=variant, **options), [X]
    )


@pytest.mark.parametrize("training", [True, False])
def test_further_inputs_are_tensors_with_gradients_or_arrays(training):
    draw = Stream(7).at(0)

    def blended(x, previous):
        return dropout(x, 0.3, training=training, rng=draw, variant=Blend(), previous=previous)

    gradcheck(blended, [X, DY])
    x, previous = Tensor(X, requires_grad=True), Tensor(DY, requires_grad=True)
    y = blended(x, previous)
    assert same(y.data, blended(X, DY).data)
    y.sum().backward()
    np.testing.assert_allclose(x.grad + previous.grad, 1, rtol=1e-15)
    only = Tensor(X, requires_grad=True)
    blended(only, DY).sum().backward()
    assert same(only.grad, x.grad)


def test_a_module_takes_further_inputs_by_name():
    layer = Dropout(0.3, Blend(), 7)
    expected = dropout(X, 0.3, training=True, rng=Stream(7), variant=Blend(), previous=DY)
    assert same(layer(X, previous=DY).data, expected.data)
    with pytest.raises(TypeError, match="previous must be passed by name"):
        layer(X)
    assert layer.rng.position == 1


def test_the_gradient_may_be_a_broadcast_one():
    x = Tensor(X, requires_grad=True)
    y = dropout(x, 0.5, training=True, rng=7)
    y.sum().backward()
    assert same(x.grad, np.where(y.data != 0, 2.0, 0.0))


def test_a_dropped_nan_leaves_no_trace():
    x = Tensor(np.full(100, np.nan), requires_grad=True)
    y = dropout(x, 0.5, training=True, rng=7)
    y.sum().backward()
    assert same(np.isnan(y.data), x.grad != 0)
    assert 20 < np.isnan(y.data).sum() < 80


@pytest.mark.parametrize(
    ("x", "options", "error"),
    [
        (X.astype(np.float16), {}, TypeError),
        (X, {"training": 1}, TypeError),
        (X, {"shared_axes": 3}, ValueError),
        (X, {"variant": "no-such"}, LookupError),
    ],
)
def test_a_failed_call_takes_no_draw(x, options, error):
    stream = Stream(7)
    with pytest.raises(error):
        dropout(x, 0.5, **{"training": True, "rng": stream, **options})
    assert stream.position == 0


# Laws: the module


@kinds
def test_a_module_is_the_function_with_the_next_draw(variant, options):
    layer = Dropout(0.3, variant, 7, **options)
    for index in range(3):
        draw = Stream(7).at(index)
        expected = dropout(X, 0.3, training=True, rng=draw, variant=variant, **options)
        assert same(layer(X).data, expected.data)
        assert layer.mask.draw == draw
    inferred = layer.eval()(X)
    assert same(inferred.data, dropout(X, 0.3, training=False, variant=layer.variant).data)
    assert layer.mask.draw is None
    assert layer.rng.position == 3


def test_each_of_several_calls_has_its_own_mask_in_backward():
    layer, x = Dropout(0.5, rng=7), Tensor(X, requires_grad=True)
    first, second = layer(x), layer(x)
    (first + second * 10).sum().backward()
    expected = (first.data != 0) * 2.0 + (second.data != 0) * 20.0
    assert same(x.grad, expected)


def test_what_a_module_says_of_itself():
    assert repr(Dropout(0.25, shared_axes=1)) == "Dropout(0.25, Standard(shared_axes=(1,)))"
    layer = Dropout(0.25)
    layer.p = 0.75
    assert layer.p == 0.75
    with pytest.raises(ValueError, match=r"2"):
        layer.p = 2
    with pytest.raises(ValueError, match="store"):
        Dropout(0.5, store="bit")


# Examples


def test_the_network_of_the_tutorials():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 10)).astype(np.float32)
    y = (x[:, :1] * x[:, 1:2] > 0).astype(np.float32)

    model = Sequential(
        Linear(10, 256, rng=rng), ReLU(), Dropout(0.3),
        Linear(256, 256, rng=rng), ReLU(), Dropout(0.3),
        Linear(256, 256, rng=rng), ReLU(), Dropout(0.3),
        Linear(256, 1, rng=rng),
    )  # fmt: skip
    seed(model, 0)
    optimiser, batches = Adam(model.parameters()), Batches(500, 50, rng=0)
    losses = []
    for _ in range(6):
        for rows in batches:
            loss = binary_cross_entropy_with_logits(model(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    probability = sigmoid(model.eval()(x[500:])).data

    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
    assert ((probability > 0.5) == y[500:]).mean() > 0.85


def test_who_holds_a_gradient_does_not_change_a_bit_of_another():
    def gradient(held):
        rng = np.random.default_rng(0)
        x, dy = (rng.normal(size=(40, 30)).astype(np.float32) for _ in range(2))
        b = Tensor(np.zeros(30, np.float32), requires_grad=True)
        y = Dropout(0.3, rng=1)(Tensor(x) + b)
        kept = []

        def rule(dy):  # its result is in Fortran order
            dx = np.asfortranarray(dy) * np.float32(2)
            if held:
                kept.append(dx)
            return dx

        apply_op(y.data * 2, (y,), rule).backward(dy)
        return b.grad.tobytes()

    assert gradient(False) == gradient(True)


def test_a_module_of_one_s_own():
    class Gated(Module):
        def __init__(self):
            self.linear, self.drop = Linear(4, 4, rng=0, dtype=np.float64), Dropout(0.5)

        def forward(self, x):
            return x + self.drop(self.linear(x))

    model = Gated()
    seed(model, 1)
    y = model(X)
    kept = model.drop.mask.keep
    assert same(y.data == X, ~kept)
