"""Derivatives of any order in both modes, vmap, and transformations that use them."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dropcore_jax import dropout
from jax.experimental.jet import jet
from jax.sharding import PartitionSpec
from jax.test_util import check_grads

KEY = jax.random.key(3)
HOWS = [
    {},
    {"shared_axes": 1},
    {"shared_axes": 0},
    {"variant": "alpha"},
    {"variant": "alpha", "shared_axes": (0, 2)},
    {"variant": "spatial", "channel_axis": 1},
]
every_how = pytest.mark.parametrize("how", HOWS, ids=str)


def normal(*shape, dtype=np.float32):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), dtype)


def drop(key, x, p=0.4, **how):
    return dropout(key, x, p, training=True, **how)


# ------------------------------------------------------------ derivatives


@every_how
def test_the_gradient_is_the_slope_where_kept(how):
    x = normal(9, 10, 11)
    y, vjp = jax.vjp(partial(drop, KEY, **how), x)
    (dx,) = vjp(jnp.ones_like(y))
    slope = drop(KEY, x + 1, **how) - y
    np.testing.assert_allclose(dx, slope, atol=1e-5)
    assert 0 < (dx == 0).sum() < x.size
    _, dy = jax.jvp(partial(drop, KEY, **how), (x,), (jnp.ones_like(x),))
    np.testing.assert_array_equal(dy, dx)


@every_how
@pytest.mark.parametrize("p", [0, 0.4, 1])
def test_derivatives_to_the_second_order_both_ways(how, p):
    with jax.enable_x64(True):
        x = normal(3, 4, 2, dtype=np.float64)
        check_grads(lambda x: drop(KEY, x**2, p, **how) ** 3, (x,), order=2)


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16, np.float32, np.float64])
def test_the_gradient_in_each_dtype(dtype):
    with jax.enable_x64(True):
        x = normal(1000, dtype=dtype)
        dx = jax.jit(jax.grad(lambda x: drop(KEY, x, 0.5).sum()))(x)
        assert dx.dtype == x.dtype
        np.testing.assert_array_equal(dx, drop(KEY, jnp.ones_like(x), 0.5))


def test_the_gradient_at_a_dropped_infinity_is_zero():
    x = jnp.full(100, jnp.inf)
    dx = jax.grad(lambda x: drop(KEY, x).sum())(x)
    np.testing.assert_array_equal(dx, drop(KEY, jnp.ones(100)))
    dy = jnp.where(dx == 0, jnp.nan, 1)
    (dx,) = jax.vjp(partial(drop, KEY), x)[1](dy)
    assert jnp.isfinite(dx).all()


def test_hessian():
    x = normal(6)
    keep = drop(KEY, jnp.ones(6), 0.5)
    for hessian in (jax.hessian, lambda f: jax.jacrev(jax.jacfwd(f))):
        h = hessian(lambda x: (drop(KEY, x, 0.5) ** 2).sum())(x)
        np.testing.assert_allclose(h, jnp.diag(2 * keep**2))


@every_how
def test_taylor_series(how):
    x, v, zero = normal(4, 5, 6), normal(4, 5, 6) + 1, jnp.zeros((4, 5, 6))

    def f(x):
        return jnp.sin(drop(KEY, x**2, **how))

    y, (first, second, third) = jet(f, (x,), ((v, zero, zero),))

    def derivative(f):
        return lambda x: jax.jvp(f, (x,), (v,))[1]

    np.testing.assert_array_equal(y, f(x))
    for term in (first, second, third):
        f = derivative(f)
        np.testing.assert_allclose(term, f(x), rtol=1e-3, atol=1e-3)


def test_the_transpose_of_what_is_linear():
    x, dy = normal(9, 10), normal(9, 10)[::-1]
    (dx,) = jax.linear_transpose(lambda x: drop(KEY, x, shared_axes=1), x)(dy)
    np.testing.assert_array_equal(dx, drop(KEY, dy, shared_axes=1))


@pytest.mark.parametrize("p", [0, 0.4])
def test_what_adds_a_constant_has_no_transpose(p):
    x = normal(9, 10)
    with pytest.raises(NotImplementedError, match=r"linear_transpose .* adds a constant.*jax\.vjp"):
        jax.linear_transpose(lambda x: drop(KEY, x, p, variant="alpha"), x)(x)
    jax.vjp(lambda x: drop(KEY, x, p, variant="alpha"), x)[1](x)


def test_keys_have_no_gradient():
    raw = jax.random.PRNGKey(3)
    _, vjp = jax.vjp(drop, raw, normal(5))
    assert vjp(jnp.ones(5))[0].dtype == jax.dtypes.float0
    y, dy = jax.jvp(drop, (raw, normal(5)), (np.zeros(raw.shape, jax.dtypes.float0), jnp.ones(5)))
    np.testing.assert_array_equal(dy == 0, y == 0)


def test_nothing_but_the_key_is_kept_for_backward():
    _, vjp = jax.vjp(partial(drop, KEY), normal(1000))
    assert sum(leaf.size for leaf in jax.tree.leaves(vjp)) <= 4


def test_recomputation_sees_the_same_mask():
    x = normal(100)

    def f(x):
        return jnp.sin(drop(KEY, jnp.cos(x))).sum()

    np.testing.assert_array_equal(jax.grad(jax.checkpoint(f))(x), jax.grad(f)(x))


# ------------------------------------------------------------ vmap


@every_how
def test_each_member_of_a_batch_by_its_key(how):
    keys, x = jax.random.split(KEY, 7), normal(7, 4, 3, 5)
    expected = jnp.stack([drop(key, member, **how) for key, member in zip(keys, x, strict=True)])
    f = partial(drop, **how)
    np.testing.assert_array_equal(jax.vmap(f)(keys, x), expected)
    np.testing.assert_array_equal(jax.jit(jax.vmap(f))(keys, x), expected)
    moved = jax.vmap(f, in_axes=(0, 2), out_axes=1)(keys, jnp.moveaxis(x, 0, 2))
    np.testing.assert_array_equal(jnp.moveaxis(moved, 1, 0), expected)


@every_how
def test_one_key_gives_all_members_one_mask(how):
    x = normal(7, 4, 3, 5)
    expected = jnp.stack([drop(KEY, member, **how) for member in x])
    np.testing.assert_array_equal(jax.vmap(partial(drop, **how), (None, 0))(KEY, x), expected)


@every_how
def test_many_masks_of_one_array(how):
    keys, x = jax.random.split(KEY, 7), normal(4, 3, 5)
    f = partial(drop, **how)
    expected = jnp.stack([f(key, x) for key in keys])
    np.testing.assert_array_equal(jax.vmap(f, (0, None))(keys, x), expected)
    dx = jax.grad(lambda x: jax.vmap(f, (0, None))(keys, x).sum())(x)
    each = jnp.stack([jax.grad(lambda x, key=key: f(key, x).sum())(x) for key in keys])
    np.testing.assert_allclose(dx, each.sum(0), rtol=1e-6)


def test_batches_of_batches():
    keys, x = jax.random.split(KEY, (3, 2)), normal(2, 5, 9)
    expected = np.array(
        [[[drop(keys[i, j], x[j, k]) for k in range(5)] for j in range(2)] for i in range(3)]
    )
    inner = jax.vmap(drop, (None, 0))  # axis 5
    middle = jax.vmap(inner, (0, 0))  # axis 2
    np.testing.assert_array_equal(jax.vmap(middle, (0, None))(keys, x), expected)
    across = jax.vmap(jax.vmap(jax.vmap(drop, (0, None)), (0, 0)), (None, 1), out_axes=2)
    np.testing.assert_array_equal(across(jnp.swapaxes(keys, 0, 1), x).swapaxes(0, 1), expected)


def test_gradients_for_each_example():
    keys, x = jax.random.split(KEY, 7), normal(7, 50)
    f = jax.vmap(jax.grad(lambda x, key: (drop(key, x) ** 2).sum()))
    y = jax.vmap(drop)(keys, x)
    np.testing.assert_allclose(f(x, keys), 2 * y / 0.6, rtol=1e-6)


def test_an_empty_batch():
    keys = jax.random.split(KEY, 2)[:0]
    assert jax.vmap(drop)(keys, jnp.ones((0, 5))).shape == (0, 5)


# ------------------------------------------------------------ inside larger programs


def test_scan():
    keys, x = jax.random.split(KEY, 5), normal(20)
    last, _ = jax.lax.scan(lambda x, key: (drop(key, x, 0.1), None), x, keys)
    for key in keys:
        x = drop(key, x, 0.1)
    np.testing.assert_array_equal(last, x)


def test_an_array_over_several_devices(mesh):
    x = jax.device_put(normal(6, 50), jax.NamedSharding(mesh, PartitionSpec("batch")))
    np.testing.assert_array_equal(jax.jit(drop)(KEY, x), drop(KEY, normal(6, 50)))


def device_key():
    return jax.random.fold_in(KEY, jax.lax.axis_index("batch"))


def test_each_device_by_its_key(mesh):
    x, rows = normal(6, 50), PartitionSpec("batch")
    f = jax.shard_map(lambda x: drop(device_key(), x), mesh=mesh, in_specs=rows, out_specs=rows)
    expected = [drop(jax.random.fold_in(KEY, i), x[3 * i :][:3]) for i in range(2)]
    np.testing.assert_array_equal(jax.jit(f)(x), jnp.concatenate(expected))


def test_weights_that_devices_share(mesh):
    def loss(w):
        return jax.lax.psum(drop(device_key(), w).sum(), "batch")

    w, everywhere = normal(50), PartitionSpec()
    f = jax.shard_map(loss, mesh=mesh, in_specs=everywhere, out_specs=everywhere)
    expected = sum(drop(jax.random.fold_in(KEY, i), jnp.ones(50)) for i in range(2))
    np.testing.assert_array_equal(jax.grad(f)(w), expected)
