"""Assertions about arrays. Their messages tell what differs, and where."""

from __future__ import annotations

from typing import Any

import numpy as np

from dropcore.mask import Mask
from dropcore.variants.base import Array


def gradients(mask: Mask, dy: Array) -> tuple[Array, ...]:
    """The gradients of all inputs as a tuple, even if there is only one input."""
    dx = mask.backward(dy)
    return dx if isinstance(dx, tuple) else (dx,)


def same_bits(what: str, got: Any, expected: Any) -> None:
    """Fail unless two arrays, or two tuples of arrays, are equal to the last bit."""
    if isinstance(got, tuple):
        for i, (one, other) in enumerate(zip(got, expected, strict=True)):
            same_bits(f"{what}, input {i}" if len(got) > 1 else what, one, other)
        return
    if (got.dtype, got.shape) != (expected.dtype, expected.shape):
        raise AssertionError(
            f"{what}: {got.dtype} of shape {got.shape}, not {expected.dtype} of {expected.shape}"
        )
    differing = np.asarray(bits(got) != bits(expected))
    if differing.any():
        message = f"{what}: {_first(differing, got, expected)}"
        if ((got == 0) & (expected == 0))[differing].all():
            message += (
                ": zeros of the other sign, so an element is multiplied by 0; "
                "a dropped element must be selected, not multiplied, as np.where does"
            )
        raise AssertionError(message)


def close(
    what: str, got: Array, expected: Array, rtol: float, atol: float, *, cure: str = ""
) -> None:
    """Fail unless two arrays are finite and equal within a tolerance; `cure` ends the message."""
    if got.shape != expected.shape:
        raise AssertionError(f"{what}: shape {got.shape}, not {expected.shape}")
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    fine = np.asarray(np.isfinite(got) & np.isclose(got, expected, rtol=rtol, atol=atol))
    if not fine.all():
        end = f": {cure}" if cure else ""
        raise AssertionError(f"{what}: {_first(~fine, got, expected)}{end}")


def bits(array: Array) -> Array:
    """The bits of each element, as integers: nan equals nan, and -0.0 is not 0.0."""
    return np.ascontiguousarray(array).view(f"u{array.itemsize}").reshape(array.shape)


def _first(wrong: Array, got: Array, expected: Array) -> str:
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    place = f" at {at}" if at else ""
    return f"{got[at]}{place}, expected {expected[at]} ({int(wrong.sum())} of {wrong.size} differ)"
