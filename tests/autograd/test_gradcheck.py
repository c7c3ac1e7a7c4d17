"""The gradient checker finds wrong gradients, and accepts right gradients."""

import numpy as np
import pytest

from dropcore.autograd import Tensor, apply_op, gradcheck

X = np.array([[0.5, -1.5], [2.0, 1.0]])


def wrong(rule):
    return lambda x: apply_op(x.data**2, (x,), lambda dy: rule(dy, 2 * x.data))


@pytest.mark.parametrize(
    "rule",
    [
        lambda dy, d: -dy * d,
        lambda dy, d: dy * d * 1.001,
        lambda dy, d: d,
        lambda dy, d: dy.T * d,
        lambda dy, d: None,
        lambda dy, d: dy * d + np.eye(2) * 1e-4,
    ],
    ids=["sign", "factor", "dy ignored", "transposed", "none", "one place"],
)
def test_wrong_rules_are_found(rule):
    with pytest.raises(AssertionError, match=r"input 0, element \(\d, \d\): gradient"):
        gradcheck(wrong(rule), [X])


def test_right_rules_pass():
    gradcheck(wrong(lambda dy, d: dy * d), [X])


def test_nan_gradients_do_not_pass():
    with pytest.raises(AssertionError, match="gradient nan"):
        gradcheck(wrong(lambda dy, d: dy * np.nan), [X])


def test_the_wrong_input_is_named():
    def f(a, b):
        return apply_op(a.data * b.data, (a, b), lambda dy: (dy * b.data, dy * b.data))

    with pytest.raises(AssertionError, match="input 1"):
        gradcheck(f, [X, X + 3])


def test_inputs_are_left_alone():
    x = X.copy()
    gradcheck(lambda t: t * t, [x])
    np.testing.assert_array_equal(x, X)


def test_a_single_number():
    gradcheck(lambda t: t * t * 3, [np.array(2.0)])


def test_float32_is_refused():
    with pytest.raises(TypeError, match="input 1 must be of dtype float64, not float32"):
        gradcheck(lambda a, b: a * b, [X, X.astype(np.float32)])


def test_random_functions_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="f must give the same value"):
        gradcheck(lambda t: t * Tensor(rng.normal(size=t.shape)), [X])
