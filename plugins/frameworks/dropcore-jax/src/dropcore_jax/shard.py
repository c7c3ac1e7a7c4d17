"""The argument `shard`: x is a block of a larger array, at given offsets."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from dropcore_jax import uint64
from dropcore_jax.masking import Masking
from dropcore_jax.uint64 import Pair

Offsets: TypeAlias = "Sequence[int | jax.Array] | jax.Array"
Shard: TypeAlias = tuple[Sequence[int], Offsets]


def whole_shape(shard: Any, shape: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of the whole array; raises unless a block of `shape` at the offsets is in it."""
    if not isinstance(shard, tuple) or len(shard) != 2:
        raise TypeError(f"shard must be (global_shape, offsets), not {shard!r}")
    lengths, offsets = shard
    what = f"shard's global_shape must be {len(shape)} integers, one for each axis of x"
    try:
        whole = tuple(map(operator.index, lengths))
    except TypeError:
        raise TypeError(f"{what}, not {lengths!r}") from None
    if len(whole) != len(shape):
        raise ValueError(f"{what}, not {lengths!r}")
    what = f"shard's offsets must be {len(shape)} integers, one for each axis of x"
    if not hasattr(offsets, "__len__") or len(offsets) != len(shape):
        raise ValueError(f"{what}, not {offsets!r}")
    for axis, (offset, length, all_) in enumerate(zip(offsets, shape, whole, strict=True)):
        first = offset_of(offset)
        last = all_ - length
        if last < 0 or (isinstance(first, int) and not 0 <= first <= last):
            raise ValueError(
                f"shard must lie within global_shape {whole}, not outside: along axis {axis} x "
                f"has {length} elements from offset {offset}"
            )
    return whole


def offset_of(offset: Any) -> int | jax.Array:
    """One offset, as an int or a traced integer."""
    if isinstance(offset, jax.core.Tracer):
        if not jnp.issubdtype(offset.dtype, jnp.integer) or offset.ndim:
            raise TypeError(f"each of shard's offsets must be an integer, not {offset}")
        return offset
    if isinstance(offset, bool | np.bool_):
        raise TypeError(f"each of shard's offsets must be an integer, not {offset!r}")
    try:
        return operator.index(offset)
    except TypeError:
        raise TypeError(f"each of shard's offsets must be an integer, not {offset!r}") from None


def start_of(shard: Shard | None, masking: Masking, shape: tuple[Any, ...]) -> Any:
    """The place of a block's first decision in the mask: two uint32, low word first."""
    fixed, traced = 0, uint64.constant(0)
    if shard is not None:
        for offset, step in zip(map(offset_of, shard[1]), masking.steps(shape), strict=True):
            if isinstance(offset, int):
                fixed += offset * step
            elif step:
                traced = uint64.add(traced, uint64.multiply(_pair(offset), uint64.constant(step)))
    high, low = uint64.add(traced, uint64.constant(fixed))
    return np.array([low, high]) if isinstance(low, np.uint32) else jnp.stack([low, high])


def _pair(offset: jax.Array) -> Pair:
    if offset.dtype.itemsize == 8:
        return (offset >> 32).astype(jnp.uint32), offset.astype(jnp.uint32)
    low = offset.astype(jnp.uint32)
    return jnp.zeros_like(low), low
