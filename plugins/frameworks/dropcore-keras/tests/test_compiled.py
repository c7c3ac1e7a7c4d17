"""Compiled and uncompiled calls have the same masks: no mask becomes a constant of a program."""

import dropcore_keras
import keras
import numpy as np
import pytest
from helpers import array, draw, normal

import dropcore

STEPS = 12
NAMES = ["Dropout", "AlphaDropout", "GaussianDropout", "SpatialDropout1D"]
VARIANTS = {"AlphaDropout": "alpha", "GaussianDropout": "gaussian"}
BACKEND = keras.backend.backend()
on_jax = pytest.mark.skipif(BACKEND != "jax", reason="of the jax backend")
on_torch = pytest.mark.skipif(BACKEND != "torch", reason="of the torch backend")
X = normal(4, 6, 10)


def build(name, seed=42):
    return getattr(dropcore_keras, name)(0.4, seed=seed)


def expected(name, call, seed=42, x=X):
    how = {"variant": VARIANTS.get(name, "standard")}
    if name == "SpatialDropout1D":
        how = {"shared_axes": 1}
    return dropcore.dropout(x, 0.4, training=True, rng=draw(seed, call), **how)[0]


# ------------------------------------------------------------ fit


class Probe(keras.layers.Layer):
    """A layer whose weight has the sum of its input as gradient, and so records the mask."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=shape[1:], initializer="zeros")

    def call(self, inputs):
        return keras.ops.sum(inputs * self.kernel, axis=(1, 2))


class Kept(keras.callbacks.Callback):
    """A callback that records the change of the probe's weight after each step."""

    def on_train_begin(self, logs=None):
        self.before, self.changes = np.zeros(X.shape[1:], "float32"), []

    def on_train_batch_end(self, batch, logs=None):
        # Compiled training writes the weights back only at the end of an epoch.
        if BACKEND == "jax":
            self.model.jax_state_sync()
        now = array(self.model.layers[-1].kernel)
        self.changes.append(now - self.before)
        self.before = now


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # Keras's step, as torch compiles it
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_fit(name, jit_compile):
    model = keras.Sequential([keras.Input(X.shape[1:]), build(name), Probe()])
    # loss = - mean of y, learning rate 1: each step adds the mean of the dropout layer's output.
    model.compile(
        keras.optimizers.SGD(1.0),
        lambda labels, y: -keras.ops.mean(y),
        jit_compile=jit_compile,
        run_eagerly=not jit_compile,
    )
    kept = Kept()
    x = np.tile(X, (STEPS, 1, 1))
    model.fit(x, np.zeros(len(x)), len(X), epochs=2, shuffle=False, verbose=0, callbacks=[kept])
    assert len(kept.changes) == 2 * STEPS
    calls = [expected(name, call).mean(0) for call in range(2 * STEPS + 2)]
    first = next((k for k in range(3) if np.allclose(kept.changes[0], calls[k], atol=1e-5)), None)
    assert first is not None  # building may have called the layer
    for step, change in enumerate(kept.changes[: 2 * STEPS - 1]):
        np.testing.assert_allclose(change, calls[first + step], rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------ functions of a user


@on_jax
@pytest.mark.parametrize("name", NAMES)
def test_a_function_that_jax_compiles_takes_the_state(name):
    import jax

    layer = build(name)

    @jax.jit
    def step(variables, x):
        return layer.stateless_call([], variables, x, training=True)

    variables = [variable.value for variable in layer.non_trainable_variables]
    for call in range(STEPS):
        y, variables = step(variables, X)
        np.testing.assert_array_equal(y, expected(name, call))


@on_jax
@pytest.mark.parametrize("seed", [None, 42])
@pytest.mark.parametrize("name", NAMES)
def test_a_function_that_would_keep_the_seed_is_refused(name, seed):
    import jax

    layer = build(name, seed)
    for transform in (jax.jit, jax.checkpoint):
        with pytest.raises(RuntimeError, match=r"same elements in each call .* stateless_call"):
            transform(lambda x: layer(x, training=True))(X)
    np.testing.assert_array_equal(jax.jit(lambda x: layer(x, training=False))(X), X)
    layer(X, training=True)  # the compiled call left the state of the layer unchanged
    layer = build(name)
    dx = jax.grad(lambda x: (layer(x, training=True)).sum())(X)
    assert np.isfinite(dx).all()
    np.testing.assert_array_equal(layer(X, training=True), expected(name, 1))


@on_torch
@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
@pytest.mark.parametrize("name", NAMES)
def test_a_function_that_torch_compiles(name, backend):
    import torch

    layer, x = build(name), torch.tensor(X)
    step = torch.compile(lambda x: layer(x, training=True), backend=backend)
    for call in range(STEPS):
        np.testing.assert_array_equal(array(step(x)), expected(name, call))


@on_torch
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_layers_made_for_one_call(backend):
    import torch

    x = torch.tensor(X)

    def once(x, seed):
        return dropcore_keras.Dropout(0.4, seed=seed)(x, training=True)

    def step(x, layer):
        return layer(x, training=True)

    compiled = torch.compile(step, backend=backend)
    for seed in range(STEPS):
        y = compiled(x, dropcore_keras.Dropout(0.4, seed=seed))
        np.testing.assert_array_equal(array(y), expected("Dropout", 0, seed))


@on_torch
@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
@pytest.mark.parametrize("name", NAMES)
def test_without_a_seed_torchs_generator_rules(name, backend):
    import torch

    layer, x = build(name, None), torch.tensor(X)
    step = torch.compile(lambda x: layer(x, training=True), backend=backend)
    step(x)

    def run(f):
        keras.utils.set_random_seed(5)
        return [array(f(x)).tobytes() for _ in range(STEPS)]

    compiled = run(step)
    assert len(set(compiled)) == STEPS
    assert run(step) == compiled
    if backend != "inductor":  # inductor draws other random numbers
        assert compiled == run(lambda x: layer(x, training=True))
