"""Forward and backward, compared with libxsmm if its shared library is set (see `libxsmm.py`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import cases
import libxsmm
import numpy as np
import pytest
from cases import COPYTO, SIZES, Buffers, Call, Row
from libxsmm import COMPARED, THEIRS

import dropcore
from dropcore._core import dispatch

P = 0.1


# Plain functions, as in libxsmm.py: a call of `functools.partial` with keywords takes 100 ns more.


def forward(b: Buffers, p: float) -> Call:
    """The default call, with `out`."""
    x, y, stream = b.x, b.y, b.stream

    def call() -> None:
        dropcore.dropout(x, p, training=True, rng=stream, out=y)

    return call


def backward_from_bits(b: Buffers, p: float) -> Call:
    """The gradient, from stored bits."""
    dy, dx = b.x, b.y
    _, mask = dropcore.dropout(dy, p, training=True, rng=b.stream, out=dx)

    def call() -> None:
        mask.backward(dy, out=dx)

    return call


OWN = {"forward": forward, "backward from bits": backward_from_bits}


def rows() -> Iterator[Row]:
    """For each dtype and size: the copy as the limit, then dropcore and libxsmm."""
    for dtype in COMPARED:
        for n in SIZES:
            yield Row("libxsmm", COPYTO, n, dtype)
            for name in OWN:
                yield Row("libxsmm", name, n, dtype, p=P)
                yield Row("libxsmm", THEIRS[name], n, dtype, p=P)


@cache
def library() -> libxsmm.Library:
    """The shared library, loaded once; the benchmark is skipped without it."""
    if not os.environ.get(libxsmm.VARIABLE):
        pytest.skip(f"{libxsmm.VARIABLE} names no shared library")
    return libxsmm.Library(dispatch.isa)


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench(row: Row, timed, buffers) -> None:
    """The two libraries use the same x and y; each library has its own bits."""
    theirs = library()
    b = buffers(row.n, row.dtype)
    bits = np.zeros(row.n // 8, np.uint8)
    if row.name == COPYTO:
        timed(row, cases.copyto(b))
    elif row.name in OWN:
        timed(row, OWN[row.name](b, P))
    elif row.name == THEIRS["forward"]:
        timed(row, theirs.forward(b.x, b.y, bits, P))
    else:
        timed(row, theirs.backward(b.x, b.y, bits, P))
