"""Times the kernels on arrays of every size, beside `np.copyto` and `np.multiply`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import cases
import pytest
from cases import COMPARED_SIZES, COPYTO, MULTIPLY, ROOF_LINES, SIZES, Row

OPERATIONS = {
    "forward": cases.forward,
    'forward, store="draw"': partial(cases.forward, store="draw"),
    "forward in place": cases.in_place,
    "backward from bits": cases.backward_from_bits,
    "backward from the draw": cases.backward_remade,
    "keep_mask(packed=True)": cases.keep_mask,
}
OF_EVERY_DTYPE = ("forward", "forward in place", "backward from bits")


def rows() -> Iterator[Row]:
    """Group by group, so that compared rows are measured within a second or two."""
    for n in SIZES:
        yield from group(n, "float32", tuple(ROOF_LINES), tuple(OPERATIONS))
    for dtype in ("float64", "float16", "bfloat16"):
        # NumPy multiplies half types one element at a time, so `multiply` is no limit for them.
        roofs = tuple(ROOF_LINES) if dtype == "float64" else (COPYTO,)
        for n in COMPARED_SIZES:
            yield from group(n, dtype, roofs, OF_EVERY_DTYPE)


def group(n: int, dtype: str, roofs: tuple[str, ...], operations: tuple[str, ...]) -> Iterator[Row]:
    """NumPy's operations first, then each operation at both p."""
    for name in roofs:
        yield Row("kernels", name, n, dtype)
    for p in (0.1, 0.5):
        for name in operations:
            yield Row("kernels", name, n, dtype, p)


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench(row: Row, timed, buffers) -> None:
    """One operation on arrays that were used before, with a new draw in every call."""
    b = buffers(row.n, row.dtype)
    if row.name in (COPYTO, MULTIPLY):
        timed(row, ROOF_LINES[row.name](b))
    else:
        timed(row, OPERATIONS[row.name](b, row.p))
