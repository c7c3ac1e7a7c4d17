"""Builds engine.pyx against the installed dropcore: `python setup.py build_ext --inplace`."""

from Cython.Build import cythonize
from setuptools import Extension, setup

import dropcore

setup(
    name="engine",
    ext_modules=cythonize(
        [Extension("engine", ["engine.pyx"])],
        include_path=[dropcore.get_include()],
        compiler_directives={"language_level": 3},
    ),
)
