"""Mean and spread over seeds, and changes judged seed by seed.

Runs with the same seed have the same rows, labels, initial weights and order of the batches.
Therefore two settings are compared within each seed. A difference is reported only if, after
rounding to the printed digits, it has the same sign in every seed, and only if there are enough
seeds: see `chance` and `FEWEST`. Conclusions that name the lowest or the highest value compare the
means over the seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

FEWEST = 5
"""The fewest seeds with which settings are compared."""

RARE = 20
"""Chances smaller than one in 2**RARE are written as one in 2**RARE."""

TOO_SMALL = "'too small' means: in at least one seed the share is not above 0."
"""The explanation of a `share` that is not written as a number."""


def chance(seeds: int) -> int:
    """Return n: by chance alone all seeds agree in at most one of n comparisons.

    Without an effect, each seed shows either sign with a probability of at most 1/2. So the
    probability that all seeds show the same sign is at most 2 * (1/2)**seeds.

    >>> chance(3), chance(5), chance(10)
    (4, 16, 512)
    """
    return 1 << min(seeds - 1, RARE)


def rule(seeds: int) -> str:
    """Say which differences are reported, and how often chance alone would cause a difference.

    >>> print(rule(5))
    Settings are compared seed by seed. A difference is reported only if it has the same sign in all 5 seeds, after rounding to the printed digits; the report is the mean ± standard deviation of the differences. By chance alone all signs agree in at most 1 of 16 comparisons.
    """  # noqa: E501
    return (
        "Settings are compared seed by seed. A difference is reported only if it has the same sign "
        f"in all {seeds} seeds, after rounding to the printed digits; the report is the mean ± "
        "standard deviation of the differences. By chance alone all signs agree in at most 1 of "
        f"{chance(seeds)} comparisons."
    )


def too_few(seeds: int) -> str:
    """Say why so few seeds are not compared.

    >>> print(too_few(1))
    One seed cannot tell an effect from chance.
    >>> print(too_few(3))
    3 seeds are too few to compare settings: by chance alone all 3 agree on the sign of a difference in at most 1 of 4 comparisons.
    """  # noqa: E501
    if seeds == 1:
        return "One seed cannot tell an effect from chance."
    return (
        f"{seeds} seeds are too few to compare settings: by chance alone all {seeds} agree on the "
        f"sign of a difference in at most 1 of {chance(seeds)} comparisons."
    )


def uncompared(seeds: int) -> list[str]:
    """The conclusions from fewer than `FEWEST` seeds."""
    return [f"{too_few(seeds)} --seeds {FEWEST} compares the settings."]


def heading(seeds: int) -> str:
    """The explanation of a table's figures."""
    return f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed"


@dataclass(frozen=True)
class Spread:
    """A mean and the standard deviation around it (nan for a single value).

    >>> str(Spread.of([1.0, 2.0, 3.0]))
    '2.000 ± 1.000'
    >>> str(Spread.of([2.0]))
    '2.000'
    """

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: ArrayLike) -> Spread:
        """Take one value for each seed; the standard deviation has the divisor n - 1."""
        array = np.asarray(values, dtype=np.float64)
        deviation = float(array.std(ddof=1)) if array.size > 1 else float("nan")
        return cls(float(array.mean()), deviation)

    def text(self, digits: int = 3) -> str:
        """Write the mean, and the deviation if there is one, with a number of digits."""
        mean = f"{self.mean:z.{digits}f}"
        return mean if np.isnan(self.deviation) else f"{mean} ± {self.deviation:.{digits}f}"

    def __str__(self) -> str:
        """Write mean and deviation with three digits."""
        return self.text()


def share(values: ArrayLike) -> str:
    """Write a share of time in per cent; "too small" if any seed's share is printed as 0.0 or less.

    >>> share([0.11, 0.13]), share([0.11, -0.13])
    ('12.0 ± 1.4 %', 'too small')
    """
    percent = 100 * np.asarray(values, dtype=np.float64)
    if not (percent.round(1) > 0).all():
        return "too small"
    return f"{Spread.of(percent).text(1)} %"


@dataclass(frozen=True)
class Change:
    """The change of a figure from one setting to another, compared seed by seed.

    Attributes
    ----------
    size : Spread
        Mean and spread of the differences, new minus old.
    up, down, seeds : int
        The number of seeds in which the figure rose, in which it fell, and of all seeds. A
        difference that is rounded to 0 counts neither as up nor as down.
    digits : int
        The number of digits behind the point to which a difference is rounded.
    """

    size: Spread
    up: int
    down: int
    seeds: int
    digits: int

    @classmethod
    def between(cls, old: ArrayLike, new: ArrayLike, *, digits: int = 2) -> Change:
        """Compare `old` with `new`, arrays with one value for each of the same seeds."""
        change = np.subtract(new, old, dtype=np.float64)
        seen = change.round(digits)
        up, down = int(np.sum(seen > 0)), int(np.sum(seen < 0))
        return cls(Spread.of(change), up, down, change.size, digits)

    @property
    def rose(self) -> bool:
        """Whether every seed's figure is higher."""
        return self.up == self.seeds

    @property
    def fell(self) -> bool:
        """Whether every seed's figure is lower."""
        return self.down == self.seeds

    def text(self, up: str = "higher", down: str = "lower", *, unit: str = "") -> str:
        """Describe the change in words.

        >>> Change.between([1.0, 2.0, 3.0], [0.5, 1.5, 2.5]).text()
        'lower by 0.50 ± 0.00'
        >>> Change.between([1.0, 2.0, 3.0], [1.5, 2.5, 1.0]).text()
        'not clearly changed (higher in 2 of 3 seeds, lower in 1)'
        >>> Change.between([1.0, 2.0, 3.0], [1.0, 1.5, 2.5]).text()
        'not clearly changed (lower in 2 of 3 seeds, unchanged in 1)'
        >>> Change.between([1.0, 2.0, 3.0], [1.001, 2.001, 3.0]).text()
        'unchanged to 2 digits'
        """
        if not (self.up or self.down):
            return f"unchanged to {self.digits} digit{'s' * (self.digits > 1)}"
        if not (self.rose or self.fell):
            return f"not clearly changed ({self._counts(up, down)})"
        size = Spread(abs(self.size.mean), self.size.deviation)
        return f"{up if self.rose else down} by {size.text(self.digits)}{unit}"

    def _counts(self, up: str, down: str) -> str:
        """Say in how many seeds the figure rose, fell or did not change."""
        unchanged = self.seeds - self.up - self.down
        each = ((up, self.up), (down, self.down), ("unchanged", unchanged))
        (first, count), *others = [(word, number) for word, number in each if number]
        more = "".join(f", {word} in {number}" for word, number in others)
        return f"{first} in {count} of {self.seeds} seeds{more}"
