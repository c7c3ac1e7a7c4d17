"""The record of a mask: a JSON-able dict that says all that makes it again."""

from __future__ import annotations

from typing import Any

from dropcore.draw import STREAM_VERSION, Draw, check_version
from dropcore.plugins import get_variant
from dropcore.variants.base import Variant

KEYS = {"stream_version", "draw", "p", "shape", "variant", "options"}


def record_of(
    variant: Variant, p: float, shape: tuple[int, ...], draw: Draw | None
) -> dict[str, Any]:
    """The record of a mask; without a draw it is one of inference."""
    return {
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


def read(record: dict[str, Any]) -> tuple[Variant, Any, Any, Draw | None]:
    """What a record says: the variant, p, shape and draw; p and shape are not checked yet."""
    check_version("record", record)
    if set(record) != KEYS:
        raise ValueError(f"record must have the keys {sorted(KEYS)}, not {list(record)}")
    if not isinstance(record["variant"], str):
        raise TypeError(f"record['variant'] must be a str, not {record['variant']!r}")
    if not isinstance(record["options"], dict):
        raise TypeError(f"record['options'] must be a dict, not {record['options']!r}")
    if not isinstance(record["draw"], str | None):
        raise TypeError(f"record['draw'] must be a str or None, not {record['draw']!r}")
    draw = None if record["draw"] is None else Draw.parse(record["draw"])
    return get_variant(record["variant"], **record["options"]), record["p"], record["shape"], draw
