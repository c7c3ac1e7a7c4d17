"""Each layer computes the core's values, and agrees with Keras's layer in everything else."""

import inspect

import dropcore_keras
import keras
import numpy as np
import pytest
from helpers import array, draw, gradient, normal

import dropcore

LAST, FIRST = ({"data_format": f"channels_{order}"} for order in ("last", "first"))
# layer, its arguments, shape of an input, the same options for dropcore
CASES = [
    ("Dropout", {}, (8, 50), {}),
    ("Dropout", {"noise_shape": (None, 1, 7)}, (8, 5, 7), {"shared_axes": 1}),
    ("Dropout", {"noise_shape": (1, 7)}, (8, 5, 7), {"shared_axes": (0, 1)}),
    ("SpatialDropout1D", {}, (8, 5, 7), {"shared_axes": 1}),
    ("SpatialDropout2D", LAST, (8, 3, 4, 7), {"shared_axes": (1, 2)}),
    ("SpatialDropout2D", FIRST, (8, 7, 3, 4), {"shared_axes": (2, 3)}),
    ("SpatialDropout3D", LAST, (8, 2, 3, 4, 7), {"shared_axes": (1, 2, 3)}),
    ("SpatialDropout3D", FIRST, (8, 7, 2, 3, 4), {"shared_axes": (2, 3, 4)}),
    ("AlphaDropout", {}, (8, 50), {"variant": "alpha"}),
    ("AlphaDropout", {"noise_shape": [None, 1]}, (30, 5), {"variant": "alpha", "shared_axes": 1}),
    ("GaussianDropout", {}, (8, 50), {"variant": "gaussian"}),
]
every_case = pytest.mark.parametrize(
    ("name", "arguments", "shape", "how"), CASES, ids=[f"{c[0]}{i}" for i, c in enumerate(CASES)]
)
every_name = pytest.mark.parametrize("name", dropcore_keras.__all__)


def build(name, rate=0.4, /, seed=42, **arguments):
    return getattr(dropcore_keras, name)(rate, seed=seed, **arguments)


# ------------------------------------------------------------ values


@every_case
def test_it_is_dropcores_dropout_by_the_seed(name, arguments, shape, how):
    layer, x, dy = build(name, **arguments), normal(*shape), normal(*shape)[::-1].copy()
    for call in range(2):
        expected, _ = dropcore.dropout(x, 0.4, training=True, rng=draw(42, call), **how)
        np.testing.assert_array_equal(array(layer(x, training=True)), expected)
    mask = dropcore.dropout(x, 0.4, training=True, rng=draw(42, 2), **how)[1]
    np.testing.assert_array_equal(gradient(layer, x, dy), mask.backward(dy))


