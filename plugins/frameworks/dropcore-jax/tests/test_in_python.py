"""Variants without a compiled form, and variants of other authors."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dropcore_jax import draw_of, dropout, dropout_in_python

import dropcore

KEY = jax.random.key(3)


@dataclass(frozen=True)
class Halved(dropcore.PlannedVariant):
    """A variant whose dropped elements become 7, with another inference rule."""

    name: ClassVar[str] = "halved"

    def plan(self, p, shape):
        return dropcore.Plan(scale=1.0, drop=7.0)

    def infer(self, p, *inputs):
        return inputs[0] / 2

    def infer_backward(self, p, dy):
        return dy / 2


@dataclass(frozen=True)
class Sevens(dropcore.PlannedVariant):
    name: ClassVar[str] = "sevens"

    def plan(self, p, shape):
        return dropcore.Plan(scale=1.0, drop=7.0)


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("variant", ["gaussian", "exactcount", "standard", Halved()])
def test_the_variant_itself_is_run(variant):
    x, dy = normal(5, 40), normal(5, 40)[::-1]
    drop = partial(dropout_in_python, KEY, p=0.3, training=True, variant=variant)
    y, mask = dropcore.dropout(x, 0.3, training=True, rng=draw_of(KEY), variant=variant)
    for f in (drop, jax.jit(drop)):
        value, vjp = jax.vjp(f, x)
        np.testing.assert_array_equal(value, y)
        np.testing.assert_array_equal(vjp(jnp.asarray(dy))[0], mask.backward(dy))


@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16])
def test_half_types(dtype):
    x = normal(100).astype(dtype)
    y = dropout_in_python(KEY, x, 0.3, training=True, variant="gaussian")
    expected, _ = dropcore.dropout(x, 0.3, training=True, rng=draw_of(KEY), variant="gaussian")
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, expected)


def test_inference_is_the_variants():
    x = jnp.asarray(normal(9))
    infer = partial(dropout_in_python, None, p=0.3, training=False, variant=Halved())
    y, vjp = jax.vjp(jax.jit(infer), x)
    np.testing.assert_array_equal(y, x / 2)
    np.testing.assert_array_equal(vjp(jnp.ones(9))[0], np.full(9, 0.5))


def test_each_member_of_a_batch_by_its_key():
    keys, x = jax.random.split(KEY, 4), normal(4, 3, 10)
    drop = partial(dropout_in_python, p=0.3, training=True, variant="exactcount")
    expected = np.stack([drop(key, member) for key, member in zip(keys, x, strict=True)])
    np.testing.assert_array_equal(jax.jit(jax.vmap(drop))(keys, x), expected)


def test_large_arrays_do_not_wait_for_themselves():
    x = jnp.ones((1 << 11, 1 << 9))
    step = jax.jit(jax.grad(lambda x: _gaussian(jnp.sin(x) * 2).sum()))
    assert jnp.isfinite(step(x)).all()


def _gaussian(x):
    return dropout_in_python(KEY, x, 0.3, training=True, variant="gaussian")


def test_a_planned_variant_of_anyone_is_compiled():
    x = normal(1000)
    y = dropout(KEY, x, 0.3, training=True, variant=Sevens())
    expected, _ = dropcore.dropout(x, 0.3, training=True, rng=draw_of(KEY), variant=Sevens())
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("variant", ["gaussian", "exactcount", Halved()])
def test_dropout_says_what_takes_the_others(variant):
    with pytest.raises(TypeError, match=r"compiled form.*dropout_in_python takes this"):
        dropout(KEY, normal(4), 0.3, training=True, variant=variant)


def test_variants_of_more_inputs_are_refused():
    @dataclass(frozen=True)
    class Two(dropcore.FreeVariant):
        name: ClassVar[str] = "two"
        inputs: ClassVar[tuple[str, ...]] = ("x", "previous")

        def forward(self, draw, p, *inputs):
            raise NotImplementedError

        def backward(self, draw, p, dy, *saved):
            raise NotImplementedError

    with pytest.raises(TypeError, match="'two', which takes x, previous"):
        dropout_in_python(KEY, normal(4), 0.3, training=True, variant=Two())
    with pytest.raises(TypeError, match=r"only such variants have a compiled form$"):
        dropout(KEY, normal(4), 0.3, training=True, variant=Two())
