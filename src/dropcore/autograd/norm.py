"""Batch normalisation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dropcore.autograd.arguments import at_least, of_shape
from dropcore.autograd.gradients import Array
from dropcore.autograd.tensor import Tensor, apply_op, as_tensor


def batch_norm(
    x: Tensor | ArrayLike,
    weight: Tensor,
    bias: Tensor,
    running_mean: Array,
    running_var: Array,
    *,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel to mean 0 and variance 1, then scale and shift it.

    Ioffe and Szegedy, "Batch Normalization", 2015, algorithms 1 and 2.

    Parameters
    ----------
    x : Tensor or array, shape (batch, channels) or (batch, channels, ...)
    weight, bias : Tensor, shape (channels,)
        The scale and the shift.
    running_mean, running_var : ndarray, shape (channels,)
        The statistics that inference uses. Training updates them in place.
    training : bool
        True: normalise with the mean and the biased variance of the batch, and move the running
        mean and variance towards the batch's mean and unbiased variance, by the share `momentum`.
        False: normalise with the running mean and variance.
    momentum : float, default: 0.1
        The weight of the new batch in the running statistics.
    eps : float, default: 1e-5
        Added to the variance.

    Returns
    -------
    Tensor
        Of the shape of `x`.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, or a number is out of range. In training: if a channel has fewer
        than two values, or the running statistics are read-only.

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.autograd import Tensor, batch_norm
    >>> x = np.array([[1.0], [3.0]])
    >>> batch_norm(x, Tensor([1.0]), Tensor([0.0]), np.zeros(1), np.ones(1), training=True, eps=0)
    Tensor([[-1.],
            [ 1.]])
    """
    x = as_tensor(x)
    count = _check(x, weight, bias, running_mean, running_var, training)
    at_least("eps", eps)
    at_least("momentum", momentum)
    axes = (0, *range(2, x.ndim))
    channels = (1, -1, *[1] * (x.ndim - 2))  # the shape that lays channels along axis 1
    if training:
        mean, var = x.data.mean(axis=axes), x.data.var(axis=axes)
        running_mean += momentum * (mean - running_mean)
        running_var += momentum * (var * (count / (count - 1)) - running_var)
    else:
        mean, var = running_mean, running_var
    inverse_std = (1 / np.sqrt(var + eps)).reshape(channels)
    normalised = (x.data - mean.reshape(channels)) * inverse_std
    scale = weight.data.reshape(channels)

    def backward(dy: Array) -> tuple[Array, Array, Array]:
        dbias = dy.sum(axis=axes)
        dweight = (dy * normalised).sum(axis=axes)
        dx = dy
        if training:  # the batch's mean and variance depend on each element too
            dx = dx - (dbias.reshape(channels) + normalised * dweight.reshape(channels)) / count
        return dx * (scale * inverse_std), dweight, dbias

    return apply_op(normalised * scale + bias.data.reshape(channels), (x, weight, bias), backward)


def _check(x: Tensor, weight: Tensor, bias: Tensor, mean: Array, var: Array, training: bool) -> int:
    """Return how many values a channel has."""
    if x.ndim < 2:
        raise ValueError(f"x must have shape (batch, channels, ...), not {x.shape}")
    names = ("weight", "bias", "running_mean", "running_var")
    for name, shape in zip(names, (weight.shape, bias.shape, mean.shape, var.shape), strict=True):
        of_shape(name, shape, x.shape[1:2], " as the channels of x")
    for name, running in (("running_mean", mean), ("running_var", var)):
        if training and not (running.flags.writeable and running.dtype.kind == "f"):
            raise ValueError(f"{name} must be floats that can be written to, not {running.dtype}")
    count = x.size // max(x.shape[1], 1)
    if training and count < 2:
        few = f"{count}: its shape is {x.shape}"
        raise ValueError(f"x must have two values or more in each channel in training, not {few}")
    return count
