"""A key gives the same mask on each path through JAX, and the mask that the core gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dropcore_jax import draw_of, dropout

import dropcore

KEY = jax.random.key(3)
DTYPES = [np.float32, np.float64, np.float16, jnp.bfloat16]
# Shapes and shared axes.
SHARED = [
    ((), ()),
    ((0,), ()),
    ((7,), 0),
    ((3, 0, 2), 1),
    ((8193,), ()),
    ((40, 33), 1),
    ((40, 33), 0),
    ((4, 5, 6), 1),
    ((4, 5, 6), (0, -1)),
    ((4, 1, 5, 6), (1, 2)),
    ((3, 4, 5, 2, 3), (1, 3)),
    ((2, 3, 4, 5, 2, 3), (0, 2, 4)),
    ((2, 3, 4, 5, 2, 3), (1, 3, 5)),
    ((2, 3, 4), (0, 1, 2)),
]


@pytest.fixture(autouse=True)
def _all_dtypes():
    with jax.enable_x64(True):
        yield


def array(shape, dtype=np.float32):
    return np.asarray(np.random.default_rng(0).normal(size=shape)).astype(dtype)


def assert_as_numpy(x, p, **how):
    """The result in JAX is bit-identical to the core's result for the draw of the key."""
    expected, _ = dropcore.dropout(x, p, training=True, rng=draw_of(KEY), **how)
    for y in (
        dropout(KEY, x, p, training=True, **how),
        jax.jit(lambda key, x: dropout(key, x, p, training=True, **how))(KEY, x),
    ):
        assert y.dtype == x.dtype
        assert y.shape == expected.shape
        assert np.asarray(y).tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [0, 1e-10, 0.1, 0.5, np.float32(0.25), 1])
def test_a_key_means_the_mask_of_its_draw(p, dtype):
    assert_as_numpy(array((3, 5001), dtype), p)


@pytest.mark.parametrize(("shape", "shared_axes"), SHARED)
@pytest.mark.parametrize("dtype", DTYPES)
def test_shared_axes(shape, shared_axes, dtype):
    assert_as_numpy(array(shape, dtype), 0.4, shared_axes=shared_axes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [0, 0.3, 1])
def test_planned_variants(p, dtype):
    x = array((4, 3, 5, 6), dtype)
    assert_as_numpy(x, p, variant="alpha")
    assert_as_numpy(x, p, variant="alpha", fixed_mean=0.5, fixed_var=2.0, shared_axes=(2, 3))
    assert_as_numpy(x, p, variant="spatial", channel_axis=1)
    assert_as_numpy(x, p, variant="spatial", channel_axis=-1)
    assert_as_numpy(x, p, variant=dropcore.get_variant("spatial", channel_axis=1))


def test_dropped_is_zero_whatever_it_was():
    x = np.tile(np.array([np.inf, -np.inf, np.nan, -1], np.float32), 50)
    assert_as_numpy(x, 0.5)


def test_subnormal_values_may_be_flushed_but_nothing_else():
    x = np.tile(np.array([1e-40, 1e-37, -1, 1e-45], np.float32), 500)
    expected, _ = dropcore.dropout(x, 0.5, training=True, rng=draw_of(KEY))
    for f in (dropout, jax.jit(dropout, static_argnames=("p", "training"))):
        y = np.asarray(f(KEY, x, p=0.5, training=True))
        flushed = y != expected
        assert (y[flushed] == 0).all()
        assert (np.abs(x[flushed]) < 1e-38).all()


def test_p_may_be_a_scalar_array():
    x = array(1000)
    for p in (*jnp.linspace(0, 0.5, 3), jnp.bfloat16(0.25), jnp.int8(1)):
        y = dropout(KEY, x, p, training=True)
        np.testing.assert_array_equal(y, dropout(KEY, x, float(p), training=True))


def test_typed_and_raw_keys_are_one():
    x = array(1000)
    y = dropout(jax.random.key(3), x, 0.5, training=True)
    for raw in (jax.random.PRNGKey(3), np.asarray(jax.random.PRNGKey(3))):
        np.testing.assert_array_equal(y, dropout(raw, x, 0.5, training=True))
        assert draw_of(raw) == draw_of(KEY)


def test_the_mapping_is_a_promise():
    words = np.array([0x01020304, 0xA0B0C0D0], np.uint32)
    seed = bytes.fromhex("04030201d0c0b0a0")
    assert draw_of(jnp.asarray(words)) == dropcore.Stream(seed).at(0)


def test_other_kinds_of_keys():
    key = jax.random.key(3, impl="rbg")
    x = array(1000)
    y = dropout(key, x, 0.5, training=True)
    expected, _ = dropcore.dropout(x, 0.5, training=True, rng=draw_of(key))
    np.testing.assert_array_equal(y, expected)


def test_other_keys_drop_other_elements():
    x = np.ones(10_000, np.float32)
    masks = [
        np.asarray(dropout(key, x, 0.5, training=True) == 0) for key in jax.random.split(KEY, 4)
    ]
    for one in range(4):
        assert abs(masks[one].mean() - 0.5) < 0.03
        for other in range(one):
            assert abs((masks[one] == masks[other]).mean() - 0.5) < 0.03


def test_inference_is_the_identity_and_needs_no_key():
    x = array(10)
    np.testing.assert_array_equal(dropout(None, x, 0.5, training=False), x)
    np.testing.assert_array_equal(dropout(None, x, 0.5, training=np.False_, variant="alpha"), x)


def test_without_jit():
    x = array(1000)
    with jax.disable_jit():
        y = dropout(KEY, x, 0.5, training=True)
    np.testing.assert_array_equal(y, dropout(KEY, x, 0.5, training=True))
