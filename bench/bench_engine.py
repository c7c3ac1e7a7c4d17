"""What the exported functions cost on four elements, called from compiled code.

`engine_calls.pyx` is built against the installed dropcore; without Cython, setuptools and a C
compiler there are no rows.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from cases import Row

CALLS = 10_000  # a timed round
P = 0.1
SOURCE = Path(__file__).with_name("engine_calls.pyx")
BUILD = """
from Cython.Build import cythonize
from setuptools import Extension, setup
import dropcore

setup(
    name="engine_calls",
    ext_modules=cythonize(
        [Extension("engine_calls", ["engine_calls.pyx"])],
        include_path=[dropcore.get_include()],
        compiler_directives={"boundscheck": False, "wraparound": False, "language_level": 3},
    ),
)
"""
NAMES = {
    "forward": "forward",
    "forward, bits kept": "forward_with_bits",
    "backward from bits": "backward_from_bits",
    "a key": "key",
}


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The loops, built in a folder of their own."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("engine")
    shutil.copy(SOURCE, folder)
    (folder / "setup.py").write_text(BUILD, "ascii")
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    subprocess.run(command, cwd=folder, check=True)
    (built,) = (p for p in folder.glob("engine_calls.*") if p.suffix in (".so", ".pyd"))
    spec = importlib.util.spec_from_file_location("engine_calls", built)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows() -> Iterator[Row]:
    """Always all: they take no time."""
    for name in NAMES:
        yield Row("engine", name, 4, p=P, always=True)


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench_engine(row: Row, timed, buffers, engine) -> None:
    """Many calls a round, in one loop of compiled code."""
    b, loop = buffers(row.n), getattr(engine, NAMES[row.name])
    timed(row, lambda: loop(CALLS, P, b.x, b.y), calls=CALLS)
