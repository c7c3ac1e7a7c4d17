"""The compiled part, built against the installed dropcore and jaxlib; see pyproject.toml."""

import sys

import jax
from setuptools import Extension, setup

import dropcore

setup(
    ext_modules=[
        Extension(
            "dropcore_jax._handler",
            ["src/dropcore_jax/_handler.cc"],
            include_dirs=[dropcore.get_include(), jax.ffi.include_dir()],
            language="c++",
            extra_compile_args=["/std:c++17"] if sys.platform == "win32" else ["-std=c++17"],
        )
    ]
)
