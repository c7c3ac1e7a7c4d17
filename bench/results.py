"""The results of `run.py`: rows that can be searched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Result:
    """One measured row; further attributes are those of `cases.Row`.

    Attributes
    ----------
    process : str
        The process that measured the row; only rows of one process are compared.
    seconds : float
        The time of one call in the fastest round, because disturbances only make a round longer.
    median : float
        Median time of one call, in the pass with the fastest round.
    """

    process: str
    suite: str
    name: str
    n: int
    dtype: str
    p: float | None
    detail: str
    isa: str
    seconds: float
    median: float


class Results:
    """All rows of a run, and the facts of its machine."""

    def __init__(self, folder: Path) -> None:
        self.facts: dict[str, Any] = json.loads((folder / "run.json").read_text())
        best: dict[Result, Result] = {}
        for path in sorted(folder.glob("*.json")):
            for row in _rows(path):
                key = replace(row, seconds=0.0, median=0.0)
                least = best.get(key, row)
                best[key] = row if row.seconds < least.seconds else least
        self.rows = list(best.values())

    def all(self, **wanted: object) -> list[Result]:
        """Rows whose attributes have these values."""
        return [
            row
            for row in self.rows
            if all(getattr(row, name) == value for name, value in wanted.items())
        ]

    def one(self, **wanted: object) -> Result | None:
        """The row with these values, or None if it was not measured."""
        found = self.all(**wanted)
        if len(found) > 1:
            raise ValueError(f"{len(found)} rows have {wanted}")
        return found[0] if found else None

    def beside(self, row: Result, **other: object) -> Result | None:
        """The row of the same process with these other attributes, or None."""
        same = ("process", "suite", "name", "n", "dtype", "p", "detail")
        return self.one(**{**{name: getattr(row, name) for name in same}, **other})

    def speed(self, row: Result | None, over: Result | None) -> float | None:
        """The speed of a row relative to another row; None if one is missing."""
        if row is None or over is None:
            return None
        return (row.n / row.seconds) / (over.n / over.seconds)

    @property
    def isas(self) -> list[str]:
        """Measured instruction sets, the highest first."""
        there = {row.isa for row in self.rows}
        return [isa for isa in reversed(self.facts["isas"]) if isa in there]


def _rows(path: Path) -> Iterator[Result]:
    if path.name == "run.json":
        return
    for entry in json.loads(path.read_text())["benchmarks"]:
        info = entry["extra_info"]
        names = ("suite", "name", "n", "dtype", "p", "detail", "isa")
        yield Result(
            process=path.name.split(".")[0],  # the same name for all passes
            **{name: info[name] for name in names},
            seconds=entry["stats"]["min"] / info["calls"],
            median=entry["stats"]["median"] / info["calls"],
        )
