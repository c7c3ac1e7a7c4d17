"""Times the exported functions and the functions of `dropcore.core` on four elements.

`engine_calls.pyx` is built against the installed dropcore, with a C compiler. Without Cython or
setuptools the rows are skipped.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from cases import Row

import dropcore
from dropcore import core

CALLS = 10_000  # calls in a timed round
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
    "forward with bits": "forward_with_bits",
    "backward from bits": "backward_from_bits",
    "dropcore.core.forward of views": "forward_of_views",
    "dropcore.core.backward of views, from bits": "backward_of_views",
    "a key": "key",
}


def from_python(x: object, y: object) -> Callable[[], None]:
    """`dropcore.core.forward` called from Python; each call acquires both buffers."""
    draw, forward = dropcore.Stream(42).at(0), core.forward

    def calls() -> None:
        for _ in range(CALLS):
            forward(draw, P, x, y)

    return calls


FROM_PYTHON = {
    "dropcore.core.forward, from Python, arrays of NumPy": lambda b: from_python(b.x, b.y),
    "dropcore.core.forward, from Python, array.array": lambda b: from_python(
        array("f", b.x.tobytes()), array("f", b.y.tobytes())
    ),
}


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The module of loops, built in a new folder."""
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
    """All rows, also in a quick run: they take little time."""
    for name in (*NAMES, *FROM_PYTHON):
        yield Row("engine", name, 4, p=P, always=True)


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench(row: Row, timed, buffers, engine) -> None:
    """Many calls in a round, in one loop of compiled code or of Python."""
    b = buffers(row.n)
    if row.name in FROM_PYTHON:
        timed(row, FROM_PYTHON[row.name](b), calls=CALLS)
        return
    loop = getattr(engine, NAMES[row.name])
    timed(row, lambda: loop(CALLS, P, b.x, b.y), calls=CALLS)
