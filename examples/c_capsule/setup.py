"""Builds inplace.c against the installed dropcore: `python setup.py build_ext --inplace`."""

from setuptools import Extension, setup

import dropcore

setup(
    name="inplace",
    ext_modules=[Extension("inplace", ["inplace.c"], include_dirs=[dropcore.get_include()])],
)
