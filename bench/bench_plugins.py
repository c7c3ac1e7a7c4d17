"""Every variant that is registered, forward and backward, between the roof lines."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import cases
import numpy as np
import pytest
from cases import ROOF_LINES, Row

import dropcore

SHAPE = (16, 16, 32, 32)
NEEDED = {  # options without a default
    "spatial": {"channel_axis": 1},
    "dropblock": {"block_size": 7, "channel_axis": 1},
}


def rows() -> Iterator[Row]:
    """A pair of rows for each variant."""
    for name in ROOF_LINES:
        yield Row("plugins", name, prod(SHAPE), always=True)
    for variant in dropcore.variants():
        for name in ("forward", "backward"):
            yield Row("plugins", name, prod(SHAPE), p=0.1, detail=variant, always=True)


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench_plugins(row: Row, timed, buffers) -> None:
    """A variant with its default options."""
    b = buffers(SHAPE)
    if row.name in ROOF_LINES:
        timed(row, ROOF_LINES[row.name](b))
        return
    try:
        variant = dropcore.get_variant(row.detail, **NEEDED.get(row.detail, {}))
    except TypeError as error:
        pytest.skip(f"{row.detail} has options without a default: {error}")
    inputs = {name: np.zeros_like(b.x) for name in variant.inputs[1:]}
    call = cases.forward(b, row.p, variant=variant, **inputs)
    if row.name == "forward":
        timed(row, call)
        return
    mask = call()[1]
    out = {} if inputs else {"out": b.y}
    timed(row, lambda: mask.backward(b.x, **out))
