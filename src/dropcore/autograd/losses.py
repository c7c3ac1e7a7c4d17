"""Losses: the mean over a batch, computed from logits so that nothing overflows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dropcore.autograd.arguments import of_shape
from dropcore.autograd.gradients import Array
from dropcore.autograd.ops import stable_log_softmax, stable_sigmoid
from dropcore.autograd.tensor import Tensor, apply_op, as_tensor


def cross_entropy(logits: Tensor | ArrayLike, labels: ArrayLike) -> Tensor:
    """Return the mean of -log softmax(logits)[label] over a batch.

    Parameters
    ----------
    logits : Tensor or array, shape (batch, classes)
    labels : array of integers, shape (batch,)
        From 0 to classes - 1.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    TypeError
        If `labels` are not integers.
    ValueError
        If the shapes do not fit, the batch is empty, or a label is out of range.

    Examples
    --------
    >>> from dropcore.autograd import cross_entropy
    >>> cross_entropy([[0.0, 0.0], [0.0, 0.0]], [0, 1])
    Tensor(0.69314718)
    """
    logits = as_tensor(logits)
    classes = _labels(logits, labels)
    batch = len(classes)
    rows = np.arange(batch)
    log_probability = stable_log_softmax(logits.data, axis=1)

    def backward(dy: Array) -> Array:
        dx = np.exp(log_probability)
        dx[rows, classes] -= 1
        dx *= dy / batch
        return dx

    return apply_op(-log_probability[rows, classes].mean(), (logits,), backward)


def binary_cross_entropy_with_logits(logits: Tensor | ArrayLike, targets: ArrayLike) -> Tensor:
    """Return the mean of -t log(s) - (1 - t) log(1 - s), with s = sigmoid(logits).

    Parameters
    ----------
    logits : Tensor or array, of any shape
    targets : array of the same shape
        Numbers from 0 to 1, or bools.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    TypeError
        If `targets` are not numbers.
    ValueError
        If the shapes differ, there are no elements, or a target is out of range.

    Examples
    --------
    >>> from dropcore.autograd import binary_cross_entropy_with_logits
    >>> binary_cross_entropy_with_logits([0.0, 0.0], [0, 1])
    Tensor(0.69314718)
    """
    logits = as_tensor(logits)
    t = _targets(logits, targets)
    x = logits.data
    # -log(sigmoid(x)) = max(x, 0) - x + log(1 + exp(-|x|)), and 1 - sigmoid(x) = sigmoid(-x)
    loss = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
    return apply_op(loss.mean(), (logits,), lambda dy: (stable_sigmoid(x) - t) * (dy / loss.size))


def _labels(logits: Tensor, labels: ArrayLike) -> Array:
    array = np.asarray(labels)
    if array.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, not of dtype {array.dtype}")
    if logits.ndim != 2 or logits.size == 0:
        raise ValueError(f"logits must have shape (batch, classes), not empty, not {logits.shape}")
    batch, classes = logits.shape
    of_shape("labels", array.shape, (batch,))
    low, high = array.min(), array.max()
    if low < 0 or high >= classes:
        raise ValueError(f"labels must be from 0 to {classes - 1}, not from {low} to {high}")
    return array


def _targets(logits: Tensor, targets: ArrayLike) -> Array:
    array = np.asarray(targets)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"targets must be numbers or bools, not of dtype {array.dtype}")
    of_shape("targets", array.shape, logits.shape, " as the logits")
    if logits.size == 0:
        raise ValueError(f"logits must have one element or more, not shape {logits.shape}")
    if not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"targets must be from 0 to 1, not from {array.min()} to {array.max()}")
    return array.astype(logits.dtype, copy=False)
