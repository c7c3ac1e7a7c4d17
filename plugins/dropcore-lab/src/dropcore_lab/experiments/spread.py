"""Mean and spread over seeds, and changes judged seed by seed.

Runs that share a seed share the rows, the labels, the initial weights and the order of the
batches. Two settings are therefore compared within each seed, where those cancel, and a change is
called clear only if every seed shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


def warning(seeds: int) -> list[str]:
    """Say, if so, that the seeds are too few: a list of one line, or none.

    >>> warning(1)
    ['1 seed: too few to tell an effect from chance.']
    >>> warning(5)
    []
    """
    if seeds >= 3:
        return []
    return [f"{seeds} seed{'s' * (seeds > 1)}: too few to tell an effect from chance."]


def heading(seeds: int) -> str:
    """Say what a table's figures are."""
    figures = "mean ± standard deviation over" if seeds > 1 else "figures of"
    return f"{figures} {seeds} seed{'s' * (seeds > 1)}"


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
        """Take one value a seed; the deviation is the sample's, with n - 1."""
        array = np.asarray(values, dtype=np.float64)
        deviation = float(array.std(ddof=1)) if array.size > 1 else float("nan")
        return cls(float(array.mean()), deviation)

    def text(self, digits: int = 3) -> str:
        """Write the mean, and the deviation where there is one, to so many digits."""
        mean = f"{self.mean:.{digits}f}"
        return mean if np.isnan(self.deviation) else f"{mean} ± {self.deviation:.{digits}f}"

    def __str__(self) -> str:
        """Write it to three digits."""
        return self.text()


@dataclass(frozen=True)
class Change:
    """How one setting's figure differs from another's, seed by seed.

    Attributes
    ----------
    size : Spread
        Of the differences, new minus old.
    up, down, seeds : int
        In how many seeds the figure rose, in how many it fell, and of how many.
    """

    size: Spread
    up: int
    down: int
    seeds: int

    @classmethod
    def between(cls, old: ArrayLike, new: ArrayLike) -> Change:
        """Compare `old` with `new`, arrays with one value for each of the same seeds."""
        change = np.subtract(new, old, dtype=np.float64)
        up, down = int(np.sum(change > 0)), int(np.sum(change < 0))
        return cls(Spread.of(change), up, down, change.size)

    @property
    def rose(self) -> bool:
        """Whether every seed's figure is higher."""
        return self.up == self.seeds

    @property
    def fell(self) -> bool:
        """Whether every seed's figure is lower."""
        return self.down == self.seeds

    def text(
        self, up: str = "higher", down: str = "lower", *, unit: str = "", digits: int = 2
    ) -> str:
        """Put the change in words.

        >>> Change.between([1.0, 2.0, 3.0], [0.5, 1.5, 2.5]).text()
        'lower by 0.50 ± 0.00'
        >>> Change.between([1.0, 2.0, 3.0], [1.5, 2.5, 1.0]).text()
        'not clearly changed (higher in 2 of 3 seeds, lower in 1)'
        """
        if not (self.rose or self.fell):
            counts = f"{up} in {self.up} of {self.seeds} seeds, {down} in {self.down}"
            return f"not clearly changed ({counts})"
        size = Spread(abs(self.size.mean), self.size.deviation)
        return f"{up if self.rose else down} by {size.text(digits)}{unit}"
