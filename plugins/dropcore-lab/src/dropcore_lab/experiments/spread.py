"""Mean and spread over seeds, and changes judged seed by seed.

Runs with the same seed have the same rows, labels, initial weights and order of the batches.
Therefore two settings are compared within each seed. A change is called clear only if every seed
shows it in the printed digits. One seed alone shows nothing. Two seeds show differences, but give
no verdict: see `FEWEST`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

ONE_SEED = ["One seed cannot tell an effect from chance. --seeds 5 runs five, and compares them."]
"""The conclusion from one seed."""


FEWEST = 3
"""The fewest seeds for a verdict."""

TOO_SMALL = "'too small' means: in at least one seed the share is not above 0."
"""The explanation of a `share` that is not written as a number."""


def preface(seeds: int) -> list[str]:
    """Say how settings are compared, and whether the seeds are too few for a verdict.

    >>> preface(2)[1:]
    ['2 seeds are too few for a verdict: what every seed shows may still be chance.']
    """
    lines = [
        "Settings are compared seed by seed. A difference has the form mean ± standard deviation "
        "of the differences."
    ]
    if seeds < FEWEST:
        lines.append(
            f"{seeds} seeds are too few for a verdict: what every seed shows may still be chance."
        )
    return lines


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
        mean = f"{self.mean:.{digits}f}"
        return mean if np.isnan(self.deviation) else f"{mean} ± {self.deviation:.{digits}f}"

    def __str__(self) -> str:
        """Write mean and deviation with three digits."""
        return self.text()


def share(values: ArrayLike) -> str:
    """Write a share of time in per cent, if every seed's is above 0 in the digits printed.

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
        difference that is 0 in the printed digits counts as neither.
    digits : int
        The printed digits of a difference.
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
        """Say in how many seeds each thing happened, of those that did."""
        unchanged = self.seeds - self.up - self.down
        each = ((up, self.up), (down, self.down), ("unchanged", unchanged))
        (first, count), *others = [(word, number) for word, number in each if number]
        more = "".join(f", {word} in {number}" for word, number in others)
        return f"{first} in {count} of {self.seeds} seeds{more}"
