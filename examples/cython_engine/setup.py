"""Builds network.pyx against the installed dropcore: `python setup.py build_ext --inplace`."""

from Cython.Build import cythonize
from setuptools import Extension, setup

import dropcore

setup(
    name="network",
    ext_modules=cythonize(
        [Extension("network", ["network.pyx"])],
        include_path=[dropcore.get_include()],
        compiler_directives={
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
            "freethreading_compatible": True,
            "language_level": 3,
        },
    ),
)
