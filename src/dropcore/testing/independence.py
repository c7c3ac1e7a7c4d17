"""Checks of independence: between the units of one draw, and between draws.

A unit is a set of elements that may depend on each other: all elements along the axes for which
`independent_unit` gives 1, at one index along each other axis.
"""

from __future__ import annotations

import numpy as np

from dropcore.testing.case import Case
from dropcore.testing.evidence import Evidence
from dropcore.testing.subject import Skipped, Subject
from dropcore.variants.base import Array

UNITS = 64  # units among which all pairs are tested; the test of the sum uses all units


def independent_units(subject: Subject) -> None:
    """The units of `independent_unit` are decided independently of each other."""
    evidence = Evidence()
    for case in subject.cases:
        units = _units(case)
        if units.shape[1] > 1:
            for what, pattern in _patterns(units):
                _pairs(evidence, f"{case}: {what}", pattern[:, :UNITS])
            _sum(evidence, case, units)
    if not evidence.tests:
        raise Skipped("one unit spans the whole array")
    evidence.judge()


def independent_draws(subject: Subject) -> None:
    """Draws are independent: neighbours in a stream, and draws of one index in two streams."""
    evidence = Evidence()
    for case in subject.cases:
        units = _units(case)
        if (units == units[0]).all():
            raise AssertionError(f"{case}: y is the same in all {len(units)} draws")
        half = len(units) // 2
        halves = slice(None, half), slice(half, None)
        neighbours = slice(0, half - half % 2, 2), slice(1, half, 2)
        for what, pattern in _patterns(units):
            for which, (one, other) in (("of two streams", halves), ("in a row", neighbours)):
                _same_unit(evidence, f"{case}: {what} {which}", pattern[one], pattern[other])
    evidence.judge()


def _units(case: Case) -> Array:
    # A number for each draw and unit: the mean of its elements.
    sums = case.over_units(case.samples)
    return sums.reshape(len(sums), -1)


def _patterns(units: Array) -> list[tuple[str, Array]]:
    # True where a unit is above its mean over draws; True where it is far from this mean.
    off = units - units.mean(0)
    off[:, units.min(0) == units.max(0)] = 0.0
    size = np.abs(off)
    return [("above the mean", off > 0), ("far from the mean", size > size.mean(0) * (1 + 1e-9))]


def _pairs(evidence: Evidence, what: str, pattern: Array) -> None:
    n, k = pattern.shape
    first, second = np.triu_indices(k, 1)
    numbers = pattern.astype(float)
    both, counts = (numbers.T @ numbers)[first, second], numbers.sum(0)

    def name(i: int) -> str:
        return f"{what}, units {first[i]} and {second[i]}"

    evidence.overlaps(name, both, counts[first], counts[second], n)


def _same_unit(evidence: Evidence, what: str, one: Array, other: Array) -> None:
    both = (one & other).sum(0)
    evidence.overlaps(lambda i: f"{what}, unit {i}", both, one.sum(0), other.sum(0), len(one))


def _sum(evidence: Evidence, case: Case, units: Array) -> None:
    # A weak correlation of all pairs is found in the variance of the sum over units.
    spread = units.std(0)
    moving = spread > 1e-12
    scores = (units[:, moving] - units[:, moving].mean(0)) / spread[moving]
    if scores.shape[1] > 1:
        what = f"{case}: the squared sum over {scores.shape[1]} units"
        evidence.means(what, scores.sum(1) ** 2, float(scores.shape[1]))
