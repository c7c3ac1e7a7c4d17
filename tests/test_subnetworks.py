"""All sub-networks of a small model, each with its probability."""

from itertools import product

import numpy as np
import pytest
from unplanned_variants import Half, Noise

import dropcore
from dropcore.adapters.autograd import Dropout
from dropcore.autograd import Conv2d, Flatten, Linear, Module, ReLU, Sequential, Tensor, softmax
from dropcore.ensemble import subnetworks

RNG = np.random.default_rng(0)
ROWS = RNG.integers(-4, 5, (12, 6)).astype(np.float64)


def linear(n_in, n_out, start=0):
    return Linear(n_in, n_out, rng=start, dtype=np.float64)


def by_hand(model, drops, x):
    """The output and the probability of each sub-network alone, through `Mask.from_keep`."""
    outputs, weights = [], []
    for keep in product([False, True], repeat=sum(n for n, _ in drops)):
        weight, start, h = 1.0, 0, x
        for layer in model:
            if isinstance(layer, Dropout):
                n, p = drops[0 if start == 0 else 1]
                own = np.array(keep[start : start + n])
                start += n
                weight *= np.where(own, 1 - p, p).prod()
                mask = dropcore.Mask.from_keep(own[None], p, shape=h.shape, variant=layer.variant)
                h = mask.forward(h)
            else:
                h = layer(h).data
        outputs.append(h)
        weights.append(weight)
    return np.array(outputs), np.array(weights)


@pytest.mark.parametrize("variant", ["standard", "alpha"])
def test_all_are_counted_each_with_its_probability(variant):
    model = Sequential(
        linear(6, 3), ReLU(), Dropout(0.2, variant), linear(3, 4, 1), ReLU(), Dropout(0.7, variant),
        linear(4, 3, 2),
    )  # fmt: skip
    logits, weights = by_hand(model, [(3, 0.2), (4, 0.7)], ROWS)
    y = softmax(Tensor(logits)).data
    every = subnetworks(model, ROWS, output="softmax")
    assert every.decisions == 7
    assert weights.sum() == pytest.approx(1, rel=1e-12)
    arithmetic = np.einsum("s,snc->nc", weights, y)
    geometric = np.exp(np.einsum("s,snc->nc", weights, np.log(y)))
    geometric /= geometric.sum(axis=1, keepdims=True)
    one_pass = softmax(model.eval()(ROWS)).data
    np.testing.assert_allclose(every.arithmetic_mean, arithmetic, rtol=1e-12)
    np.testing.assert_allclose(every.geometric_mean, geometric, rtol=1e-12)
    np.testing.assert_array_equal(every.one_pass, one_pass)
    assert every.arithmetic_gap == pytest.approx(np.abs(one_pass - arithmetic).max(), rel=1e-9)
    assert every.geometric_gap == pytest.approx(np.abs(one_pass - geometric).max(), rel=1e-9)
    assert every.geometric_gap > 1e-4


def test_each_is_returned_under_its_number():
    model = Sequential(linear(6, 3), ReLU(), Dropout(0.2), linear(3, 2, 1), Dropout(0.7))
    outputs, weights = by_hand(model, [(3, 0.2), (2, 0.7)], ROWS)
    every = subnetworks(model, ROWS, each=True)
    for number, (y, weight) in enumerate(zip(every.outputs, every.weights, strict=True)):
        bits = [number >> d & 1 for d in range(5)]
        place = int("".join(map(str, bits)), 2)  # the first decision is the highest bit
        np.testing.assert_allclose(y, outputs[place], rtol=1e-12)
        assert weight == pytest.approx(weights[place], rel=1e-12)
    assert subnetworks(model, ROWS).outputs is None


def test_one_pass_is_the_mean_of_a_linear_network():
    model = Sequential(
        Dropout(0.1), linear(6, 5), Dropout(0.5), linear(5, 4, 1), Dropout(0.9), linear(4, 2, 2)
    )
    every = subnetworks(model, ROWS)
    assert every.decisions == 15
    assert every.arithmetic_gap < 1e-13
    with_relu = subnetworks(Sequential(*list(model)[:2], ReLU(), *list(model)[2:]), ROWS)
    assert with_relu.arithmetic_gap > 1e-3


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_one_pass_is_the_geometric_mean_of_one_layer(output, p):
    model = Sequential(Dropout(p), linear(6, 3))
    every = subnetworks(model, ROWS, output=output)
    assert every.geometric_gap < 1e-13
    assert "see the parameter output" not in repr(every)
    assert every.arithmetic_gap > 1e-4


def test_geometric_mean_of_the_values_themselves():
    model = Sequential(Dropout(0.25))
    x = np.array([[3.0, 0.0, -1.0]])
    with np.errstate(all="raise"):
        every = subnetworks(model, x)
    np.testing.assert_array_equal(every.geometric_mean, [[0, 0, np.nan]])
    np.testing.assert_allclose(every.arithmetic_mean, x, rtol=1e-15)
    assert "geometric_gap=nan (an output is below 0: see the parameter output)" in repr(every)

    class Exp(Module):
        def forward(self, x):
            return softmax(x, axis=-1)

    model = Sequential(Dropout(0.5), Exp())
    y, weights = by_hand(model, [(3, 0.5)], x)
    expected = np.exp(np.einsum("s,snc->nc", weights, np.log(y)))
    np.testing.assert_allclose(subnetworks(model, x).geometric_mean, expected, rtol=1e-12)


def test_shared_decisions_count_once():
    conv = Conv2d(1, 3, 2, rng=0, dtype=np.float64)
    drop = Dropout(0.5, "spatial", channel_axis=1)
    x = RNG.standard_normal((4, 1, 3, 3))
    every = subnetworks(Sequential(conv, drop, Flatten(), linear(12, 2)), x)
    assert every.decisions == 3
    assert every.arithmetic_gap < 1e-14


def test_no_decision_is_left_at_the_ends():
    every = subnetworks(Sequential(Dropout(0), linear(6, 40), Dropout(1), linear(40, 2)), ROWS)
    assert every.decisions == 0
    bias = Sequential(Dropout(0), linear(6, 40), Dropout(1), linear(40, 2))[3].bias.data
    np.testing.assert_allclose(every.arithmetic_mean, np.tile(bias, (12, 1)), rtol=1e-15)


@pytest.mark.parametrize("variant", [Half(), Noise()], ids=["half", "noise"])
def test_a_variant_that_cannot_be_enumerated_is_named(variant):
    with pytest.raises(TypeError, match=rf"'drop'.*{type(variant).__name__}"):
        subnetworks(Sequential(drop=Dropout(0.5, variant)), ROWS)


def test_dropout_may_be_called_by_keyword():
    class Named(Module):
        def __init__(self):
            self.drop, self.out = Dropout(0.3), Linear(3, 2, rng=0)

        def forward(self, x):
            return self.out(self.drop(x=x))

    named, x = Named(), np.ones((2, 3), np.float32)
    every = subnetworks(named, x)
    same = subnetworks(Sequential(named.drop, named.out), x)
    np.testing.assert_array_equal(every.arithmetic_mean, same.arithmetic_mean)


def test_too_many_sub_networks_are_refused():
    model = Sequential(a=Dropout(0.5), mid=linear(6, 15), b=Dropout(0.5))
    with pytest.raises(ValueError, match=r"not 21,.*'a': 6, 'b': 15"):
        subnetworks(model, ROWS)
    with pytest.raises(ValueError, match="rows"):
        subnetworks(model, ROWS[:0])
