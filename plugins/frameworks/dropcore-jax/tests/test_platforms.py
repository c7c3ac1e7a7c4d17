"""The operations for platforms other than CPUs, run on the CPU: the same masks and values."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dropcore_jax import block, draw_of, dropout, stream

import dropcore

KEY = jax.random.key(3)
KEYS = jax.random.split(KEY, 6)
P_VALUES = [0, 2**-64, 0.1, 3 / 16, 0.25, 1 / 3, 0.5, 1 - 2**-53, 1]


def step(key, x):
    return jax.value_and_grad(lambda x: dropout(key, x, 0.3, training=True).sum())(x)


def lowered_for(platform):
    traced = jax.jit(step).trace(KEYS[0], jnp.ones(100))
    return traced.lower(lowering_platforms=(platform,)).as_text()


def test_the_handler_is_called_on_cpus_alone():
    assert lowered_for("cpu").count("custom_call @dropcore_dropout") == 2
    for platform in ("cuda", "rocm", "tpu"):
        assert "custom_call" not in lowered_for(platform)


@pytest.mark.parametrize("words", [1, 2, 4, 8])
def test_the_key_of_a_key(words):
    data = np.random.default_rng(words).integers(0, 2**32, (5, words), np.uint32).astype("<u4")
    keys = np.asarray(jax.jit(jax.vmap(stream.key_of_words))(data)).astype("<u4")
    for key, each in zip(keys, data, strict=True):
        assert key.tobytes() == dropcore.Stream(each.tobytes()).at(0).key


@pytest.mark.parametrize("p", P_VALUES)
def test_decisions_of_any_run(p):
    key = jax.jit(stream.key_of_words)(jax.random.key_data(KEY))
    keep_runs = jax.jit(stream.keep_runs, static_argnums=(1, 3))
    starts = [0, 1, 31, 32, 8191, 2**32 - 5, 2**40 + 77, 2**62 + 12345]
    words = np.array([[start >> 32, start % 2**32] for start in starts], np.uint32)
    for n in (0, 33, 9000):
        keep = keep_runs(key, p, (words[:, 0], words[:, 1]), n)
        for one, start in zip(keep, starts, strict=True):
            expected = dropcore.keep_mask(n, p, rng=draw_of(KEY), start=start)
            np.testing.assert_array_equal(one, expected)


def test_ties():
    n = 1 << 20  # s(i) decides one element in 256
    masking = block.Masking(0.1, 1.0, 0.0, 0.0, (False,))
    drop = jax.jit(partial(block.in_jax, masking=masking))
    y = drop(jax.random.key_data(KEY), jnp.zeros(2, jnp.uint32), jnp.ones(n))
    np.testing.assert_array_equal(y != 0, dropcore.keep_mask(n, 0.1, rng=draw_of(KEY)))


HOWS = [
    {},
    {"shared_axes": (0, -1)},
    {"shared_axes": (0, 1, 2)},
    {"variant": "alpha"},
    {"variant": "alpha", "fixed_mean": 0.5, "fixed_var": 3.0},
    {"variant": "spatial", "channel_axis": 1},
]
FLOAT32 = [(np.float32, p, how) for p in (0, 0.3, 1) for how in HOWS]
OTHERS = [(dtype, 0.3, {"variant": "alpha"}) for dtype in (np.float16, jnp.bfloat16, np.float64)]


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(("dtype", "p", "how"), [*FLOAT32, *OTHERS], ids=str)
def test_values_are_the_same_to_the_bit(dtype, p, how):
    with jax.enable_x64(True):
        x = np.random.default_rng(0).normal(size=(20, 6, 30)).astype(dtype)
        x[0, 0, :4] = [np.inf, -np.inf, np.nan, -0.0]
        expected, mask = dropcore.dropout(x, p, training=True, rng=draw_of(KEY), **how)

        @jax.jit
        def both(x):
            y, vjp = jax.vjp(partial(dropout, KEY, p=p, training=True, **how), x)
            return y, vjp(x)[0]

        y, dx = both(jnp.asarray(x))
        assert (y.shape, y.dtype) == (x.shape, x.dtype)
        nan = np.isnan(expected)
        np.testing.assert_array_equal(np.isnan(y), nan)
        assert np.asarray(y)[~nan].tobytes() == expected[~nan].tobytes()
        np.testing.assert_array_equal(np.float64(dx), np.float64(mask.backward(x)))


@pytest.mark.usefixtures("plain")
def test_each_member_of_a_batch_by_its_key():
    x = np.random.default_rng(0).normal(size=(4, 100)).astype(np.float32)
    y = jax.vmap(lambda key: dropout(key, x, 0.3, training=True))(KEYS)
    for key, each in zip(KEYS, y, strict=True):
        expected, _ = dropcore.dropout(x, 0.3, training=True, rng=draw_of(key))
        np.testing.assert_array_equal(each, expected)


@pytest.mark.usefixtures("plain")
def test_empty_arrays_and_scalars():
    for shape in ((), (0,), (3, 0, 2)):
        x = np.ones(shape, np.float32)
        expected, _ = dropcore.dropout(x, 0.5, training=True, rng=draw_of(KEY))
        np.testing.assert_array_equal(dropout(KEY, x, 0.5, training=True), expected)


@pytest.mark.usefixtures("plain")
def test_a_run_longer_than_32_bits_count_goes_in_pieces(monkeypatch):
    monkeypatch.setattr(block, "PIECE", 1000)
    x = np.ones((3, 2500), np.float32)
    expected, _ = dropcore.dropout(x, 0.1, training=True, rng=draw_of(KEY))
    np.testing.assert_array_equal(dropout(KEY, x, 0.1, training=True), expected)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("p", [0.1, 0.5])
@pytest.mark.parametrize("shape", [(40,), (1000, 4000)])
def test_a_program_stays_small(p, shape):
    lowered = jax.jit(partial(dropout, p=p, training=True)).lower(KEY, jnp.ones(shape))
    assert len(lowered.as_text().splitlines()) < 2000  # XLA takes minutes for unrolled rounds
