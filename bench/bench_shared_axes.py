"""Times decisions that are shared along axes, beside `np.copyto` and `np.multiply`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import cases
import pytest
from cases import ROOF_LINES, Row


@dataclass(frozen=True)
class Layout:
    """A shape, and the options that share decisions over it."""

    shape: tuple[int, ...]
    options: dict[str, Any]


LAYOUTS = {
    "NCHW (32, 64, 56, 56)": Layout((32, 64, 56, 56), {"variant": "spatial", "channel_axis": 1}),
    "NHWC (32, 56, 56, 64)": Layout((32, 56, 56, 64), {"variant": "spatial", "channel_axis": -1}),
    "all time steps (50, 64, 1024)": Layout((50, 64, 1024), {"shared_axes": (0,)}),
}
OPERATIONS = {"forward": cases.forward, "backward from bits": cases.backward_from_bits}


def rows() -> Iterator[Row]:
    """Layout by layout."""
    for detail, layout in LAYOUTS.items():
        n = prod(layout.shape)
        for name in ROOF_LINES:
            yield Row("shared axes", name, n, detail=detail, always=True)
        for name in OPERATIONS:
            yield Row("shared axes", name, n, p=0.1, detail=detail, always=True)


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench(row: Row, timed, buffers) -> None:
    """One operation on arrays that were used before."""
    layout = LAYOUTS[row.detail]
    b = buffers(layout.shape)
    if row.name in ROOF_LINES:
        timed(row, ROOF_LINES[row.name](b))
    else:
        timed(row, OPERATIONS[row.name](b, row.p, **layout.options))
