"""Times the default call against size, up to 2^31 elements if memory suffices.

The arrays of all rows are views of one block, whose pages were all written before. A round of any
size processes as many elements as the largest array has, because the minimum of many short rounds
is smaller than the minimum of a few long rounds. All sizes are measured in turn, several times, so
that a disturbance of some seconds does not affect only one size.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import cases
import numpy as np
import psutil
import pytest
from cases import COPYTO, LARGE_SIZES, Buffers, Row

import dropcore

ARRAYS = {COPYTO: 2, "forward": 2, "forward in place": 1}
SHARE = 0.75  # the share of the free memory that is used
TURNS = 5


def rows() -> Iterator[Row]:
    """Size by size."""
    for n in LARGE_SIZES:
        for name in ARRAYS:
            yield Row("large", name, n, p=None if name == COPYTO else 0.1)


class Views(Buffers):
    """x and y, or x alone, in an existing block of float32."""

    def __init__(self, block: np.ndarray, n: int) -> None:
        self.dtype = "float32"
        self.x = self.own = block[:n]
        self.y = block[n : 2 * n]
        self.stream = dropcore.Stream(1)


@cache
def largest(quick: bool) -> int:
    """The number of elements of the largest row, and of each round."""
    return max(n for n in LARGE_SIZES if not quick or n in cases.QUICK_SIZES)


@cache
def block(quick: bool) -> np.ndarray:
    """A block for the largest row, or as large as memory allows."""
    free = int(psutil.virtual_memory().available * SHARE) // 4
    whole = np.empty(min(free, 2 * largest(quick)), np.float32)
    whole.fill(1)
    return whole


@pytest.mark.parametrize("row", list(rows()) * TURNS, ids=str)
def bench(row: Row, timed, request: pytest.FixtureRequest) -> None:
    """The default call on arrays that were used before."""
    quick = request.config.option.quick
    there = block(quick)
    if ARRAYS[row.name] * row.n > there.size:
        pytest.skip(f"needs more than {SHARE:.0%} of the free memory")
    b = Views(there, row.n)
    call = {"forward": cases.forward, "forward in place": cases.in_place}.get(row.name)
    timed(
        row,
        cases.copyto(b) if call is None else call(b, row.p),
        iterations=largest(quick) // row.n,
    )
