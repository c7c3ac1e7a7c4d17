"""The results of a setting's networks: losses and accuracy for each seed, and their description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dropcore_lab.experiments.spread import Change, Spread

COLUMNS = ("training loss", "validation loss", "gap", "accuracy")
"""The headings of `Figures.cells`."""

Setting = TypeVar("Setting")

Run = tuple[float, float, float]
"""The results of one network: training loss, validation loss, validation accuracy."""


@dataclass(frozen=True)
class Figures:
    """Figures of networks that differ in their seed: arrays of shape (seeds,)."""

    train_loss: NDArray[Any]
    val_loss: NDArray[Any]
    val_accuracy: NDArray[Any]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Figures:
        """Gather the runs of all seeds."""
        return cls(*np.array(runs, dtype=np.float64).T)

    @property
    def gap(self) -> NDArray[Any]:
        """Validation loss minus training loss."""
        gap: NDArray[Any] = self.val_loss - self.train_loss
        return gap

    def cells(self) -> tuple[str, ...]:
        """The cells of a table row, for `COLUMNS`."""
        columns = (self.train_loss, self.val_loss, self.gap, self.val_accuracy)
        return tuple(str(Spread.of(column)) for column in columns)

    def loss_change(self, old: Figures) -> Change:
        """Compare the validation loss with another setting's."""
        return Change.between(old.val_loss, self.val_loss)

    def accuracy_change(self, old: Figures) -> Change:
        """Compare the accuracy with another setting's, in percentage points."""
        return Change.between(100 * old.val_accuracy, 100 * self.val_accuracy, digits=1)

    def against(self, old: Figures) -> str:
        """Describe the changes from another setting, and whether validation improved.

        Validation improved if in every seed the loss is lower and the accuracy higher.
        """
        gap = Change.between(old.gap, self.gap)
        loss, points = self.loss_change(old), self.accuracy_change(old)
        verdict = ""
        if loss.fell and points.rose:
            verdict = " Validation improved."
        elif loss.rose and points.fell:
            verdict = " Validation got worse."
        elif not (loss.fell or loss.rose or points.fell or points.rose):
            verdict = " No clear effect on validation."
        return (
            f"gap {gap.text('wider', 'narrower')}, validation loss {loss.text()}, "
            f"accuracy {points.text(unit=' percentage points')}.{verdict}"
        )


def best(figures: Mapping[Setting, Figures]) -> Setting:
    """Find the setting with the lowest mean validation loss."""
    return min(figures, key=lambda setting: float(figures[setting].val_loss.mean()))


def diverged(figures: Mapping[str, Figures]) -> list[str]:
    """A list with one line that names the settings whose training diverged, or an empty list."""
    bad = [name for name, f in figures.items() if not np.isfinite(f.gap).all()]
    return [f"Training diverged at {'; '.join(bad)}: nothing can be compared."] if bad else []
