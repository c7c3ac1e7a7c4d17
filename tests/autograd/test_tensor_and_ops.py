"""The values of arithmetic and functions, and the gradients that need a convention."""

import copy
import operator
import pickle

import numpy as np
import pytest

from dropcore.autograd import (
    Tensor,
    as_tensor,
    exp,
    log_softmax,
    relu,
    selu,
    sigmoid,
    softmax,
    tanh,
)

X = np.array([[1.5, -2.0, 0.25], [3.0, 0.5, -1.0]])
V = np.array([2.0, 4.0, -8.0])


@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv])
def test_arithmetic_is_numpys_with_arrays_and_numbers_on_either_side(op):
    for other in (V, V[:, None][:2], 3, 0.5, np.float64(2)):
        np.testing.assert_array_equal(op(Tensor(X), other).data, op(X, other))
        np.testing.assert_array_equal(op(other, Tensor(X)).data, op(other, X))
        np.testing.assert_array_equal(op(Tensor(X), as_tensor(other)).data, op(X, other))


def test_matmul_is_numpys():
    for a, b in [(X, X.T), (X, V), (V, X.T), (V, V), (np.stack([X, -X]), X.T), (V, X.T[None])]:
        np.testing.assert_array_equal((Tensor(a) @ Tensor(b)).data, a @ b)
        np.testing.assert_array_equal((a @ Tensor(b)).data, a @ b)


def test_reductions_and_shapes_are_numpys():
    x = Tensor(X)
    for axis in (None, 0, -1, (0, 1)):
        for keepdims in (False, True):
            for name in ("sum", "mean", "max"):
                found = getattr(x, name)(axis=axis, keepdims=keepdims).data
                expected = getattr(X, name)(axis=axis, keepdims=keepdims)
                np.testing.assert_allclose(found, expected, rtol=1e-15)
                assert found.shape == np.shape(expected)
    np.testing.assert_array_equal(x.T.data, X.T)
    np.testing.assert_array_equal(x.reshape(3, -1).data, X.reshape(3, 2))
    np.testing.assert_array_equal(x[1, ::2].data, X[1, ::2])


@pytest.mark.parametrize("number", [2, 0.1, True, np.float64(0.1)])
def test_numbers_do_not_upcast_float32(number):
    x = Tensor(X.astype(np.float32))
    for y in (x + number, number - x, x * number, number / x, relu(x) ** number):
        assert y.dtype == np.float32


def test_a_constructed_tensor():
    array = np.zeros(3, np.float32)
    assert Tensor(array).data is array
    assert Tensor([1, 2]).dtype == np.float64
    assert Tensor(2).shape == ()
    t = Tensor(np.ones((2, 3)))
    assert (t.shape, t.ndim, t.size) == ((2, 3), 2, 6)
    assert Tensor([[2.5]]).item() == 2.5


@pytest.mark.parametrize(
    "data",
    [
        np.arange(3),
        np.zeros(3, np.float16),
        [True],
        ["a"],
        1j,
        np.zeros(3, np.dtype(np.float64).newbyteorder()),
    ],
)
def test_other_dtypes_are_named(data):
    with pytest.raises(TypeError, match=r"data must be float32 or float64 .*, not "):
        Tensor(data)


def test_detach_shares_the_data_and_has_no_history():
    x = Tensor(X, requires_grad=True)
    y = (x * 2).detach()
    assert not y.requires_grad
    assert x.detach().data is x.data


def test_repr_says_what_differs_from_the_default():
    assert repr(Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    x = Tensor(np.ones(1, np.float32), requires_grad=True)
    assert repr(x) == "Tensor([1.], dtype=float32, requires_grad=True)"


def test_leaves_can_be_pickled_and_copied():
    x = Tensor(X.copy(), requires_grad=True)
    for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        np.testing.assert_array_equal(y.data, X)
        assert y.requires_grad
        assert not np.shares_memory(y.data, x.data)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(
        ValueError, match=r"operands of @ must fit, not have shapes \(2, 3\) and \(2, 3\)"
    ):
        Tensor(X) @ Tensor(X)
    with pytest.raises(ValueError, match=r"operands of @ .* \(1, 3\) and \(2, 1\)"):
        Tensor(V) @ Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match=r"\(2,3\) \(2,\)"):
        Tensor(X) + Tensor([1.0, 2.0])


