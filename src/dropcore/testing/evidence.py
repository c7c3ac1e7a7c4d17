"""Statistical tests, and how certain their verdict is.

A check makes many tests. Their smallest p-value, multiplied by the number of tests (Bonferroni),
is compared with a level. Draws are fixed, so the verdict is the same in each run. The probability
that a correct variant fails is about `ERROR_RATE`.

- Means: the z-score, which is the distance in standard errors. If the z-score is large, the p-value
  comes from the empirical likelihood ratio. For skewed data this p-value is accurate far out in the
  tail, where the p-value of the normal distribution is not accurate (Owen, "Empirical likelihood
  ratio confidence intervals for a single functional", Biometrika 75 (1988)).
- Overlaps: the number of draws, among n, in which two patterns are both True. If the patterns are
  independent, this number has exactly a hypergeometric distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dropcore.variants.base import Array

try:
    from scipy import optimize, stats  # type: ignore[import-untyped, unused-ignore]
except ImportError as error:
    raise ImportError(
        "dropcore.testing needs scipy, which is not installed: pip install 'dropcore[testing]'"
    ) from error

ERROR_RATE = 1e-6
"""The probability that a correct variant fails at least one check by chance."""

JUDGING = 8  # checks that use Evidence
LEVEL = ERROR_RATE / JUDGING
ROUNDING = 1e-9  # allowance for float64 rounding in means over many draws
FAR = 4.0  # standard errors: below this no test fails, so the normal distribution is good enough
WORST = 8  # the means with the largest z-scores that are tested by empirical likelihood
FEW = 100  # a sum of fewer terms is not tested


class Evidence:
    """The tests of one check; `judge` gives the verdict on all of them."""

    def __init__(self) -> None:
        self.tests = 0
        self._p = 1.0
        self._worst = ""

    def add(self, tests: int, p: float, text: str) -> None:
        """Add tests; `p` is their smallest p-value, and `text` describes the test with this p."""
        self.tests += tests
        if p < self._p or math.isnan(p):
            self._p = 0.0 if math.isnan(p) else p
            self._worst = text

    def judge(self) -> None:
        """Fail if the smallest p-value of all tests is too small to be chance."""
        if self.tests and self._p * self.tests < LEVEL:
            raise AssertionError(
                f"{self._worst}; p-value {self._p:.1e}, the worst of {self.tests} tests"
            )

    def means(self, what: str, samples: Array, stated: Array | float) -> None:
        """Test that samples along axis 0 have the stated means, one mean for each place."""
        finite(what, samples)
        n = len(samples)
        off = samples - stated
        stated = np.broadcast_to(stated, off.shape[1:])
        z = _distance(off, stated)
        worst = np.argsort(z, axis=None)[-WORST:]
        tails = [tail(off.reshape(n, -1)[:, i], z.flat[i]) for i in worst]
        at = tuple(int(i) for i in np.unravel_index(worst[int(np.argmin(tails))], z.shape))
        self.add(
            z.size,
            min(tails),
            f"{what}{_index(at)} has mean {samples.mean(0)[at]:.6g} in {n} draws, "
            f"stated is {stated[at]:.6g}, {_away(z[at])}",
        )

    def sums(self, what: str, off: Array) -> None:
        """Test that independent numbers, whose variances may differ, have the mean 0."""
        finite(what, off)
        off = off.reshape(-1)
        if off.size < FEW:
            return
        z = float(_distance(off, np.zeros(())))
        self.add(
            1,
            tail(off, z),
            f"{what} is {off.mean():.3g} on average over {off.size} units, and not 0, {_away(z)}",
        )

    def overlaps(
        self, name: Callable[[int], str], both: Array, left: Array, right: Array, n: int
    ) -> None:
        """Test that the two patterns of each pair are independent over n draws.

        `left` and `right` count the draws in which one pattern is True, `both` the draws in which
        both are True.
        """
        if both.size == 0:
            return
        left, right = left.astype(float), right.astype(float)
        spread = np.sqrt(left * (n - left) * right * (n - right) / (n * n * (n - 1.0)))
        off = np.abs(both - left * right / n)
        z = np.divide(off, spread, out=np.zeros_like(off), where=spread > 0)
        at = int(np.argmax(z))
        law = stats.hypergeom(n, int(left[at]), int(right[at]))
        p = 2 * min(float(law.cdf(both[at])), float(law.sf(both[at] - 1)))
        self.add(
            both.size,
            min(p, 1.0),
            f"{name(at)}: both True in {both[at]:.0f} of {n} draws; "
            f"{left[at] * right[at] / n:.1f} are expected if they are independent",
        )


def _distance(off: Array, stated: Array) -> Array:
    # The distance of means along axis 0 from 0, in standard errors.
    error = off.std(0, ddof=1) / math.sqrt(len(off))
    return np.asarray(np.abs(off.mean(0)) / (error + ROUNDING * (1 + np.abs(stated))))


def _away(z: float) -> str:
    # If all draws give nearly the same values, a large z-score has no meaning as a number.
    return f"{f'{z:.1f}' if z < 1000 else 'more than 1000'} standard errors away"


def tail(off: Array, z: float) -> float:
    """The two-sided p-value of the hypothesis that the numbers `off` have the mean 0.

    `z` is the distance of their mean from 0, in standard errors.
    """
    if z < FAR:
        return float(2 * stats.norm.sf(z))
    x = off / np.abs(off).max()
    low, high = float(x.min()), float(x.max())
    if low >= 0 or high <= 0:
        return 0.0
    # Among all weights with the mean 0, those of the form 1 / (n * (1 + t * x)) have the largest
    # likelihood.
    most = 1 / len(x) - 1  # a weight is at most 1
    t = optimize.brentq(lambda t: float((x / (1 + t * x)).sum()), most / high, most / low)
    return float(2 * stats.norm.sf(math.sqrt(2 * float(np.log1p(t * x).sum()))))


def finite(what: str, array: Array, *, cure: str = "") -> None:
    """Fail if a number is inf or nan; `cure` ends the message."""
    if not np.isfinite(array).all():
        at = _place(~np.isfinite(array))
        end = f": {cure}" if cure else ""
        raise AssertionError(f"{what} is {array[at]}{_index(at)}, for finite inputs{end}")


def _place(array: Array) -> tuple[Any, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(array)), array.shape))


def _index(at: tuple[int, ...]) -> str:
    return f" at {at}" if at else ""
