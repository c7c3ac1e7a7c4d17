"""Checks of arguments: an error names the argument, its value, and what is accepted."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any


def at_least(name: str, value: Any, least: int = 0, whole: bool = False) -> None:
    """Raise TypeError or ValueError unless `value` is a finite number, `least` or more."""
    kind: Any = Integral if whole else Real
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {'an integer' if whole else 'a number'}, not {value!r}")
    if not least <= value < math.inf:
        raise ValueError(f"{name} must be {least} or more, and finite, not {value}")


def of_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...], whose: str = "") -> None:
    """Raise ValueError unless `shape` is the expected one; `whose` names its origin."""
    if shape != expected:
        raise ValueError(f"{name} must have shape {expected}{whose}, not {shape}")
