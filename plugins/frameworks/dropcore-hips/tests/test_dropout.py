import doctest
import sys

import autograd.numpy as anp
import dropcore_hips
import ml_dtypes
import numpy as np
import pytest
from autograd import elementwise_grad, grad, hessian, make_jvp, value_and_grad
from autograd.test_util import check_grads
from dropcore_hips import dropout

import dropcore

DRAW = dropcore.Stream(3).at(5)
KINDS = [
    ("standard", {}),
    ("standard", {"shared_axes": 1}),
    ("alpha", {}),
    ("spatial", {"channel_axis": 1}),
]


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


class Gate(dropcore.FreeVariant):
    """A variant with two inputs: y = x * (1 - p) + other * p."""

    name = "gate"
    inputs = ("x", "other")

    def forward(self, draw, p, x, other):
        return x * (1 - p) + other * p, ()

    def backward(self, draw, p, dy):
        return dy * (1 - p), dy * p

    def infer(self, p, x, other):
        return x - other

    def infer_backward(self, p, dy):
        return dy, -dy


class Rows(dropcore.DecidingVariant):
    """Keeps the first of its rows."""

    name = "rows"

    def decide(self, draw, p, shape):
        return np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1)) == 0

    def plan(self, p, shape, keep):
        return dropcore.Plan(scale=3.0, drop=7.0)


class Cubed(dropcore.FreeVariant):
    """Not linear in x."""

    name = "cubed"

    def forward(self, draw, p, x):
        return x**3, (x,)

    def backward(self, draw, p, dy, x):
        return 3 * x**2 * dy


# ---------------------------------------------------------------------- the laws


@pytest.mark.parametrize("modes", [["fwd"], ["rev"]])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("variant", "options"), [*KINDS, (Rows(), {})])
def test_derivatives_of_any_order(variant, options, training, modes):
    def function(x):
        y = dropout(x, 0.4, training=training, rng=DRAW, variant=variant, **options)
        return anp.sin(y) * y

    check_grads(function, modes=modes, order=2)(values(3, 4, 2))


@pytest.mark.parametrize("store", ["bits", "draw"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("variant", "options"), KINDS)
def test_value_and_gradient_are_the_core_s(variant, options, dtype, store):
    x, weights = values(3, 4, 5).astype(dtype), values(3, 4, 5, seed=1).astype(dtype)
    y, mask = dropcore.dropout(x, 0.4, training=True, rng=DRAW, variant=variant, **options)
    seen = []

    def function(x):
        result = dropout(x, 0.4, training=True, rng=DRAW, variant=variant, store=store, **options)
        seen.append(getattr(result, "_value", result))
        return anp.sum(result * weights)

    _, gradient = value_and_grad(function)(x)
    assert seen[0].tobytes() == y.tobytes()
    assert gradient.dtype == dtype
    assert gradient.tobytes() == mask.backward(weights).tobytes()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_types_without_a_tape(dtype):
    x = values(50).astype(dtype)
    y, _ = dropcore.dropout(x, 0.4, training=True, rng=DRAW)
    assert dropout(x, 0.4, training=True, rng=DRAW).tobytes() == y.tobytes()


def test_one_mask_for_the_value_and_all_its_derivatives():
    """One draw a call, whatever is derived from it; the next call takes the next one."""
    stream = dropcore.Stream(1)
    x = np.ones(200)
    for position in 1, 2:
        value, gradient = value_and_grad(
            lambda x: anp.sum(dropout(x, 0.5, training=True, rng=stream) ** 2)
        )(x)
        assert stream.position == position
        assert value == gradient.sum() / 2
    second = hessian(lambda x: anp.sum(dropout(x, 0.5, training=True, rng=stream) ** 2))(x[:20])
    assert set(np.diag(second)) == {0.0, 8.0}
    assert not (second - np.diag(np.diag(second))).any()
    assert stream.position == 3


def test_forward_mode():
    def function(x):
        return dropout(x, 0.5, training=True, rng=DRAW, variant="alpha")

    x, v = values(60), values(60, seed=1)
    y, tangent = make_jvp(function)(x)(v)
    expected, mask = dropcore.dropout(x, 0.5, training=True, rng=DRAW, variant="alpha")
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(tangent, mask.backward(v))


# --------------------------------------------------------------------- hard cases


@pytest.mark.parametrize("p", [0, 1e-10, 1])
def test_ends_of_p(p):
    x = np.array([1.0, -2.0, np.inf, np.nan])
    y = dropout(x, p, training=True, rng=DRAW)
    gradient = elementwise_grad(lambda x: dropout(x, p, training=True, rng=DRAW))(x)
    np.testing.assert_allclose(y, x if p < 1 else np.zeros(4), rtol=1e-9)
    np.testing.assert_allclose(gradient, np.full(4, float(p < 1)), rtol=1e-9)


@pytest.mark.parametrize("x", [np.ones((0, 3)), np.ones((6, 4))[::2].T, np.float64(3), 3.0])
def test_empty_strided_and_scalar(x):
    gradient = grad(lambda x: anp.sum(dropout(x, 0.5, training=True, rng=DRAW)))(x)
    expected, _ = dropcore.dropout(np.ones(np.shape(x)), 0.5, training=True, rng=DRAW)
    np.testing.assert_array_equal(gradient, expected)


def test_a_training_loop_learns():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(64, 8))
    targets = inputs @ rng.normal(size=8)
    stream = dropcore.Stream(0)

    def loss(weights, training=True):
        hidden = dropout(inputs, 0.1, training=training, rng=stream)
        return anp.mean((anp.dot(hidden, weights) - targets) ** 2)

    weights = np.zeros(8)
    before = loss(weights, False)
    for _ in range(100):
        weights = weights - 0.05 * grad(loss)(weights)
    assert loss(weights, False) < before / 10
    assert stream.position == 100


