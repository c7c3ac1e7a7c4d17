"""Errors name the argument, the value and what is accepted, when a function is traced."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dropcore_jax import draw_of, dropout, dropout_in_python

KEY = jax.random.key(3)
X = np.ones((3, 4), np.float32)

both = pytest.mark.parametrize(
    "drop", [dropout, partial(dropout_in_python, variant="gaussian")], ids=["compiled", "python"]
)


@both
@pytest.mark.parametrize(
    ("p", "error", "message"),
    [
        (1.5, ValueError, r"p must be .*1\.5"),
        (float("nan"), ValueError, "p must be .*nan"),
        ("0.5", TypeError, "p must be .*'0.5'"),
        (True, TypeError, "p must be .*True"),
        (jnp.array(True), TypeError, "p must be .*True"),
        (jnp.array([0.5]), TypeError, r"p must be .*0\.5"),
        (jnp.array(1.5), ValueError, r"p must be .*1\.5"),
    ],
)
def test_p(drop, p, error, message):
    with pytest.raises(error, match=message):
        drop(KEY, X, p, training=True)


@both
def test_what_has_to_be_fixed_when_traced(drop):
    for transformed in (jax.jit, jax.grad, jax.vmap):
        f = transformed(lambda p: drop(KEY, X, p, training=True).sum())
        with pytest.raises(TypeError, match=r"p must be fixed when a function is traced, .*static"):
            f(jnp.array([0.5]) if transformed is jax.vmap else 0.5)
    with pytest.raises(TypeError, match="training must be True or False when traced"):
        jax.jit(lambda training: drop(KEY, X, 0.5, training=training))(True)
    with pytest.raises(TypeError, match="training must be True or False when traced, not 1"):
        drop(KEY, X, 0.5, training=1)


@both
@pytest.mark.parametrize("key", [None, 0, np.zeros(2, np.int32), np.uint32(3), jnp.ones(2)])
def test_what_is_no_key(drop, key):
    with pytest.raises(TypeError, match=r"key must be one of jax\.random\.key or PRNGKey, not"):
        drop(key, X, 0.5, training=True)


@both
def test_several_keys(drop):
    keys = jax.random.split(KEY, 3)
    for several in (keys, jax.random.key_data(keys)):
        with pytest.raises(ValueError, match=r"not of \(3,\) keys: use jax\.vmap"):
            drop(several, X, 0.5, training=True)
    with pytest.raises(ValueError, match="not of"):
        draw_of(keys)


@both
@pytest.mark.parametrize("dtype", [np.int32, bool, np.complex64, jnp.float8_e4m3fn])
def test_dtypes(drop, dtype):
    with pytest.raises(TypeError, match=r"x must be of float16, .* or float64, not (int|bool|c|f)"):
        drop(KEY, X.astype(dtype), 0.5, training=True)


def test_options():
    with pytest.raises(TypeError, match=r"options of variant 'standard' must be .*not 'axes'"):
        dropout(KEY, X, 0.5, training=True, axes=1)
    with pytest.raises(ValueError, match="shared_axes"):
        dropout(KEY, X, 0.5, training=True, shared_axes=2)
    with pytest.raises(ValueError, match="shared_axes"):
        dropout(KEY, X, 0.5, training=True, shared_axes=(0, -2))
    with pytest.raises(LookupError, match="nothing"):
        dropout(KEY, X, 0.5, training=True, variant="nothing")
    with pytest.raises(ValueError, match="x must have an axis besides channel_axis"):
        dropout(KEY, X, 0.5, training=True, variant="spatial", channel_axis=1)
