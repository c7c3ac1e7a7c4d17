"""Data sets: the list for the page, the data part of a specification, and the rows.

- ``datasets.py``: the table of all data sets;
- ``sources.py``: the functions that make or load rows;
- ``table.py``: the user's own CSV.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dropcore_lab.data import sources, table
from dropcore_lab.data.datasets import DATASETS, Dataset, Task
from dropcore_lab.fields import Choice, Faults, Reader

GRID = 40
"""Points along a side of a boundary's picture."""
FIT = 200
"""Points of a fit's picture."""

Array = NDArray[Any]


@dataclass(frozen=True)
class Part:
    """Training rows or validation rows.

    Attributes
    ----------
    x : float32 array, shape (rows, ...)
    y : array, shape (rows,)
        Class numbers (intp), or numbers (float32).
    """

    x: Array
    y: Array

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Data:
    """The data of a specification: the name of a data set, and values of its fields."""

    name: str
    values: Mapping[str, Any]

    @property
    def dataset(self) -> Dataset:
        """The data set of that name."""
        return DATASETS[self.name]

    def canonical(self) -> dict[str, Any]:
        """Return the data in the form for JSON."""
        return {"name": self.name, **self.values}

    @property
    def facts(self) -> Facts:
        """The facts that are known before any row is made."""
        one = self.dataset
        if one.source is not None:
            rows = self.values.get("rows", one.most)
            validation = self.values.get("validation", 0)
            return Facts(one.task, one.shape, one.classes, one.features, rows, validation)
        parsed = self.parsed()
        task: Task = "number" if not parsed.classes else "classes"
        if len(parsed.classes) == 2:
            task = "binary"
        total = len(parsed.y)
        asked = self.values["validation"]
        validation = total // 3 if asked is None else asked
        shape = (len(parsed.features),)
        rows = total - validation
        return Facts(task, shape, parsed.classes, parsed.features, rows, validation)

    def parsed(self) -> table.Table:
        """The rows of a CSV, unchanged."""
        values = self.values
        return _parse(values["text"], values["target"], values["task"])


@dataclass(frozen=True)
class Facts:
    """The facts of data without its rows."""

    task: Task
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    features: tuple[str, ...]
    rows: int
    validation: int

    @property
    def outputs(self) -> int:
        """The number of units of the output layer."""
        return len(self.classes) if self.task == "classes" else 1

    @property
    def picture(self) -> str:
        """The kind of picture of predictions."""
        if self.task == "binary" and self.shape == (2,):
            return "boundary"
        if self.task == "number":
            return "fit" if self.shape == (1,) else "scatter"
        return "confusion"


@lru_cache(maxsize=4)
def _parse(text: str, target: str | None, task: str) -> table.Table:
    return table.parse(text, target, task)


def read(reader: Reader) -> Data:
    """Read the data of a specification; faults go to the reader."""
    name = reader.take("name", Choice(choices=tuple(DATASETS), default="moons"))
    one = DATASETS[name]
    if one.reason is not None:
        reader.refuse("name", name, f"a data set that is installed: {one.reason}")
    before = len(reader.faults)
    data = Data(name, {key: reader.take(key, field) for key, field in one.fields.items()})
    reader.finish()
    if len(reader.faults) == before:
        _check_rows(data, reader)
    return data


def _check_rows(data: Data, reader: Reader) -> None:
    try:
        facts = data.facts
    except Faults as found:
        reader.faults.extend(
            replace(fault, path=reader.path + fault.path.removeprefix("/data"))
            for fault in found.faults
        )
        return
    most = data.dataset.most
    if facts.rows + facts.validation > most:
        allowed = f"such that training and validation rows are at most {most} together"
        reader.refuse("validation", facts.validation, allowed)
    if facts.rows < 2:
        reader.refuse("validation", facts.validation, "such that 2 rows or more are left to train")


@dataclass(frozen=True)
class Rows:
    """The rows of a specification.

    Attributes
    ----------
    facts : Facts
    train, validation : Part
    """

    facts: Facts
    train: Part
    validation: Part


def load(data: Data) -> Rows:
    """Make or load the rows; the same specification gives the same rows."""
    facts = data.facts
    rng = np.random.default_rng(data.values.get("seed", 0))
    total = facts.rows + facts.validation
    if data.dataset.source is None:
        parsed = data.parsed()
        order = rng.permutation(total)
        x: Array = parsed.x[order]
        y: Array = parsed.y[order]
        if facts.task == "number":
            y = sources.standardised(y, facts.rows)
    else:
        x, y = data.dataset.source(total, data.values.get("noise", 0), rng)
        if data.values.get("wrong"):
            y = sources.with_wrong(y, data.values["wrong"], len(facts.classes), rng)
    if data.dataset.standardise:
        x = sources.standardised(x, facts.rows)
    x = x.astype(np.float32)
    y = y.astype(np.float32 if facts.task == "number" else np.intp)
    cut = facts.rows
    return Rows(facts, Part(x[:cut], y[:cut]), Part(x[cut:], y[cut:]))


def grid(rows: Rows) -> tuple[list[list[float]], Array] | None:
    """The range of a picture over the inputs, and its points; None if there is no picture."""
    if rows.facts.picture not in ("boundary", "fit"):
        return None
    x = np.concatenate([rows.train.x, rows.validation.x])
    low, high = x.min(axis=0), x.max(axis=0)
    margin = np.maximum(0.08 * (high - low), 1e-3)
    ends = np.stack([low - margin, high + margin], axis=1)
    if rows.facts.picture == "fit":
        points = np.linspace(ends[0, 0], ends[0, 1], FIT)[:, None]
    else:
        across, up = (np.linspace(low, high, GRID) for low, high in ends)
        points = np.stack([np.tile(across, GRID), np.repeat(up, GRID)], axis=1)
    return ends.tolist(), points.astype(np.float32)