# ------------------------------------------------- variants with rules of their own


@pytest.mark.parametrize("training", [True, False])
def test_a_variant_of_several_inputs(training):
    def function(x, other):
        return dropout(x, 0.25, training=training, rng=DRAW, variant=Gate(), other=other)

    check_grads(function, modes=["rev"], order=1)(values(3, 4), values(3, 4, seed=1))
    x, other = values(3), values(3, seed=1)
    by_other = elementwise_grad(function, 1)(x, other)
    np.testing.assert_array_equal(by_other, np.full(3, 0.25 if training else -1.0))


def test_what_such_a_variant_has_not():
    def of_two(x):
        return anp.sum(dropout(x, 0.25, training=True, variant=Gate(), other=values(3)))

    def of_one(x):
        return anp.sum(dropout(x, 0.25, training=True, variant=Cubed()))

    x = values(3)
    check_grads(of_one, modes=["rev"], order=1)(x)
    for function in of_one, of_two:
        with pytest.raises(NotImplementedError, match="forward mode"):
            make_jvp(function)(x)(x)
        with pytest.raises(NotImplementedError, match="second derivative"):
            grad(lambda x, function=function: anp.sum(grad(function)(x)))(x)


# ----------------------------------------------------------------------- bad calls


@pytest.mark.parametrize(
    ("options", "error", "word"),
    [
        ({"p": 1.5}, ValueError, "p must be"),
        ({"p": True}, TypeError, "p must be"),
        ({"training": 1}, TypeError, "training"),
        ({"rng": "seed"}, TypeError, "rng"),
        ({"store": "all"}, ValueError, "store"),
        ({"variant": "none"}, LookupError, "none"),
        ({"other": np.ones(3)}, TypeError, "other"),
        ({"variant": Gate()}, TypeError, "other"),
        ({"out": np.ones(3)}, TypeError, "out"),
    ],
)
def test_bad_calls(options, error, word):
    stream = dropcore.Stream(0)
    with pytest.raises(error, match=word):
        dropout(np.ones(3), **({"p": 0.5, "training": True, "rng": stream} | options))
    assert stream.position == 0


def test_training_has_no_default():
    with pytest.raises(TypeError, match="training"):
        dropout(np.ones(3), 0.5)


# ------------------------------------------------------------------------ examples


@pytest.mark.parametrize("function", [dropcore_hips.dropout, dropcore_hips.checkpoint])
def test_the_docstrings(function):
    failed, tried = doctest.testmod(sys.modules[function.__module__])
    assert not failed
    assert tried
