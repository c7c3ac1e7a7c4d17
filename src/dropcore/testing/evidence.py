"""What is judged by chance, and how sure a verdict is.

A check collects p-values of many tests and judges the smallest of them once, multiplied by
their number (Bonferroni). Draws are fixed, so a verdict never changes from run to run; a
right variant is called wrong with a probability of about `ERROR_RATE`. Means are taken to
be normal, which at these sample sizes is right to a factor of some tens that far out;
overlaps are exact (hypergeometric: one pattern is a random order of itself to the other).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dropcore.variants.base import Array

try:
    from scipy import stats  # type: ignore[import-untyped, unused-ignore]
except ImportError as error:
    raise ImportError(
        "dropcore.testing needs scipy, which is not installed: pip install 'dropcore[test]'"
    ) from error

ERROR_RATE = 1e-6
"""The probability that a right variant fails by bad luck, all its checks together."""

JUDGING = 8  # the checks that use Evidence
LEVEL = ERROR_RATE / JUDGING
ROUNDING = 1e-9  # of float64, in means over many draws


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
        if self._p * self.tests < LEVEL:
            raise AssertionError(
                f"{self._worst}; p-value {self._p:.1e}, the worst of {self.tests} tests"
            )

    def means(self, what: str, samples: Array, stated: Array | float) -> None:
        """Samples along axis 0 have the stated means, one for each place."""
        finite(what, samples)
        n = len(samples)
        off = samples - stated
        mean = off.mean(0)
        size = np.abs(np.broadcast_to(stated, mean.shape))
        z = np.abs(mean) / (off.std(0, ddof=1) / math.sqrt(n) + ROUNDING * (1 + size))
        at = _place(z)
        self.add(
            z.size,
            float(2 * stats.norm.sf(z[at])),
            f"{what}{_index(at)} has mean {samples[(slice(None), *at)].mean():.6g} in {n} draws, "
            f"stated is {np.broadcast_to(stated, mean.shape)[at]:.6g}, "
            f"{z[at]:.1f} standard errors away",
        )

    def sums(self, what: str, off: Array) -> None:
        """Independent numbers have the mean 0 together, whatever variance each has."""
        finite(what, off)
        spread = math.sqrt(float(np.square(off).sum())) + ROUNDING * off.size
        total = float(off.sum())
        if off.size:
            self.add(
                1,
                float(2 * stats.norm.sf(abs(total) / spread)),
                f"{what} is off by {total / off.size:.3g} on average over {off.size} units, "
                f"{abs(total) / spread:.1f} standard errors",
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


def finite(what: str, array: Array) -> None:
    """Fail if a number is inf or nan."""
    if not np.isfinite(array).all():
        at = _place(~np.isfinite(array))
        raise AssertionError(f"{what} is {array[at]}{_index(at)}, for finite inputs")


def _place(array: Array) -> tuple[Any, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(array)), array.shape))


def _index(at: tuple[int, ...]) -> str:
    return f" at {at}" if at else ""
