"""The gradient checker: backward passes against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dropcore.autograd.gradients import Array
from dropcore.autograd.tensor import Tensor


def gradcheck(
    f: Callable[..., Tensor],
    inputs: Sequence[Array],
    *,
    eps: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
) -> None:
    """Check the gradients of a function of tensors against central differences.

    The function's value is multiplied by fixed weights and summed. Every element of every input is
    moved by `eps` up and down, one element at a time.

    Parameters
    ----------
    f : callable
        Takes a `Tensor` for each input, returns a `Tensor` of any shape. It must give the same
        value every time: if `f` calls dropout, pass the same Draw in every call.
    inputs : sequence of ndarray, float64
        The point at which gradients are checked. Keep away from kinks, such as relu's kink at 0.
        The arrays are copied.
    eps : float, default: 1e-6
        The distance by which elements are moved.
    rtol, atol : float
        A gradient may differ by ``atol + rtol * abs(difference quotient)``.

    Raises
    ------
    AssertionError
        If a gradient is wrong; the message names the input, the element and the two numbers.
    TypeError
        If an input is not float64: in float32 differences are too coarse.
    ValueError
        If two calls of `f` give different values.

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.autograd import apply_op, gradcheck
    >>> x = np.array([1.0, 2.0])
    >>> gradcheck(lambda t: t * t, [x])
    >>> gradcheck(lambda t: apply_op(t.data**2, (t,), lambda dy: dy * t.data), [x])
    Traceback (most recent call last):
        ...
    AssertionError: input 0, element (0,): gradient 0.5, difference quotient 1.0
    """
    tensors = [_tensor(i, data) for i, data in enumerate(inputs)]
    y = f(*tensors)
    # Weights that differ, so that gradients in the wrong places do not cancel.
    weights = np.linspace(0.5, 1.5, y.size).reshape(y.shape)
    if not np.array_equal(f(*tensors).data, y.data, equal_nan=True):
        raise ValueError("f must give the same value for the same inputs, not two values")
    y.backward(weights)

    for i, tensor in enumerate(tensors):
        gradient = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad
        for element in np.ndindex(tensor.shape):
            value = tensor.data[element]
            totals = []
            for moved in (value + eps, value - eps):
                tensor.data[element] = moved
                totals.append((f(*tensors).data * weights).sum())
            tensor.data[element] = value
            quotient = (totals[0] - totals[1]) / (2 * eps)
            if not abs(gradient[element] - quotient) <= atol + rtol * abs(quotient):
                raise AssertionError(
                    f"input {i}, element {element}: gradient "
                    f"{gradient[element]:.7}, difference quotient {quotient:.7}"
                )


def _tensor(i: int, data: Array) -> Tensor:
    data = np.array(data)
    if data.dtype != np.float64:
        raise TypeError(f"input {i} must be of dtype float64, not {data.dtype}")
    return Tensor(data, requires_grad=True)
