"""Mean and spread over seeds, and changes judged seed by seed.

Runs that share a seed share the rows, the labels, the initial weights and the order of the
batches. Two settings are therefore compared within each seed, where those cancel, and a change is
called clear only if every seed shows it, in the digits that are printed. One seed shows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

ONE_SEED = ["One seed cannot tell an effect from chance. --seeds 5 runs five, and compares them."]
"""What is concluded from one seed."""


def warning(seeds: int) -> list[str]:
    """Say, if so, that two seeds are few: a list of one line, or none.

    >>> warning(2)
    ['2 seeds: too few to tell an effect from chance.']
    >>> warning(5)
    []
    """
    return [f"{seeds} seeds: too few to tell an effect from chance."] if seeds < 3 else []


def heading(seeds: int) -> str:
    """Say what a table's figures are."""
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
        In how many seeds the figure rose, in how many it fell, and of how many. A difference that
        is 0 in the digits printed is neither.
    digits : int
        To how many digits a difference is printed.
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
        """Put the change in words.

        >>> Change.between([1.0, 2.0, 3.0], [0.5, 1.5, 2.5]).text()
        'lower by 0.50 ± 0.00'
        >>> Change.between([1.0, 2.0, 3.0], [1.5, 2.5, 1.0]).text()
        'not clearly changed (higher in 2 of 3 seeds, lower in 1)'
        >>> Change.between([1.0, 2.0, 3.0], [1.001, 2.001, 3.0]).text()
        'unchanged to 2 digits'
        """
        if not (self.up or self.down):
            return f"unchanged to {self.digits} digit{'s' * (self.digits > 1)}"
        if not (self.rose or self.fell):
            counts = f"{up} in {self.up} of {self.seeds} seeds, {down} in {self.down}"
            return f"not clearly changed ({counts})"
        size = Spread(abs(self.size.mean), self.size.deviation)
        return f"{up if self.rose else down} by {size.text(self.digits)}{unit}"
