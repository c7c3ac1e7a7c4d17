"""What is judged by chance, and how sure a verdict is.

A check collects p-values of many tests and judges the smallest of them once, multiplied by
their number (Bonferroni). Draws are fixed, so a verdict never changes from run to run; a
right variant is called wrong with a probability of about `ERROR_RATE`.

Means are judged by their distance in standard errors, and those that are far off by
empirical likelihood, which for skewed numbers is right far out in the tail, where the
normal distribution is not (Owen, "Empirical likelihood ratio confidence intervals for a
single functional", Biometrika 75 (1988)). Patterns are judged by what they have in common,
exactly: one is a random order of itself to the other (hypergeometric).
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
"""The probability that a right variant fails by bad luck, all its checks together."""

JUDGING = 8  # the checks that use Evidence
LEVEL = ERROR_RATE / JUDGING
ROUNDING = 1e-9  # of float64, in means over many draws
FAR = 4.0  # standard errors: below, no test fails, and the normal distribution will do
WORST = 8  # of many means: so many are judged by empirical likelihood
FEW = 100  # terms of a sum: fewer prove nothing


class Evidence:
    """The tests of one check, judged together."""

    def __init__(self) -> None:
        self.tests = 0
        self._p = 1.0
        self._worst = ""

    def add(self, tests: int, p: float, text: str) -> None:
        """So many tests, of which the worst has this p-value."""
        self.tests += tests
        if p < self._p or math.isnan(p):
            self._p = 0.0 if math.isnan(p) else p
            self._worst = text

    def judge(self) -> None:
        """Fail if the worst of all tests is not chance."""
        if self.tests and self._p * self.tests < LEVEL:
            raise AssertionError(
                f"{self._worst}; p-value {self._p:.1e}, the worst of {self.tests} tests"
            )

    def means(self, what: str, samples: Array, stated: Array | float) -> None:
        """Samples along axis 0 have the stated means, one for each place."""
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
            f"stated is {stated[at]:.6g}, {z[at]:.1f} standard errors away",
        )

    def sums(self, what: str, off: Array) -> None:
        """Independent numbers have the mean 0, whatever variance each has."""
        finite(what, off)
        off = off.reshape(-1)
        if off.size < FEW:
            return
        z = float(_distance(off, np.zeros(())))
        self.add(
            1,
            tail(off, z),
            f"{what} is off by {off.mean():.3g} on average over {off.size} units, "
            f"{z:.1f} standard errors",
        )

    def overlaps(
        self, name: Callable[[int], str], both: Array, left: Array, right: Array, n: int
    ) -> None:
        """Pairs of patterns over n draws have no more and no less in common than by chance.

        `left` and `right` count where each pattern of a pair is true, `both` where the two are.
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
            f"{name(at)}: in common in {both[at]:.0f} of {n} draws, "
            f"{left[at] * right[at] / n:.1f} if they were independent",
        )


def _distance(off: Array, stated: Array) -> Array:
    # Of means along axis 0 from 0, in standard errors.
    error = off.std(0, ddof=1) / math.sqrt(len(off))
    return np.asarray(np.abs(off.mean(0)) / (error + ROUNDING * (1 + np.abs(stated))))


def tail(off: Array, z: float) -> float:
    """The probability that numbers whose mean is 0 are as far from it, on either side.

    `z` is how far their mean is, in standard errors.
    """
    if z < FAR:
        return float(2 * stats.norm.sf(z))
    x = off / np.abs(off).max()
    low, high = float(x.min()), float(x.max())
    if low >= 0 or high <= 0:
        return 0.0
    # The weights 1 / (n * (1 + t * x)) give the mean 0 and are the likeliest that do.
    most = 1 / len(x) - 1  # a weight is at most 1
    t = optimize.brentq(lambda t: float((x / (1 + t * x)).sum()), most / high, most / low)
    return float(2 * stats.norm.sf(math.sqrt(2 * float(np.log1p(t * x).sum()))))


def finite(what: str, array: Array) -> None:
    """Fail if a number is inf or nan."""
    if not np.isfinite(array).all():
        at = _place(~np.isfinite(array))
        raise AssertionError(f"{what} is {array[at]}{_index(at)}, for finite inputs")


def _place(array: Array) -> tuple[Any, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(array)), array.shape))


def _index(at: tuple[int, ...]) -> str:
    return f" at {at}" if at else ""
