"""The record of a mask: plain data for JSON, from which the same mask can be made again."""

from __future__ import annotations

from typing import Any, TypeAlias

from dropcore.draw import STREAM_VERSION, Draw, check_version
from dropcore.plugins import get_variant
from dropcore.variants.base import Variant

KEYS = {"stream_version", "draw", "p", "shape", "variant", "options"}
SHARD_KEYS = KEYS | {"shard"}  # for a block of a larger array

Shard: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]


def record_of(
    variant: Variant, p: float, shape: tuple[int, ...], draw: Draw | None, shard: Shard | None
) -> dict[str, Any]:
    """The record of a mask; `draw` is None for a mask from inference."""
    record: dict[str, Any] = {
        "stream_version": STREAM_VERSION,
        "draw": None if draw is None else str(draw),
        "p": p,
        "shape": list(shape),
        "variant": variant.name,
        "options": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in variant.options().items()
        },
    }
    if shard is not None:
        record["shard"] = [list(part) for part in shard]
    return record


def read(record: dict[str, Any]) -> tuple[Variant, Any, Any, Draw | None, Any]:
    """The variant, p, shape, draw and shard of a record; draw and shard may be None.

    p, shape and shard are not checked.
    """
    check_version("record", record)
    if set(record) not in (KEYS, SHARD_KEYS):
        raise ValueError(
            f"record must have the keys {sorted(KEYS)} and may have 'shard', not {list(record)}"
        )
    if not isinstance(record["variant"], str):
        raise TypeError(f"record['variant'] must be a str, not {record['variant']!r}")
    if not isinstance(record["options"], dict):
        raise TypeError(f"record['options'] must be a dict, not {record['options']!r}")
    if not isinstance(record["draw"], str | None):
        raise TypeError(f"record['draw'] must be a str or None, not {record['draw']!r}")
    draw = None if record["draw"] is None else Draw.parse(record["draw"])
    shard = record.get("shard")
    if isinstance(shard, list):
        shard = tuple(shard)
    variant = get_variant(record["variant"], **record["options"])
    return variant, record["p"], record["shape"], draw, shard
