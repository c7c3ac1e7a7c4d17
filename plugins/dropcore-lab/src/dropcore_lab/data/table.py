"""A CSV of the user: columns of numbers and a target, or a description of the fault."""

from __future__ import annotations

import contextlib
import csv
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dropcore_lab import limits
from dropcore_lab.fields import Fault, Faults


@dataclass(frozen=True)
class Table:
    """The content of a CSV.

    Attributes
    ----------
    features : tuple of str
        Names of the number columns.
    x : float64 array, shape (rows, features)
    y : array, shape (rows,)
        Class numbers or numbers.
    classes : tuple of str
        Names of the classes; empty for numbers.
    """

    features: tuple[str, ...]
    x: NDArray[np.float64]
    y: NDArray[np.float64] | NDArray[np.intp]
    classes: tuple[str, ...]


def parse(text: str, target: str | None, task: str) -> Table:
    """Read a CSV.

    The first line has the names of the columns if none of its cells is a number. The target is the
    column with the name `target`, or the last column if `target` is None.

    Raises
    ------
    Faults
        With the first fault, at ``/data/text``, ``/data/target`` or ``/data/task``.
    """
    lines = _lines(text)
    names, lines = _names(lines)
    if target is not None and target not in names:
        raise _fault("target", target, f"one of the columns: {', '.join(names)}")
    place = len(names) - 1 if target is None else names.index(target)
    features = [column for column in range(len(names)) if column != place]
    x = np.array([[_number(cells, names, c, line) for c in features] for line, cells in lines])
    y, classes = _targets(lines, names, place, task)
    return Table(tuple(names[column] for column in features), x, y, classes)


Line = tuple[int, list[str]]


def _lines(text: str) -> list[Line]:
    """Every line that is not empty, with its number; all lines have the same number of cells."""
    content = text.lstrip("\ufeff").splitlines()
    reader = csv.reader(content, delimiter=_delimiter(content), strict=True)
    lines: list[Line] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise _text_fault("CSV", text, f"line {reader.line_num}: {error}") from None
    if not lines:
        raise _text_fault("CSV with rows", text, "it is empty")
    width = len(lines[0][1])
    if not 2 <= width <= limits.CSV_COLUMNS:
        raise _text_fault(
            f"CSV with 2 to {limits.CSV_COLUMNS} columns, numbers and a target, separated by "
            "commas, semicolons or tabs",
            text,
            f"the first line has {width}",
        )
    for line, cells in lines:
        if len(cells) != width:
            found = f"line {line} has {len(cells)} cells, and line {lines[0][0]} has {width}"
            raise _text_fault("CSV with the same number of cells in each line", text, found)
    return lines


def _delimiter(content: list[str]) -> str:
    """The delimiter of the cells; a semicolon or a tab if commas may be within numbers."""
    first = next((line for line in content if line.strip()), "")
    with contextlib.suppress(csv.Error):  # reported later, when all lines are read
        for mark in ";\t":
            if len(next(csv.reader([first], delimiter=mark), [])) > 1:
                return mark
    return ","


def _names(lines: list[Line]) -> tuple[list[str], list[Line]]:
    """The columns' names, and the lines with rows."""
    first = lines[0][1]
    if any(_is_number(cell) for cell in first):
        return [f"column {place}" for place in range(1, len(first) + 1)], _few(lines)
    if len(set(first)) < len(first) or not all(first):
        found = "the first line is " + ", ".join(cell or "(nothing)" for cell in first)
        raise _text_fault("CSV whose columns have different names", ",".join(first), found)
    return first, _few(lines[1:])


def _few(lines: list[Line]) -> list[Line]:
    if not 2 <= len(lines) <= limits.ROWS:
        raise _text_fault(f"CSV with 2 to {limits.ROWS} rows", None, f"it has {len(lines)}")
    return lines


def _number(cells: list[str], names: list[str], column: int, line: int) -> float:
    cell = cells[column]
    if not _is_number(cell):
        found = f"line {line}, column {names[column]} has {cell or 'nothing'}"
        raise _text_fault("CSV with finite numbers", cell, found)
    return float(cell)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def _targets(
    lines: list[Line], names: list[str], place: int, task: str
) -> tuple[NDArray[np.float64] | NDArray[np.intp], tuple[str, ...]]:
    if task == "number":
        return np.array([_number(cells, names, place, line) for line, cells in lines]), ()
    cells = [cells[place] for _, cells in lines]
    classes = sorted(set(cells), key=_in_order)
    if not 2 <= len(classes) <= limits.CLASSES:
        counted = "1 value" if len(classes) == 1 else f"{len(classes)} different values"
        found = f"the target {names[place]} has {counted}"
        accepted = f'"number", or a target of 2 to {limits.CLASSES} classes'
        raise _fault("task", task, accepted, found)
    return np.array([classes.index(cell) for cell in cells], np.intp), tuple(classes)


def _in_order(cell: str) -> tuple[int, float, str]:
    return (0, float(cell), cell) if _is_number(cell) else (1, 0.0, cell)


def _text_fault(accepted: str, value: str | None, found: str) -> Faults:
    return _fault("text", value, accepted, found)


def _fault(name: str, value: str | None, accepted: str, found: str = "") -> Faults:
    return Faults([Fault(f"/data/{name}", value, accepted, found)])
