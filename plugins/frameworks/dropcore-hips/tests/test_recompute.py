"""Functions that autograd computes again: with the masks of the first time, or not at all."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from autograd import elementwise_grad, grad, hessian, make_jvp, value_and_grad
from autograd.misc.fixed_points import fixed_point
from autograd.test_util import check_grads
from dropcore_hips import checkpoint, dropout

import dropcore

MOVING = {
    "a stream": lambda: dropcore.Stream(3),
    "a generator": lambda: np.random.default_rng(3),
    "a bit generator": lambda: np.random.PCG64(3),
    "nothing": lambda: None,
}
FIXED = {
    "a draw": lambda: dropcore.Stream(3).at(5),
    "an integer": lambda: 3,
    "a NumPy integer": lambda: np.int64(3),
    "a seed sequence": lambda: np.random.SeedSequence(3),
}
every_source = pytest.mark.parametrize("make", (MOVING | FIXED).values(), ids=MOVING | FIXED)
moving = pytest.mark.parametrize("make", MOVING.values(), ids=MOVING)
fixed = pytest.mark.parametrize("make", FIXED.values(), ids=FIXED)
X = np.random.default_rng(0).normal(size=200)


def drop(x, rng, p=0.5, training=True, **options):
    return dropout(x, p, training=training, rng=rng, **options)


def assert_gradient_is_of_the_value(layer):
    """A kept element has y = scale * x, so the gradient of sum(y * x) is 2 * y."""
    kept = []

    def loss(x):
        y = layer(x)
        kept.append(y._value)
        return anp.sum(y * x)

    gradient = grad(loss)(X)
    assert 0 < np.count_nonzero(kept[0]) < X.size
    np.testing.assert_array_equal(gradient, 2 * kept[0])


# --------------------------------------------------------------- dropcore's checkpoint


@every_source
@pytest.mark.parametrize("store", ["bits", "draw"])
def test_the_gradient_is_that_of_the_value(make, store):
    rng = make()
    assert_gradient_is_of_the_value(checkpoint(lambda x: drop(x, rng, store=store)))


def test_draws_that_the_function_makes_itself():
    stream = dropcore.Stream(3)
    assert_gradient_is_of_the_value(checkpoint(lambda x: drop(x, stream.draw())))


@pytest.mark.parametrize("make", [MOVING["a stream"], MOVING["a generator"]])
@pytest.mark.parametrize("training", [True, np.True_, False])
def test_a_network_as_without_a_checkpoint(make, training):
    weights = np.random.default_rng(1).normal(size=(3, 8, 8))

    def network(around):
        rng, infer = make(), training

        def block(x, w, scale=1.0):
            h = drop(anp.tanh(anp.dot(x, w)), rng, training=infer)
            h = drop(h, rng, 0.9, training=False, variant="alpha")
            return scale * drop(h, rng, 0.2, training=infer, shared_axes=1)

        def loss(x, weights):
            for w in weights:
                x = around(block)(x, w, scale=2.0)
            return anp.sum(x**2)

        for _ in range(3):  # steps, each with draws of its own
            value, gradients = value_and_grad(loss, [0, 1])(X.reshape(25, 8), weights)
        return value, *gradients

    for found, expected in zip(network(checkpoint), network(lambda f: f), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_it_takes_the_draws_of_the_forward_pass_alone():
    stream, calls = dropcore.Stream(3), []

    @checkpoint
    def twice(x, other):
        calls.append(1)
        return drop(x, stream) * drop(other, stream)

    grad(lambda x: anp.sum(twice(x, x)))(X)
    assert stream.position == 2
    assert len(calls) == 2  # the second time for both arguments
    twice(X, X)
    assert (stream.position, len(calls)) == (4, 3)


def test_one_inside_another():
    stream = dropcore.Stream(3)
    inner = checkpoint(lambda x: drop(x, stream))
    for outer in (
        checkpoint(inner),
        checkpoint(lambda x: drop(inner(x), stream, 0.1)),
        checkpoint(lambda x: inner(drop(x, stream, 0.1))),
    ):
        y, gradient = value_and_grad(lambda x, outer=outer: anp.sum(outer(x)))(np.ones(200))
        assert gradient.sum() == pytest.approx(y, rel=1e-12)
        assert 0 < np.count_nonzero(gradient) < 200


def test_a_gradient_inside_it():
    stream = dropcore.Stream(3)
    inner = checkpoint(lambda x: drop(x**2, stream))
    outer = checkpoint(lambda x: elementwise_grad(inner)(x) + drop(x, stream))
    gradient = grad(lambda x: anp.sum(outer(x)))(X)
    first, second = (drop(np.ones(200), dropcore.Stream(3).at(i)) for i in range(2))
    np.testing.assert_allclose(gradient, 2 * first + second, rtol=1e-12)


def test_second_derivatives():
    stream = dropcore.Stream(3)
    layer = checkpoint(lambda x: drop(x**3, stream))
    second = hessian(lambda x: anp.sum(layer(x)))(X[:20])
    mask = drop(np.ones(20), dropcore.Stream(3).at(0))
    np.testing.assert_allclose(second, np.diag(6 * X[:20] * mask), rtol=1e-12)
    fixed_draw = checkpoint(lambda x: drop(anp.sin(x), 3))
    check_grads(fixed_draw, modes=["rev"], order=2)(X[:20])


@pytest.mark.parametrize(("first", "second", "word"), [(1, 2, "more"), (2, 1, "less")])
def test_a_function_that_drops_otherwise_is_an_error(first, second, word):
    times = iter([first, second])

    @checkpoint
    def changing(x):
        for _ in range(next(times)):
            x = drop(x, None)
        return x

    with pytest.raises(RuntimeError, match=f"{word} often the second time"):
        grad(lambda x: anp.sum(changing(x)))(X)


def test_forward_mode_is_refused():
    with pytest.raises(NotImplementedError, match="JVP"):
        make_jvp(checkpoint(lambda x: drop(x, 3)))(X)(X)


# ----------------------------------------------------------- autograd's own functions


@fixed
def test_what_names_one_draw_may_be_computed_again(make):
    rng = make()
    assert_gradient_is_of_the_value(autograd.checkpoint(lambda x: drop(x, rng)))


@moving
@pytest.mark.parametrize("p", [0.5, 0])
def test_what_would_draw_anew_is_refused(make, p):
    rng = make()
    layer = autograd.checkpoint(lambda x: drop(x, rng, p))
    assert layer(X).shape == X.shape  # no gradient: it is computed once
    with pytest.raises(ValueError, match=r"^rng must be a Draw.*dropcore_hips\.checkpoint"):
        grad(lambda x: anp.sum(layer(x)))(X)


def test_inference_may_be_computed_again():
    layer = autograd.checkpoint(lambda x: drop(x, None, training=False))
    np.testing.assert_array_equal(elementwise_grad(layer)(X), 1)


def test_other_functions_that_are_computed_again():
    def iteration(a):
        return lambda x: 0.5 * drop(x, None, 0.1) + a

    with pytest.raises(ValueError, match=r"^rng must be a Draw"):
        grad(lambda a: fixed_point(iteration, a, 1.0, lambda x, y: abs(x - y), 1e30))(1.0)


def test_one_of_autograd_inside_one_of_dropcore_is_an_error():
    stream = dropcore.Stream(3)
    inner = autograd.checkpoint(lambda x: drop(x, stream))
    outer = checkpoint(lambda x: drop(inner(x), stream))
    with pytest.raises(RuntimeError, match="more often"):
        grad(lambda x: anp.sum(outer(x)))(X)
    outer = autograd.checkpoint(checkpoint(lambda x: drop(x, stream)))
    with pytest.raises(ValueError, match=r"^rng must be a Draw"):
        grad(lambda x: anp.sum(outer(x)))(X)


def test_what_is_differentiated_inside_a_function_is_computed_once():
    """A gradient that is part of a function is no rule of autograd's."""
    stream = dropcore.Stream(3)

    def loss(x):
        step = x - 0.1 * grad(lambda x: anp.sum(drop(x, stream) ** 2))(x)
        return anp.sum(drop(step, stream) ** 2)

    grad(loss)(X)
    assert stream.position == 2