def test_an_exponent_must_be_a_number():
    with pytest.raises(TypeError, match="exponent"):
        Tensor(X) ** Tensor(2.0)


def gradient(f, data):
    x = Tensor(data, requires_grad=True)
    f(x).sum().backward()
    return x.grad


def test_conventions_at_kinks():
    zero = np.zeros(2)
    np.testing.assert_array_equal(gradient(relu, zero), 0)
    np.testing.assert_array_equal(gradient(lambda x: x**0, zero), 0)
    np.testing.assert_array_equal(gradient(lambda x: x**1, zero), 1)
    np.testing.assert_array_equal(gradient(lambda x: x.max(), [1.0, 3.0, 3.0]), [0, 0.5, 0.5])
    np.testing.assert_allclose(gradient(selu, zero), 1.7580993408473766)


def test_nan_goes_through():
    nan = np.array([np.nan, 1.0])
    for f in (relu, selu, sigmoid, tanh, exp):
        np.testing.assert_array_equal(np.isnan(f(Tensor(nan)).data), [True, False])
    assert np.isnan(Tensor(nan).max().data)


def test_gradients_at_nan():
    """A maximum with nan is nan. relu and selu pass the gradient on at nan, as in PyTorch."""
    nan, x = np.nan, [np.nan, 1.0, -1.0]
    np.testing.assert_array_equal(gradient(relu, x), [1, 1, 0])
    scale, slope = 1.0507009873554805, 1.7580993408473766
    np.testing.assert_allclose(gradient(selu, x), [scale, scale, slope * np.exp(-1)])
    np.testing.assert_array_equal(gradient(lambda x: x.max(), x), [1, 0, 0])
    np.testing.assert_array_equal(gradient(lambda x: x.max(), [nan, 1.0, nan]), [0.5, 0, 0.5])
    rows = [[nan, 1.0], [3.0, 2.0], [nan, nan], [np.inf, np.inf]]
    expected = [[1, 0], [1, 0], [0.5, 0.5], [0.5, 0.5]]
    np.testing.assert_array_equal(gradient(lambda x: x.max(axis=1), rows), expected)
    for f in (abs, sigmoid, tanh, exp):
        assert np.isnan(gradient(f, x)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows(dtype):
    big = np.array([-1e4, -30.0, 0.0, 30.0, 1e4], dtype)
    np.testing.assert_allclose(
        sigmoid(Tensor(big)).data, [0, np.exp(-30.0), 0.5, 1, 1], rtol=1e-6, atol=0
    )
    np.testing.assert_allclose(softmax(Tensor(big)).data, [0, 0, 0, 0, 1])
    np.testing.assert_allclose(log_softmax(Tensor(big)).data, big - dtype(1e4))
    np.testing.assert_allclose(selu(Tensor(big)).data[0], -1.7580993408473766, rtol=1e-6)
    for f in (sigmoid, softmax, log_softmax, selu, tanh, relu):
        assert np.isfinite(gradient(f, big)).all()


def test_selu_keeps_mean_0_and_variance_1():
    """Klambauer et al., 2017: mean 0 and variance 1 are selu's fixed point for normal inputs."""
    grid = np.linspace(-12, 12, 200_001)
    weight = np.exp(-(grid**2) / 2)
    weight /= weight.sum()
    y = selu(Tensor(grid)).data
    assert abs((weight * y).sum()) < 1e-6
    assert abs((weight * y * y).sum() - 1) < 1e-6
