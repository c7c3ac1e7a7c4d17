"""Times the default call with 1, 2, 4, ... threads, up to the number of processors."""

from __future__ import annotations

import os
from collections.abc import Iterator

import cases
import pytest
from cases import COPYTO, SIZES, Row

import dropcore

OPERATIONS = {"forward": cases.forward, "backward from bits": cases.backward_from_bits}


def counts() -> list[int]:
    """1, 2, 4, ... and the number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    processors = len(affinity(0)) if affinity else os.cpu_count() or 1
    return sorted({*(1 << k for k in range(processors.bit_length())), processors})


def rows() -> Iterator[Row]:
    """Size by size, to find the size from which several threads are faster."""
    for n in SIZES:
        yield Row("threads", COPYTO, n)
        for name in OPERATIONS:
            for count in counts():
                yield Row("threads", name, n, p=0.1, detail=f"{count} threads")


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench(row: Row, timed, buffers) -> None:
    """The default call, split over threads."""
    b = buffers(row.n)
    if row.name == COPYTO:
        timed(row, cases.copyto(b))
        return
    with dropcore.num_threads(int(row.detail.split()[0])):
        timed(row, OPERATIONS[row.name](b, row.p))