@every_case
def test_inference_is_the_identity_and_takes_no_seed(name, arguments, shape, how):
    layer, x = build(name, **arguments), normal(*shape)
    np.testing.assert_array_equal(array(layer(x)), x)
    np.testing.assert_array_equal(array(layer(x, training=False)), x)
    expected, _ = dropcore.dropout(x, 0.4, training=True, rng=draw(42), **how)
    np.testing.assert_array_equal(array(layer(x, training=True)), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@every_name
def test_half_types(name, dtype):
    shape = {"1D": (3, 4, 5), "2D": (3, 2, 2, 5), "3D": (3, 2, 1, 2, 5)}.get(name[-2:], (3, 50))
    layer = build(name, dtype=dtype)
    y = layer(normal(*shape), training=True)
    assert keras.backend.standardize_dtype(y.dtype) == dtype


@every_name
def test_rate_at_its_ends(name):
    shape = {"1D": (3, 4, 5), "2D": (3, 2, 2, 5), "3D": (3, 2, 1, 2, 5)}.get(name[-2:], (3, 50))
    x = normal(*shape)
    np.testing.assert_array_equal(array(build(name, 0)(x, training=True)), x)
    if name == "GaussianDropout":
        with pytest.raises(ValueError, match=r"p must be in \[0, 1\)"):
            build(name, 1)(x, training=True)
    else:
        np.testing.assert_array_equal(array(build(name, 1)(x, training=True)), 0 * x)


def test_a_dropped_infinity_is_zero():
    y = array(build("Dropout")(np.full(100, np.inf, "float32"), training=True))
    assert set(y.tolist()) == {0.0, np.inf}


@pytest.mark.parametrize("noise_shape", [(8, 2), (None, 3, 1), (1, 1, 8, 4), (None,)])
def test_a_noise_shape_that_does_not_fit(noise_shape):
    with pytest.raises(ValueError, match=r"noise_shape must broadcast .*\(8, 4\), not \("):
        build("Dropout", noise_shape=noise_shape)(normal(8, 4), training=True)


# ------------------------------------------------------------ agreement with Keras


def parameters(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@every_name
def test_arguments_are_keras(name):
    own, keras_own = getattr(dropcore_keras, name), getattr(keras.layers, name)
    assert parameters(own) == parameters(keras_own)
    assert parameters(own.call) == parameters(keras_own.call)


@every_case
def test_serialisation(name, arguments, shape, how):
    layer = build(name, name="mine", **arguments)
    saved = keras.layers.serialize(layer)
    assert saved["registered_name"] == f"dropcore_keras>{name}"
    again = keras.layers.deserialize(saved)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    keras_own = getattr(keras.layers, name)(0.4, seed=42, name="mine", **arguments)
    assert layer.get_config() == keras_own.get_config()
    x = normal(*shape)
    np.testing.assert_array_equal(array(again(x, training=True)), array(layer(x, training=True)))


@every_name
def test_bad_rates_are_keras_errors(name):
    with pytest.raises(ValueError, match="rate"):
        build(name, 1.5)


def test_masks_go_through():
    model = keras.Sequential([keras.layers.Masking(), build("Dropout"), build("AlphaDropout")])
    x = normal(2, 3, 4)
    x[0, 1:] = 0
    y = model(x)
    np.testing.assert_array_equal(array(y._keras_mask), [[True, False, False], [True, True, True]])


def test_without_a_seed_keras_random_seed_rules():
    def masks():
        keras.utils.set_random_seed(7)
        first, second = build("Dropout", seed=None), build("Dropout", seed=None)
        return [array(layer(normal(9, 50), training=True)) for layer in (first, second, first)]

    one, again = masks(), masks()
    np.testing.assert_array_equal(one, again)
    assert not any(np.array_equal(one[i] == 0, one[j] == 0) for i, j in [(0, 1), (0, 2), (1, 2)])


def test_the_backends_own_generator_has_no_part():
    x = normal(9, 50)
    one = build("Dropout", seed=5)
    keras.utils.set_random_seed(1)
    first = array(one(x, training=True))
    other = build("Dropout", seed=5)
    keras.utils.set_random_seed(2)
    np.testing.assert_array_equal(array(other(x, training=True)), first)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="of the torch backend")
def test_a_checkpoint_computes_the_same_mask_again():
    import torch.utils.checkpoint

    keras.utils.set_random_seed(1)
    first, last = keras.layers.Dense(20), keras.layers.Dense(1)
    drop, x = build("Dropout", seed=None), torch.tensor(normal(5, 10))

    def network(x):
        return last(drop(first(x), training=True) ** 2)

    def gradients(run):
        keras.utils.set_random_seed(2)
        weights = [variable.value for variable in first.weights + last.weights]
        return torch.autograd.grad(run().sum(), weights)

    network(x)  # builds the network
    plain = gradients(lambda: network(x))
    again = gradients(lambda: torch.utils.checkpoint.checkpoint(network, x, use_reentrant=False))
    for one, other in zip(plain, again, strict=True):
        assert torch.equal(one, other)


def test_symbolic_shapes():
    x = keras.Input((None, 3))
    assert build("Dropout")(x, training=True).shape == (None, None, 3)
    assert build("SpatialDropout1D")(x, training=True).shape == (None, None, 3)
    with pytest.raises(ValueError, match="ndim"):
        build("SpatialDropout2D")(x)
