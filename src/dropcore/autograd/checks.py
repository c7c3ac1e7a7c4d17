"""Checks of arguments: an error names the argument, what it is, and what is accepted."""

from __future__ import annotations


def at_least(name: str, value: float, least: int = 0) -> None:
    """Raise ValueError unless `value` is `least` or more; nan is not."""
    if not value >= least:
        raise ValueError(f"{name}: {value}, expected {least} or more")


def of_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...], whose: str = "") -> None:
    """Raise ValueError unless `shape` is the expected one; `whose` says where that comes from."""
    if shape != expected:
        raise ValueError(f"{name}: shape {shape}, expected {whose}{expected}")
