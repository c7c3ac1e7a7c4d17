"""Checks of a variant's statements about y over many draws: mean, variance, moments, drop rate.

If each element has a decision of its own, the checks find a scale that is wrong by half a percent.
If elements depend on each other in units of n, there are fewer independent decisions, and the
checks find only an error that is sqrt(n) times as large.
"""

from __future__ import annotations

import numpy as np

from dropcore.testing.case import DRAWS, STREAM, Case
from dropcore.testing.evidence import Evidence
from dropcore.testing.subject import Skipped, Subject
from dropcore.variants.base import Array, PlannedVariant

LARGE_DRAWS = 2
RATE_DRAWS = 200


def expectation(subject: Subject) -> None:
    """The mean of y over draws is `expectation`, at the declared `mean_scope`."""
    if subject.variant.mean_scope is None:
        raise Skipped("mean_scope is None")
    evidence = Evidence()
    for case in subject.cases:
        add_means(evidence, case)
    evidence.judge()


def add_means(evidence: Evidence, case: Case) -> None:
    """Test that y has the stated mean, at the scope that the variant declares."""
    if case.variant.mean_scope == "tensor":
        evidence.means(f"{case}: mean(y - expectation)", _tensor_means(case), 0.0)
    elif case.variant.mean_scope == "element":
        _element_means(evidence, case)


def _element_means(evidence: Evidence, case: Case) -> None:
    stated = case.expectation(case.inputs())
    evidence.means(f"{case}: y", case.samples, stated)
    _signed_sums(evidence, case, case.samples - stated, stated)
    large = case.large()
    inputs = large.inputs()
    stated = large.expectation(inputs)
    for draw in range(LARGE_DRAWS):
        y = large.run(inputs, STREAM.at(draw))[0]
        _signed_sums(evidence, large, y - stated, stated)


def _signed_sums(evidence: Evidence, case: Case, off: Array, stated: Array) -> None:
    # Positive and negative y are summed separately: a wrong scale changes them in opposite
    # directions, so the sum of all y hardly changes.
    for where, sign in ((stated > 0, "positive"), (stated <= 0, "negative")):
        units = case.over_units(np.where(where, off, 0.0))
        what = f"{case}: y - expectation, where the expectation is {sign},"
        evidence.sums(what, units[units != 0])


def _tensor_means(case: Case) -> Array:
    # All inputs are positive, so that a wrong scale changes the mean. Each draw has new inputs,
    # because a variant may keep the mean over a tensor only for some inputs.
    off = np.empty(DRAWS)
    for draw in range(DRAWS):
        inputs = tuple(np.abs(array) for array in case.inputs(seed=draw))
        y, _ = case.run(inputs, STREAM.at(draw))
        off[draw] = (y - case.expectation(inputs)).mean()
    return off


def variance(subject: Subject) -> None:
    """The variance of each element of y over draws is `variance`."""
    evidence = Evidence()
    for case in subject.cases:
        inputs = case.inputs()
        stated = case.variant.variance(case.p, *inputs)
        if stated is None:
            raise Skipped("variance() states nothing")
        # If the mean of each element is stated, the mean square of y minus it is the variance.
        known = case.variant.mean_scope == "element"
        centre = case.expectation(inputs) if known else case.samples.mean(0)
        squares = (case.samples - centre) ** 2 * (1.0 if known else DRAWS / (DRAWS - 1))
        evidence.means(f"{case}: the squared deviation of y", squares, stated)
        what = f"{case}: the squared deviation of y less the stated variance"
        evidence.sums(what, case.over_units(squares - stated))
    evidence.judge()


def kept_moments(subject: Subject) -> None:
    """If x is normal with the mean and variance of `kept_moments`, y has this mean and variance."""
    evidence = Evidence()
    for case in subject.cases:
        large = case.large()
        for draw in range(LARGE_DRAWS):
            inputs = normal_inputs(large, seed=draw)
            add_moments(evidence, large, large.run(inputs, STREAM.at(draw))[0])
    evidence.judge()


def normal_inputs(case: Case, seed: int) -> tuple[Array, ...]:
    """Inputs with the moments that the variant keeps."""
    stated = case.variant.kept_moments(case.p)
    if stated is None:
        raise Skipped("kept_moments() states nothing")
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(stated[0], stated[1] ** 0.5, case.shape) for _ in case.variant.inputs)


def add_moments(evidence: Evidence, case: Case, y: Array) -> None:
    """Test that y has the moments that the variant keeps."""
    stated = case.variant.kept_moments(case.p)
    assert stated is not None
    mean, var = stated
    evidence.sums(f"{case}: y less its mean {mean:g}", case.over_units(y - mean))
    squares = (y - mean) ** 2
    evidence.sums(f"{case}: the variance of y less {var:g}", case.over_units(squares - var))


def drop_rate(subject: Subject) -> None:
    """The rate at which each element is dropped is `drop_rate`."""
    evidence = Evidence()
    for case in subject.cases:
        inputs = case.inputs()
        rate = subject.variant.drop_rate(case.p, inputs[0].shape)
        if rate is None:
            raise Skipped("drop_rate() states nothing")
        if case.free is not None:
            raise AssertionError(
                f"drop_rate of a FreeVariant must be None, not {rate!r}: it has no keep decisions"
            )
        dropped = [~case.run(inputs, STREAM.at(i))[1].keep for i in range(RATE_DRAWS)]
        evidence.means(f"{case}: the rate of drops", np.stack(dropped).astype(float), rate)
        if isinstance(subject.variant, PlannedVariant):  # its decisions are independent
            large = case.large()
            keep = large.run(large.inputs(), STREAM.at(0))[1].keep
            evidence.sums(f"{large}: the rate of drops less p", ~keep - large.p)
    evidence.judge()
