"""Arrays that are not in C order, compared with a copy of the same arrays.

`out` has the strides of x. If x is dense with its axes in another order, the kernels work in memory
order and nothing is copied. If x has gaps, x is copied before the kernel runs, and the result
afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import cases
import numpy as np
import pytest
from cases import COPYTO, Array, Buffers, Row


@dataclass(frozen=True)
class Layout:
    """A view of an array in C order."""

    shape: tuple[int, ...]  # the shape of the array in C order
    view: Callable[[Array], Array]


LAYOUTS = {
    "C order (1024, 1024)": Layout((1024, 1024), lambda a: a),
    "transposed (1024, 1024)": Layout((1024, 1024), lambda a: a.T),
    "channels last (16, 64, 32, 32)": Layout((16, 32, 32, 64), lambda a: a.transpose(0, 3, 1, 2)),
    "channels last (8, 256, 14, 14)": Layout((8, 14, 14, 256), lambda a: a.transpose(0, 3, 1, 2)),
    "heads (8, 8, 128, 64)": Layout((8, 128, 8, 64), lambda a: a.transpose(0, 2, 1, 3)),
    "batch first (64, 100, 128)": Layout((100, 64, 128), lambda a: a.transpose(1, 0, 2)),
    "rows apart (1024, 1000)": Layout((1024, 1024), lambda a: a[:, :1000]),
    "every other row (512, 1024)": Layout((1024, 1024), lambda a: a[::2]),
}
OPERATIONS = {"forward": cases.forward, "backward from bits": cases.backward_from_bits}


def rows() -> Iterator[Row]:
    """For each layout: the copy, then the operations."""
    for detail, layout in LAYOUTS.items():
        n = layout.view(np.empty(layout.shape, bool)).size
        yield Row("layouts", COPYTO, n, detail=detail, always=True)
        for name in OPERATIONS:
            yield Row("layouts", name, n, p=0.1, detail=detail, always=True)


@lru_cache(maxsize=1)
def laid_out(detail: str) -> Buffers:
    """Buffers whose x and y have a layout; all rows of the layout use these buffers."""
    layout = LAYOUTS[detail]
    b = Buffers(layout.shape)
    b.x, b.y = layout.view(b.x), layout.view(b.y)
    return b


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench(row: Row, timed) -> None:
    """Time one operation; the arrays are already in the cache, if they fit."""
    b = laid_out(row.detail)
    timed(row, cases.copyto(b) if row.name == COPYTO else OPERATIONS[row.name](b, row.p))
