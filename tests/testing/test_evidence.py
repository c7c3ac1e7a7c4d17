"""The statistics of the kit accept chance, and find deviations that are not chance."""

import numpy as np
import pytest
from scipy import stats

from dropcore.testing import evidence
from dropcore.testing.evidence import ERROR_RATE, JUDGING, LEVEL, Evidence, tail

LEVELS = (0.1, 0.01)
REPEATS = 400


def means(rng, shift=0.0):
    tests = Evidence()
    tests.means("y", (rng.random((500, 20)) >= 0.1) / 0.9 + shift, 1.0)
    return tests


def sums(rng, shift=0.0):
    tests = Evidence()
    tests.sums("y", (rng.random(5000) >= 0.1) / 0.9 - 1.0 + shift)
    return tests


def overlaps(rng, shift=0.0):
    tests = Evidence()
    left = rng.random((500, 20)) < 0.1
    right = np.where(rng.random((500, 20)) < 10 * shift, left, rng.random((500, 20)) < 0.3)
    counts = (left & right).sum(0), left.sum(0), right.sum(0)
    tests.overlaps(lambda i: f"pair {i}", *counts, 500)
    return tests


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("test", [means, sums, overlaps])
def test_chance_is_called_something_else_no_more_often_than_stated(monkeypatch, test, level):
    monkeypatch.setattr(evidence, "LEVEL", level)
    monkeypatch.setattr(evidence, "FAR", 1.0)  # with these levels, `near` decides
    wrong = 0
    for seed in range(REPEATS):
        try:
            test(np.random.default_rng(seed)).judge()
        except AssertionError:
            wrong += 1
    # A binomial count above this bound has a probability below 1e-4.
    assert wrong <= REPEATS * level + 4 * (REPEATS * level) ** 0.5


@pytest.mark.parametrize("level", [1e-5, 1e-7, 1e-9, 1e-11])
@pytest.mark.parametrize("p", [0.05, 0.1, 0.5, 0.8, 0.95])
def test_far_out_a_mean_is_judged_as_its_exact_law_has_it(p, level):
    n = 1500
    law = stats.binom(n, p)
    wrong = 0.0
    for count in range(n + 1):
        if law.pmf(count) > level / 1e6:
            off = np.repeat([1 - p, -p], [count, n - count])
            z = abs(off.mean()) / (off.std(ddof=1) / n**0.5)
            wrong += law.pmf(count) * (tail(off, z) < level)
    assert 0.2 * level < wrong < 2 * level


@pytest.mark.parametrize("test", [means, sums, overlaps])
def test_what_is_not_chance_is_found(test):
    with pytest.raises(AssertionError, match=r"p-value \d"):
        test(np.random.default_rng(0), shift=0.1).judge()


def test_the_stated_rate_is_divided_among_the_checks_that_judge():
    assert pytest.approx(ERROR_RATE) == LEVEL * JUDGING


def test_without_spread_the_mean_is_exact():
    tests = Evidence()
    tests.means("y", np.full((10, 3), 1 / 3), 1 / 3 + 1e-12)
    tests.judge()
    tests.means("y", np.full((10, 3), 1 / 3), 1 / 3 + 1e-6)
    with pytest.raises(AssertionError, match=r"y at \(0,\) has mean 0.333333 in 10 draws"):
        tests.judge()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_never_chance(value):
    samples = np.ones((10, 3))
    samples[4, 1] = value
    with pytest.raises(AssertionError, match=rf"y is {value} at \(4, 1\), for finite inputs"):
        Evidence().means("y", samples, 1.0)
    with pytest.raises(AssertionError, match=rf"y is {value} at \(4, 1\)"):
        Evidence().sums("y", samples)


def test_the_smallest_of_many_is_judged_by_their_number():
    tests = Evidence()
    tests.add(1, LEVEL / 10, "one")
    with pytest.raises(AssertionError, match=r"one; p-value .*, the worst of 1 tests"):
        tests.judge()
    tests.add(99, 0.5, "others")
    tests.judge()
