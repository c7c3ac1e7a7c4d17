"""Enumerate all sub-networks of a small model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dropcore import functional
from dropcore.adapters.autograd import Dropout
from dropcore.autograd import Module, Tensor, as_tensor, no_grad
from dropcore.autograd.contexts import inference_mode
from dropcore.ensemble.common import (
    Output,
    check_drops,
    check_rows,
    dropout_answered,
    means_of,
    rows_of,
)
from dropcore.mask import Mask
from dropcore.variants.base import Array, PlannedVariant

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

MOST_DECISIONS = 20
ROWS_AT_ONCE = 8192  # sub-networks times rows of x in one pass through the model


@dataclass(frozen=True, eq=False, repr=False)
class SubNetworks:
    """The predictions of all sub-networks of a model.

    Attributes
    ----------
    decisions : int
        The number n of keep decisions for one row of x. There are 2**n sub-networks.
    one_pass : ndarray
        The model's output in inference mode, after the function `output` of `subnetworks`.
    arithmetic_mean, geometric_mean : ndarray, float64
        The means of the predictions of all sub-networks, each weighted by its probability.
    outputs : ndarray, shape (2**n, rows, ...), or None
        ``outputs[s]`` is the prediction of sub-network s: its output, after the function `output`.
        Bit d of s is decision d of this sub-network: 1 keeps. Decisions are counted in the order of
        the modules' calls, in C order within a call. None without ``each=True``.
    weights : ndarray, shape (2**n,), float64, or None
        ``weights[s]`` is the probability of sub-network s. None without ``each=True``.
    """

    decisions: int
    one_pass: Array
    arithmetic_mean: Array
    geometric_mean: Array
    outputs: Array | None = None
    weights: Array | None = None

    def __repr__(self) -> str:
        gaps = f"arithmetic_gap={self.arithmetic_gap:.3g}, geometric_gap={self.geometric_gap:.3g}"
        if np.isnan(self.geometric_gap) and not np.isnan(self.arithmetic_gap):
            gaps += " (an output is below 0: see the parameter output)"
        shape = self.one_pass.shape
        return f"<SubNetworks: {self.decisions} decisions, outputs of shape {shape}, {gaps}>"

    @property
    def arithmetic_gap(self) -> float:
        """The largest distance between `one_pass` and the arithmetic mean."""
        return _largest(self.one_pass - self.arithmetic_mean)

    @property
    def geometric_gap(self) -> float:
        """The largest distance between `one_pass` and the geometric mean."""
        return _largest(self.one_pass - self.geometric_mean)


@dataclass(frozen=True)
class _Call:
    """A call of a dropout module in a pass; its decisions are bits `start` to `stop` - 1."""

    name: str
    module: Dropout
    units: tuple[int, ...]
    start: int
    stop: int


def subnetworks(
    model: Module, x: Tensor | ArrayLike, *, output: Output = None, each: bool = False
) -> SubNetworks:
    """Run every sub-network of a small model; compare the means of the outputs with inference.

    If all modules have the same p, a sub-network that drops in k of n decisions has the probability
    p**k * (1 - p)**(n - k). If the modules' p differ, the probability is the product of one such
    term for each module.

    Parameters
    ----------
    model : Module
        As for `mc_predict`, with planned variants only: other variants have no independent keep
        decisions to enumerate.
    x : Tensor or array_like, shape (rows, ...)
    output : {"softmax", "sigmoid"}, optional
        The function that is applied to the model's output before averaging. With a function, the
        geometric mean is normalised: over the last axis for "softmax", over an event and its
        complement for "sigmoid". If `output` is None, the geometric mean of the outputs themselves
        is taken. It is nan where an output is negative.
    each : bool, default: False
        Whether to return the prediction of each sub-network too. The predictions take the memory of
        2**n outputs.

    Returns
    -------
    SubNetworks

    Raises
    ------
    TypeError
        If a module's variant is not a planned one.
    ValueError
        If there are more than 20 decisions, no dropout module, or no rows, or if the model runs
        dropout that is not one of its modules.

    Notes
    -----
    A module with p of 0 or 1 has no decisions; a module that is called twice in a pass has new
    decisions in each call. Many sub-networks run together, as additional rows of a batch.

    The pass in inference mode equals one of the two means if all layers after the first dropout are
    linear, and dropout keeps the mean: the arithmetic mean if `output` is None, the normalised
    geometric mean if `output` is "softmax" or "sigmoid" (Baldi and Sadowski 2013, for one linear
    layer). A variant keeps the mean if its `expectation` is x: for p below 1, all built-in variants
    except alpha. Otherwise the pass approximates each of the two means, and the gaps are the errors
    of the approximation.

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.adapters.autograd import Dropout
    >>> from dropcore.autograd import Linear, Sequential
    >>> from dropcore.ensemble import subnetworks
    >>> model = Sequential(Dropout(0.3), Linear(4, 3, rng=0, dtype=np.float64))
    >>> every = subnetworks(model, np.ones((1, 4)), output="softmax")
    >>> every.decisions, every.geometric_gap < 1e-12 < every.arithmetic_gap
    (4, True)
    """
    check_drops(model)
    x, means = as_tensor(x), means_of(output)
    if len(rows_of(x)) == 0:
        raise ValueError(f"x must have rows, not shape {x.shape}")
    with inference_mode(model), no_grad():
        one_pass, calls = _record(model, x)
        n = calls[-1].stop if calls else 0
        _check_count(calls, n)
        arithmetic: Any = 0.0
        logarithms: Any = 0.0
        outputs: list[Array] = []
        probabilities: list[Array] = []
        at_once = max(1, ROWS_AT_ONCE // len(x.data))
        for first in range(0, 2**n, at_once):
            keep = _bits(first, min(first + at_once, 2**n), n)
            y = Tensor(_run(model, x, calls, keep).data.astype(np.float64))
            weights, values = _probabilities(calls, keep), means.value(y).data
            arithmetic = arithmetic + np.tensordot(weights, values, 1)
            if each:
                outputs.append(values)
                probabilities.append(weights)
            with np.errstate(divide="ignore", invalid="ignore"):
                logarithms = logarithms + np.tensordot(weights, means.logarithm(y).data, 1)
    geometric = means.back(Tensor(logarithms)).data
    every = (np.concatenate(outputs), np.concatenate(probabilities)) if each else (None, None)
    return SubNetworks(n, means.value(one_pass).data, arithmetic, geometric, *every)


def _record(model: Module, x: Tensor) -> tuple[Tensor, list[_Call]]:
    """Run one pass in inference mode; return its output, and a record of each dropout call."""
    calls: list[_Call] = []

    def answer(name: str, module: Dropout, arrays: dict[str, Array]) -> Array:
        variant, shape = module.variant, arrays["x"].shape
        if not isinstance(variant, PlannedVariant):
            raise TypeError(
                f"the variant of module {name!r} must be a planned one, not {variant!r}: only the "
                "decisions of planned variants can be enumerated"
            )
        check_rows(name, shape, x.shape)
        units = variant.independent_unit((1, *shape[1:]))
        start = calls[-1].stop if calls else 0
        count = math.prod(units) if 0 < module.p < 1 else 0
        calls.append(_Call(name, module, units, start, start + count))
        return functional.dropout(arrays["x"], module.p, training=False, variant=variant)[0]

    with dropout_answered(model, answer):
        return as_tensor(model(x)), calls


def _run(model: Module, x: Tensor, calls: list[_Call], keep: Array) -> Tensor:
    """The outputs of the sub-networks in `keep`, shape (sub-networks, rows, ...)."""
    rows = len(x.data)
    turns = iter(calls)

    def answer(_: str, module: Dropout, arrays: dict[str, Array]) -> Array:
        turn, data = next(turns), arrays["x"]
        if turn.start == turn.stop:
            decisions = np.full((1,) * data.ndim, module.p == 0)
        else:
            bits = keep[:, turn.start : turn.stop].reshape(-1, *turn.units[1:])
            decisions = np.repeat(bits, rows, axis=0)
        mask = Mask.from_keep(decisions, module.p, shape=data.shape, variant=module.variant)
        return mask.forward(data)

    with dropout_answered(model, answer):
        y = as_tensor(model(Tensor(np.concatenate([x.data] * len(keep)))))
    return y.reshape(len(keep), rows, *y.shape[1:])


def _bits(first: int, last: int, n: int) -> Array:
    """The keep decisions of sub-networks `first` to `last` - 1: the bits of their numbers."""
    return (np.arange(first, last)[:, None] >> np.arange(n) & 1).astype(bool)


def _probabilities(calls: list[_Call], keep: Array) -> Array:
    weights = np.ones(len(keep))
    for turn in calls:
        p = turn.module.p
        weights *= np.where(keep[:, turn.start : turn.stop], 1 - p, p).prod(axis=1)
    return weights


def _check_count(calls: list[_Call], n: int) -> None:
    if n > MOST_DECISIONS:
        each = ", ".join(f"{turn.name!r}: {turn.stop - turn.start}" for turn in calls)
        raise ValueError(
            f"model must have at most {MOST_DECISIONS} keep decisions a row, not {n}, which make "
            f"2**{n} sub-networks; decisions by module: {each}"
        )


def _largest(difference: Array) -> float:
    return float(np.abs(difference).max())
