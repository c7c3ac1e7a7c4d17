"""The examples in docstrings."""

import doctest
import importlib
import pkgutil

import dropcore_lab
import pytest

MODULES = [name for _, name, _ in pkgutil.walk_packages(dropcore_lab.__path__, "dropcore_lab.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
