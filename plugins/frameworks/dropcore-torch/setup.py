"""The compiled part, built against the installed dropcore. All else is in pyproject.toml."""

from Cython.Build import cythonize
from setuptools import Extension, setup

import dropcore

setup(
    ext_modules=cythonize(
        [
            Extension(f"dropcore_torch.{name}", [f"src/dropcore_torch/{name}.pyx"])
            for name in ("_rows", "_standard")
        ],
        include_path=[dropcore.get_include()],
        compiler_directives={
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
            "freethreading_compatible": True,
        },
        build_dir="build",
    )
)
