"""The options of a benchmark process, and the timing of a row."""

from __future__ import annotations

import argparse
import ast
import math
import os
import timeit
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from cases import Buffers, Row
from needed import missing

import dropcore
from dropcore._core import dispatch

SHORT: dict[str, float] = {}  # the seconds of one call, for rows with many calls in a round
ROUND = 1e-4  # the shortest round in seconds, so that clock and harness have little influence


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; raise an error if a needed package is missing."""
    if said := missing():  # before pytest's error about unknown options
        raise pytest.UsageError(said)
    parser.addoption(
        "--seconds", type=float, default=0.25, help="seconds for each row (default: 0.25)"
    )
    parser.addoption("--quick", action="store_true", help="leave out most sizes")
    parser.addoption("--peer", default="numpy", help="the peer in bench_peers.py (default: numpy)")
    parser.addoption("--variant", help="time this variant in bench_plugins.py, not all of them")
    parser.addoption(
        "--option",
        action="append",
        default=[],
        type=option,
        metavar="NAME=VALUE",
        help="an option of the variant in --variant, such as block_size=7",
    )
    parser.addoption(
        "--shape",
        type=shape,
        default=(16, 16, 32, 32),
        metavar="N,N,...",
        help="the shape of the arrays in bench_plugins.py (default: 16,16,32,32)",
    )


def option(text: str) -> tuple[str, object]:
    """Return the name and the value of ``name=value``. The value is a literal, or text."""
    name, is_there, value = text.partition("=")
    if not name or not is_there:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, not {text!r}")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


def shape(text: str) -> tuple[int, ...]:
    """Return the lengths in ``16,16,32``."""
    try:
        lengths = tuple(int(part) for part in text.split(","))
    except ValueError:
        lengths = (0,)
    if min(lengths) < 1:
        raise argparse.ArgumentTypeError(f"must be positive integers with commas, not {text!r}")
    return lengths


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the rows that depend on options: the rows of `bench_plugins`."""
    rows = getattr(metafunc.module, "rows_of", None)
    if rows is not None:
        metafunc.parametrize("row", list(rows(metafunc.config.option)), ids=str)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a variant that cannot run. Pin a peer to one processor: some cannot limit threads."""
    if config.option.variant is not None:
        refused(config.option)
    elif config.option.option:
        raise pytest.UsageError(
            "--option must come with --variant, the variant that has the option"
        )
    if config.option.peer != "numpy" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def refused(options: argparse.Namespace) -> None:
    """Raise UsageError if `--variant` with its `--option` does not take arrays of `--shape`."""
    x = np.ones(options.shape, np.float32)
    try:
        variant = dropcore.get_variant(options.variant, **dict(options.option))
        others = {name: np.zeros_like(x) for name in variant.inputs[1:]}
        dropcore.dropout(x, 0.1, training=True, rng=0, variant=variant, **others)
    except (LookupError, TypeError, ValueError) as error:
        raise pytest.UsageError(f"--variant {options.variant}: {error}") from error


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The least time of one call, for rows whose rounds are loops of calls."""
    if SHORT:
        terminalreporter.section("least time of one call")
        for name, seconds in SHORT.items():
            terminalreporter.write_line(f"{seconds * 1e9:8.0f} ns a call  {name}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long rows out of a quick run."""
    if config.option.quick:
        items[:] = [item for item in items if item.callspec.params["row"].quick]


@pytest.fixture
def timed(benchmark, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Time the function `call` of a row. The function makes `calls` calls.

    All rows have rounds of the same length, because the minimum of many short rounds is smaller
    than the minimum of a few long rounds. pytest-benchmark's own calibration would give rounds of
    different lengths. `iterations` is for rows that are measured several times, in turn: there is
    one round, in which `call` runs so many times.
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
        if calls > 1:
            SHORT[str(row)] = benchmark.stats.stats.min / calls

    return run


_last: dict[tuple[object, str], Buffers] = {}


@pytest.fixture(scope="session")
def buffers() -> Callable[..., Buffers]:
    """The buffers of a group. The rows of a group run one after another and share the buffers."""

    def get(shape: int | tuple[int, ...], dtype: str = "float32") -> Buffers:
        if (shape, dtype) not in _last:
            _last.clear()
            _last[shape, dtype] = Buffers(shape, dtype)
        return _last[shape, dtype]

    return get
