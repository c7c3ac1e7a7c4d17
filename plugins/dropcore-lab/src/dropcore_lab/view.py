"""The part of the training that the page shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dropcore_lab.shapes import columns
from dropcore_lab.training import Training
from dropcore_lab.wire import Message


@dataclass(frozen=True)
class View:
    """The part of the training that the page shows."""

    run: int = 0
    row: int = 0
    mode: str = "training"
    layer: str | None = None
    unit: int | None = None

    def within(self, training: Training) -> View:
        """Return the view for a network that may lack the shown layer or unit."""
        run = min(self.run, len(training.networks) - 1)
        row = min(self.row, len(training.shown.rows) - 1)
        found = next((c for c in columns(training.spec) if c.name == self.layer), None)
        if found is None:
            return replace(self, run=run, row=row, layer=None, unit=None)
        unit = None if self.unit is None else min(self.unit, found.units - 1)
        return replace(self, run=run, row=row, unit=unit)

    def message(self) -> Message:
        """Return the view in the form for the page."""
        focus = None if self.layer is None else {"layer": self.layer, "unit": self.unit}
        return {"run": self.run, "row": self.row, "mode": self.mode, "focus": focus}
