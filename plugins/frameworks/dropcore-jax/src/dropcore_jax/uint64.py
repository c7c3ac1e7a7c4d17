"""64-bit integers as pairs of uint32, high word first: JAX has no uint64 unless x64 is on.

All arithmetic is modulo 2^64. Words may be arrays of shapes that broadcast to each other.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np

Word: TypeAlias = Any  # a scalar or an array of uint32, of NumPy or JAX
Pair: TypeAlias = tuple[Word, Word]

MASK = 0xFFFFFFFF


def constant(value: int) -> Pair:
    """A Python integer, modulo 2^64."""
    return np.uint32(value >> 32 & MASK), np.uint32(value & MASK)


def of_word(low: Word) -> Pair:
    """A uint32."""
    return jnp.zeros_like(low), low


def add(x: Pair, y: Pair) -> Pair:
    low = x[1] + y[1]
    return x[0] + y[0] + (low < x[1]).astype(jnp.uint32), low


def xor(x: Pair, y: Pair) -> Pair:
    return x[0] ^ y[0], x[1] ^ y[1]


def multiply(x: Pair, y: Pair) -> Pair:
    high, low = _wide(x[1], y[1])
    return high + x[0] * y[1] + x[1] * y[0], low


def _wide(x: Word, y: Word) -> Pair:
    # The 64-bit product of two words, from products of their halves.
    a, b, c, d = x >> 16, x & 0xFFFF, y >> 16, y & 0xFFFF
    middle = a * d + (b * d >> 16)
    other = (middle & 0xFFFF) + b * c
    return a * c + (middle >> 16) + (other >> 16), x * y


def shift_right(x: Pair, by: int) -> Pair:
    """Shift right by 0 to 63 places."""
    high, low = x
    if by == 0:
        return x
    if by >= 32:
        return jnp.zeros_like(high), high >> (by - 32)
    return high >> by, low >> by | high << (32 - by)


def shift_left(x: Pair, by: int) -> Pair:
    """Shift left by 0 to 31 places."""
    high, low = x
    return (high << by | low >> (32 - by), low << by) if by else x


def rotate_right(x: Pair, by: int) -> Pair:
    """Rotate right by 1 to 63 places."""
    high, low = (x[1], x[0]) if by >= 32 else x
    by %= 32
    if by == 0:
        return high, low
    return high >> by | low << (32 - by), low >> by | high << (32 - by)


def less(x: Pair, y: Pair) -> Any:
    """Whether x < y."""
    return (x[0] < y[0]) | ((x[0] == y[0]) & (x[1] < y[1]))
