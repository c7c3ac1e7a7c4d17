"""docs/core.md: the module is built, the example runs, and the table has the signatures."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from engines import building

import dropcore
from dropcore import core

DOCS = Path(__file__).parents[2] / "docs"
if not (DOCS / "core.md").is_file():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)
TEXT = (DOCS / "core.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"```(\w+)\n(.*?)```", TEXT, re.S))
SETUP = """
from Cython.Build import cythonize
from setuptools import setup

import dropcore

setup(ext_modules=cythonize("layer.pyx", include_path=[dropcore.get_include()]))
"""


def test_every_function_is_listed_as_it_is():
    listed = re.findall(r"^\| `(\w+)(\(.*?\))` \|", TEXT, re.M)
    functions = {n for n in core.__all__ if n.islower() and "float16" not in n}
    assert {name for name, _ in listed} == functions
    for name, signature in listed:
        assert signature == str(inspect.signature(getattr(core, name)))


def test_the_example_for_python():
    names = {}
    exec(compile(BLOCKS["python"], "core.md", "exec"), names)
    x = np.asarray(names["x"])
    _, mask = dropcore.dropout(x, 0.5, training=True, rng=names["draw"])
    assert np.asarray(names["y"]).tobytes() == mask.backward(x).tobytes()
    assert bytes(names["bits"]) == mask.packed.tobytes()


def test_the_module_for_cython(tmp_path):
    (tmp_path / "layer.pyx").write_text(BLOCKS["cython"], "utf-8")
    (tmp_path / "setup.py").write_text(SETUP, "utf-8")
    layer = building.load(building.build(tmp_path), "layer")
    x = np.arange(100, dtype=np.float32)
    y, bits = np.empty_like(x), np.empty(13, np.uint8)
    layer.train(x, y, bits, 0.25, 42, 7)
    expected, mask = dropcore.dropout(x, 0.25, training=True, rng=dropcore.Stream(42).at(7))
    assert y.tobytes() == mask.backward(expected).tobytes()
    assert bits.tobytes() == mask.packed.tobytes()
