"""Measures how dropout in front of batch normalisation shifts the variance of its inputs.

Dropout in front of batch normalisation changes the variance of the normalised inputs in training
only. In inference the inputs are then normalised with a variance that they do not have (Li, Chen,
Hu, Yang, "Understanding the disharmony between dropout and batch normalization by variance shift",
CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropcore import autograd
from dropcore.autograd import BatchNorm, Sequential


def variance_shift(model: Sequential, x: NDArray[Any]) -> float:
    """Compare the variances of the inputs of batch normalisation in training and in inference.

    Inference normalises by the statistics of x with dropout, to which the running statistics
    converge. After a short training the running statistics are still far from their limit, so the
    ratio would not show the effect of dropout alone.

    Returns
    -------
    float
        A ratio: the variance in training divided by the variance in inference, on the rows of x.
        For each normalisation, the median over its channels is taken. The median that is farthest
        from 1 is returned, or nan if the model has no normalisation. Afterwards the model is in
        inference mode, with its old state.
    """
    if not any(isinstance(module, BatchNorm) for module in model):
        return float("nan")
    before = model.state_dict()
    with _settling(model):
        training = _variances(model.train(), x)
    inference = _variances(model.eval(), x)
    model.load_state_dict(before)  # the pass in training mode changed the running statistics
    shifts = [_ratio(*pair) for pair in zip(training, inference, strict=True)]
    return max(shifts, key=lambda shift: abs(np.log(shift)))


@contextmanager
def _settling(model: Sequential) -> Iterator[None]:
    """Within the block, the running statistics become the statistics of the last batch."""
    norms = [module for module in model if isinstance(module, BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def _ratio(training: NDArray[Any], inference: NDArray[Any]) -> float:
    """Compare channel by channel; a channel without variance in inference has no ratio."""
    alive = inference > 0
    return float(np.median(training[alive] / inference[alive])) if alive.any() else float("nan")


def _variances(model: Sequential, x: NDArray[Any]) -> list[NDArray[Any]]:
    """Measure the variance of each channel in front of each batch normalisation."""
    variances = []
    with autograd.no_grad():
        value = autograd.as_tensor(x)
        for module in model:
            if isinstance(module, BatchNorm):
                variances.append(value.data.var(axis=(0, *range(2, value.ndim))))
            value = module(value)
    return variances
