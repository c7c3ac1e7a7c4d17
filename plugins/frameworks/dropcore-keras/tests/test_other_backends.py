"""Backends that dropcore does not support, and packages that are not installed."""

import os
import subprocess
import sys

import dropcore_keras
import keras
import pytest
from helpers import normal


def python(code, backend):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_elsewhere_the_layers_are_keras_own_and_say_so():
    code = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import dropcore_keras
(message,) = [str(w.message) for w in caught if "dropcore_keras" in str(w.message)]
assert "works only on the backends jax and torch; on the backend 'numpy' its" in message, message
import keras, numpy as np
x = np.ones((50, 40), "float32")
for name in ("Dropout", "AlphaDropout", "GaussianDropout"):
    layer, own = (getattr(m, name)(0.5, seed=1) for m in (dropcore_keras, keras.layers))
    assert np.array_equal(layer(x), x)
    y = layer(x, training=True)
    assert np.array_equal(y, own(x, training=True)) and not np.array_equal(y, x)
"""
    result = python(code, "numpy")
    assert result.returncode == 0, result.stderr


def test_a_missing_package_is_named():
    for backend in ("jax", "torch"):
        code = f"import sys; sys.modules['dropcore_{backend}'] = None; import dropcore_keras"
        result = python(code, backend)
        assert f"install dropcore-keras[{backend}]" in result.stderr


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="of the torch backend")
@pytest.mark.parametrize("name", ["Dropout", "AlphaDropout", "GaussianDropout"])
def test_tensors_elsewhere_go_to_keras_own_layer(name):
    layer = getattr(dropcore_keras, name)(0.5)
    with keras.device("meta"):
        y = layer(normal(4, 5), training=True)
    assert (y.device.type, y.shape) == ("meta", (4, 5))
