"""How dropout in front of batch normalisation shifts the variance of its inputs.

In front of batch normalisation dropout changes the variance of what is normalised, in training
only: inference then normalises with a variance that its own input does not have (Li, Chen, Hu,
Yang, "Understanding the disharmony between dropout and batch normalization by variance shift",
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

    Inference normalises by the statistics of x with dropout, to which the running ones converge.
    After a short training these are still far from it, and the ratio would not be dropout's alone.

    Returns
    -------
    float
        Variance in training over variance in inference on the rows of x: the median over the
        channels, of that normalisation where it is farthest from 1; nan where there is none. The
        model is left in inference mode, its state as it was.
    """
    if not any(isinstance(module, BatchNorm) for module in model):
        return float("nan")
    before = model.state_dict()
    with _settling(model):
        training = _variances(model.train(), x)
    inference = _variances(model.eval(), x)
    model.load_state_dict(before)  # the pass in training mode moved the running statistics
    shifts = [_ratio(*pair) for pair in zip(training, inference, strict=True)]
    return max(shifts, key=lambda shift: abs(np.log(shift)))


@contextmanager
def _settling(model: Sequential) -> Iterator[None]:
    """Within the block, the running statistics become those of the last batch."""
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
    """Compare channel by channel; one that is dead in inference has no ratio."""
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
