"""`jax.debug_key_reuse` finds each key that two calls use, whichever functions they are."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from dropcore_jax import dropout, dropout_in_python

X = jnp.ones((4, 6))


@pytest.fixture(autouse=True)
def _checked():
    with jax.debug_key_reuse(True):
        yield


@pytest.fixture
def key():
    return jax.random.key(3)


compiled = partial(dropout, x=X, p=0.5, training=True)
in_python = partial(dropout_in_python, x=X, p=0.5, training=True, variant="gaussian")


def normal(key):
    return jax.random.normal(key, X.shape)


def in_jit(f):
    return jax.jit(lambda key: f(key=key))


REUSED = [
    lambda key: compiled(key) + compiled(key),
    lambda key: compiled(key) + normal(key),
    lambda key: normal(key) + compiled(key),
    lambda key: compiled(key) + in_python(key),
    lambda key: in_python(key) + normal(key),
    lambda key: in_jit(compiled)(key) + in_jit(compiled)(key),
    lambda key: compiled(key) + jax.vmap(partial(dropout, key, p=0.5, training=True))(X),
    lambda key: (compiled(key), jax.random.split(key)),
    lambda key: jax.lax.fori_loop(0, 3, lambda _, y: y + compiled(key), X),
]


@pytest.mark.parametrize("number", range(len(REUSED)))
@pytest.mark.parametrize("jit", [lambda f: f, jax.jit], ids=["eagerly", "in jit"])
def test_a_key_used_twice(key, number, jit):
    with pytest.raises(jax.errors.KeyReuseError):
        jit(REUSED[number])(key)


def gradient(key, drop):
    return jax.grad(lambda x: (drop(key, x=x) ** 2).sum())(X)


FINE = [
    lambda key: [f(k) for f, k in zip((compiled, normal), jax.random.split(key), strict=True)],
    lambda key: gradient(key, compiled),
    lambda key: gradient(key, in_python),
    lambda key: gradient(key, lambda key, x: jax.checkpoint(compiled)(key, x=x)),
    lambda key: jax.vmap(partial(dropout, p=0.5, training=True))(jax.random.split(key, 4), X),
    lambda key: jax.hessian(lambda x: compiled(key, x=x).sum())(X),
    lambda key: (compiled(key, training=False), compiled(key)),
    lambda key: compiled(jax.random.key_data(key)),
    lambda key: (jax.random.clone(key), compiled(key)),
]


@pytest.mark.parametrize("number", range(len(FINE)))
@pytest.mark.parametrize("jit", [lambda f: f, jax.jit], ids=["eagerly", "in jit"])
def test_a_key_used_once(key, number, jit):
    jit(FINE[number])(key)


def test_unchecked_nothing_is_added():
    with jax.debug_key_reuse(False):
        assert "random_bits" not in str(jax.make_jaxpr(compiled)(jax.random.key(3)))
