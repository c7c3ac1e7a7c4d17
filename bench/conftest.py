"""The options of a benchmark process, and how a row is timed."""

from __future__ import annotations

import math
import os
import timeit
from collections.abc import Callable
from dataclasses import asdict

import pytest
from cases import Buffers, Row

from dropcore._core import dispatch

ROUND = 1e-4  # seconds that a round lasts at least: the clock and the harness must not count


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--seconds`, `--quick` and `--peer`."""
    parser.addoption("--seconds", type=float, default=0.25, help="for each row")
    parser.addoption("--quick", action="store_true", help="few sizes")
    parser.addoption("--peer", default="numpy", help="whom bench_peers.py compares with")


def pytest_configure(config: pytest.Config) -> None:
    """Pin a peer to one processor, also the threads that no setting limits."""
    if config.option.peer != "numpy" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long rows out of a quick run."""
    if config.option.quick:
        items[:] = [item for item in items if item.callspec.params["row"].quick]


@pytest.fixture
def timed(benchmark, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Time a row's call; `calls` says how many of it one timed call makes.

    All rows have rounds of the same length, because the minimum of many short rounds is smaller
    than that of a few long ones. pytest-benchmark's own calibration gives different rows rounds
    of different lengths. With `iterations` there is one round of so many calls: for rows that are
    measured several times, in turn.
    """
    seconds = request.config.option.seconds

    def run(
        row: Row, call: Callable[[], object], *, calls: int = 1, iterations: int | None = None
    ) -> None:
        benchmark.group = row.group
        benchmark.extra_info.update(asdict(row), isa=dispatch.isa, calls=calls)
        rounds = 1
        if iterations is None:
            once = min(timeit.repeat(call, number=1, repeat=3))
            iterations = math.ceil(ROUND / once)
            rounds = max(5, int(seconds / (once * iterations)))
        benchmark.pedantic(call, rounds=rounds, iterations=iterations)

    return run


_last: dict[tuple[object, str], Buffers] = {}


@pytest.fixture(scope="session")
def buffers() -> Callable[..., Buffers]:
    """The buffers of a group: its rows come one after another and share them."""

    def get(shape: int | tuple[int, ...], dtype: str = "float32") -> Buffers:
        if (shape, dtype) not in _last:
            _last.clear()
            _last[shape, dtype] = Buffers(shape, dtype)
        return _last[shape, dtype]

    return get
