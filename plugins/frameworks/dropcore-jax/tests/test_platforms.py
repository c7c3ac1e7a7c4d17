"""What becomes of a program elsewhere than on a CPU: lowered here, not run."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dropcore_jax import dropout, primitive

KEYS = jax.random.split(jax.random.key(3), 6)


def step(key, x):
    return jax.value_and_grad(lambda x: dropout(key, x, 0.3, training=True).sum())(x)


def lowered_for(platform):
    traced = jax.jit(step).trace(KEYS[0], jnp.ones(100))
    return traced.lower(lowering_platforms=(platform,)).as_text()


def test_the_handler_is_called_on_cpus_alone():
    assert lowered_for("cpu").count("custom_call @dropcore_dropout") == 2
    for platform in ("cuda", "rocm", "tpu"):
        assert "custom_call" not in lowered_for(platform)


@pytest.fixture
def elsewhere(monkeypatch):
    """The primitive as it is on other platforms, run on this one."""
    monkeypatch.setattr(
        primitive, "apply", lambda words, x, masking: primitive.in_jax(words, x, masking=masking)
    )
    monkeypatch.setattr("dropcore_jax.functional.apply", primitive.apply)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("how", "mask_shape"),
    [
        ({}, (20, 6, 30)),
        ({"shared_axes": (0, -1)}, (1, 6, 1)),
        ({"variant": "alpha"}, (20, 6, 30)),
        ({"variant": "spatial", "channel_axis": 1}, (20, 6, 1)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, jnp.bfloat16])
def test_elsewhere_the_mask_is_jaxs_own(how, mask_shape, dtype):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(20, 6, 30)), dtype)
    drop = partial(dropout, p=0.3, training=True, **how)
    y = drop(KEYS[0], x)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    dropped = jax.grad(lambda x: drop(KEYS[0], x).astype(np.float32).sum())(x) == 0
    keep = jax.random.bernoulli(KEYS[0], 0.7, mask_shape)
    np.testing.assert_array_equal(dropped, ~jnp.broadcast_to(keep, x.shape))
    each = jnp.stack([drop(key, x) for key in KEYS])
    np.testing.assert_array_equal(jax.vmap(drop, (0, None))(KEYS, x), each)


@pytest.mark.usefixtures("elsewhere")
def test_elsewhere_p_at_its_ends():
    x = jnp.ones(1000)
    np.testing.assert_array_equal(dropout(KEYS[0], x, 0, training=True), x)
    np.testing.assert_array_equal(dropout(KEYS[0], x, 1, training=True), 0 * x)
