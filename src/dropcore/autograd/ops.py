"""Element-wise functions and the softmax: each operation next to its gradient rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dropcore.autograd.gradients import Array
from dropcore.autograd.tensor import Tensor, apply_op, as_tensor

# Klambauer et al., "Self-Normalizing Neural Networks", 2017, equation 14.
_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


def exp(x: Tensor | ArrayLike) -> Tensor:
    """Return e to the power of x, element by element."""
    x = as_tensor(x)
    y = np.exp(x.data)
    return apply_op(y, (x,), lambda dy: dy * y)


def log(x: Tensor | ArrayLike) -> Tensor:
    """Return the natural logarithm, element by element."""
    x = as_tensor(x)
    a = x.data
    return apply_op(np.log(a), (x,), lambda dy: dy / a)


def relu(x: Tensor | ArrayLike) -> Tensor:
    """Return max(x, 0), element by element; the derivative is 0 at 0, and 1 at nan.

    Examples
    --------
    >>> from dropcore.autograd import relu
    >>> relu([-1.0, 0.0, 2.0])
    Tensor([0., 0., 2.])
    """
    x = as_tensor(x)
    passed = ~(x.data <= 0)  # one byte for each element; a value has four or eight
    return apply_op(np.maximum(x.data, 0), (x,), lambda dy: dy * passed)


def sigmoid(x: Tensor | ArrayLike) -> Tensor:
    """Return 1 / (1 + exp(-x)), element by element, without overflow."""
    x = as_tensor(x)
    y = stable_sigmoid(x.data)
    return apply_op(y, (x,), lambda dy: dy * y * (1 - y))


def tanh(x: Tensor | ArrayLike) -> Tensor:
    """Return the hyperbolic tangent, element by element."""
    x = as_tensor(x)
    y = np.tanh(x.data)
    return apply_op(y, (x,), lambda dy: dy * (1 - y * y))


def selu(x: Tensor | ArrayLike) -> Tensor:
    """Return the scaled exponential linear unit, element by element.

    scale * x where x > 0, else scale * alpha * (exp(x) - 1), with the constants of Klambauer et
    al., "Self-Normalizing Neural Networks", 2017, equation 14.
    """
    x = as_tensor(x)
    a, slope = x.data, _SELU_SCALE * _SELU_ALPHA
    y = np.where(a > 0, _SELU_SCALE * a, slope * np.expm1(np.minimum(a, 0)))
    return apply_op(y, (x,), lambda dy: dy * np.where(a <= 0, y + slope, _SELU_SCALE))


def softmax(x: Tensor | ArrayLike, axis: int = -1) -> Tensor:
    """Return exp(x) divided by its sum along `axis`.

    Examples
    --------
    >>> from dropcore.autograd import softmax
    >>> softmax([1000.0, 1000.0])
    Tensor([0.5, 0.5])
    """
    x = as_tensor(x)
    y = np.exp(stable_log_softmax(x.data, axis))

    def backward(dy: Array) -> Array:
        weighted: Array = dy * y
        weighted -= y * weighted.sum(axis=axis, keepdims=True)
        return weighted

    return apply_op(y, (x,), backward)


def log_softmax(x: Tensor | ArrayLike, axis: int = -1) -> Tensor:
    """Return the logarithm of `softmax`, without overflow and without loss of small values."""
    x = as_tensor(x)
    y = stable_log_softmax(x.data, axis)
    return apply_op(y, (x,), lambda dy: dy - np.exp(y) * dy.sum(axis=axis, keepdims=True))


def stable_sigmoid(x: Array) -> Array:
    """Sigmoid of an array; exp is only taken of numbers <= 0."""
    small = np.exp(-np.abs(x))
    y: Array = np.where(x >= 0, 1, small) / (1 + small)
    return y


def stable_log_softmax(x: Array, axis: int) -> Array:
    """Logarithm of the softmax of an array; exp is only taken of numbers <= 0."""
    shifted: Array = x - x.max(axis=axis, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return shifted
