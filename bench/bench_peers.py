"""One peer beside dropcore, in the same group and process (see `peers.py`)."""

from __future__ import annotations

from collections.abc import Iterator

import cases
import pytest
from cases import COMPARED_SIZES, COPYTO, Row
from peers import PEERS

P = 0.1
OWN = {"forward": cases.forward, "forward, fresh output": cases.fresh}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Rows for the peer that the command line names."""
    metafunc.parametrize("row", list(rows(metafunc.config.option.peer)), ids=str)


def rows(peer: str) -> Iterator[Row]:
    """For each size: a copy, dropcore, the peer."""
    for n in COMPARED_SIZES:
        yield Row("peers", COPYTO, n, detail=peer)
        for name in (*OWN, *PEERS[peer].names):
            yield Row("peers", name, n, p=P, detail=peer)


def bench(row: Row, timed, buffers) -> None:
    """A forward pass of float32."""
    b = buffers(row.n)
    if row.name == COPYTO:
        timed(row, cases.copyto(b))
    elif row.name in OWN:
        timed(row, OWN[row.name](b, P))
    else:
        timed(row, PEERS[row.detail].ways(b.x, b.y, P)[row.name])
