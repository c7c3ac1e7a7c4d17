"""Each layer compared with Keras's layer: dtypes, ranks, training, policies, rates, seeds."""

import dropcore_keras
import keras
import ml_dtypes
import numpy as np
import pytest
from helpers import array

NAMES = dropcore_keras.__all__
FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool"]
DTYPES = [*FLOATS, *INTEGERS, "complex64"]
SHAPES = {1: (50,), 2: (3, 40), 3: (3, 40, 5), 4: (3, 40, 5, 2), 5: (2, 3, 4, 5, 2)}


def shape_of(name):
    return SHAPES[int(name[-2]) + 2] if name.startswith("Spatial") else SHAPES[2]


def tensor(shape, dtype):
    x = np.asarray(np.random.default_rng(0).normal(size=shape) * 3 + 20)
    x = x.astype(getattr(ml_dtypes, dtype, dtype))
    return keras.ops.convert_to_tensor(x)


def outcome(source, name, x, training=True, rate=0.4, dtype=None, **arguments):
    """The result of a call, or its exception."""
    layer = getattr(source, name)(rate, dtype=dtype, **arguments)
    try:
        return layer(x, training=training)
    except Exception as error:
        return error


def assert_alike(name, x, training=True, **arguments):
    """dtype and shape agree with Keras's layer; in inference both return x itself."""
    theirs = outcome(keras.layers, name, x, training, **arguments)
    ours = outcome(dropcore_keras, name, x, training, **arguments)
    if isinstance(theirs, Exception):  # dropcore's layer may support more
        return
    if isinstance(ours, Exception):
        raise ours
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    if not training or arguments.get("rate") in (0, 1):
        assert (ours is x) == (theirs is x)
        if name != "AlphaDropout":  # Keras's AlphaDropout divides by zero here
            np.testing.assert_array_equal(array(ours), array(theirs))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(name, dtype):
    x = tensor(shape_of(name), dtype)
    for rate in (0, 0.4, 1):
        assert_alike(name, x, training=False, rate=rate)
        for seed in (None, 42):
            assert_alike(name, x, rate=rate, seed=seed)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("policy", ["float16", "float64", "mixed_float16", "mixed_bfloat16"])
def test_policies(name, policy):
    for dtype in ("bfloat16", "float32", "int32", "bool"):
        x = tensor(shape_of(name), dtype)
        for training in (True, False, None):
            assert_alike(name, x, training, dtype=policy, seed=42)


@pytest.mark.parametrize("name", ["Dropout", "AlphaDropout", "GaussianDropout"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), *SHAPES.values(), (1,) * 6], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_ranks(name, shape, dtype):
    for training in (True, False):
        assert_alike(name, tensor(shape, dtype), training, seed=42)


@pytest.mark.parametrize("noise_shape", [None, (3, 1), (1, 40), (None, 1), (None, None), (1, 1)])
@pytest.mark.parametrize("name", ["Dropout", "AlphaDropout"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "int64"])
def test_noise_shapes(name, noise_shape, dtype):
    x = tensor((3, 40), dtype)
    assert_alike(name, x, seed=42, noise_shape=noise_shape)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", NAMES)
def test_integers_are_dropped_as_the_numbers_they_are(name, dtype):
    x = tensor(shape_of(name), dtype)
    ours = outcome(dropcore_keras, name, x, seed=42)
    wide = keras.ops.cast(x, "float32")
    np.testing.assert_array_equal(array(ours), array(outcome(dropcore_keras, name, wide, seed=42)))
    assert keras.backend.standardize_dtype(ours.dtype) == "float32"


@pytest.mark.parametrize("name", NAMES)
def test_in_a_functional_model(name):
    shape = shape_of(name)
    for dtype in ("float32", "int32", "bool"):
        inputs = keras.Input(shape[1:], batch_size=shape[0], dtype=dtype)
        own, theirs = (
            keras.Model(inputs, getattr(source, name)(0.4, seed=1)(inputs))
            for source in (dropcore_keras, keras.layers)
        )
        assert own.output.dtype == theirs.output.dtype
        assert own.output.shape == theirs.output.shape
        x = tensor(shape, dtype)
        np.testing.assert_array_equal(array(own(x)), array(theirs(x)))
        own(x, training=True)
