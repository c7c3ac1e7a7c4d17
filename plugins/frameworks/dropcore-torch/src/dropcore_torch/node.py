"""Builds and loads the node in C++.

PyTorch's own extension builder compiles `native` against the installed PyTorch, in a process of its
own. The build is stored in PyTorch's folder for extensions. Its name has a hash of the source and
of the versions: each version has a file of its own, which all processes of a user share. The file
is moved to this folder when it is complete. So an interrupted build leaves no file in the folder,
and if two processes build at the same time, the second file replaces the first, which is equal.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from collections.abc import Sequence
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import torch

import dropcore
from dropcore_torch.private import extensions_folder

SOURCES = Path(__file__).with_name("native")
NAME = "_node"

# Without ninja: there is only one file to compile.
SETUP = """\
from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CppExtension

setup(
    name="dropcore-torch-node",
    ext_modules=[
        CppExtension(
            {name!r}, ["node.cpp"], include_dirs=[{include!r}], extra_compile_args={arguments!r}
        )
    ],
    cmdclass={{"build_ext": BuildExtension.with_options(use_ninja=False)}},
)
"""


def build_path() -> Path:
    """The path of the build for this PyTorch, Python and dropcore, whether or not it exists."""
    include = Path(dropcore.get_include(), "dropcore", "dropcore.h")
    made_of = hashlib.sha256(include.read_bytes())
    for file in sorted(SOURCES.glob("*.[ch]*")):
        made_of.update(file.read_bytes())
    for version in (torch.__version__, torch.version.git_version, dropcore.__version__):
        made_of.update(f"{version}\n".encode())
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return extensions_folder() / "dropcore_torch" / f"{NAME}-{made_of.hexdigest()[:20]}{suffix}"


def build() -> Path:
    """Build the node, even if it was built before.

    Returns
    -------
    pathlib.Path
        The build.

    Raises
    ------
    RuntimeError
        If the node could not be built; the message has the compiler's output.
    """
    target = build_path()
    with tempfile.TemporaryDirectory(prefix="dropcore-torch-") as name:
        folder = Path(name)
        shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
        (folder / "setup.py").write_text(
            SETUP.format(
                name=NAME,
                include=dropcore.get_include(),
                arguments=["/O2"] if os.name == "nt" else ["-O3", "-g0", "-fopenmp-simd"],
            ),
            "utf-8",
        )
        command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
        run = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        built = folder / f"{NAME}{sysconfig.get_config_var('EXT_SUFFIX')}"
        if run.returncode != 0 or not built.exists():
            raise RuntimeError(
                "the node in C++ could not be built: it needs a C++ compiler and setuptools. "
                f"Dropout works without it. {' '.join(command)} printed:\n{run.stdout[-4000:]}"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as copy:
            try:
                copy.write(built.read_bytes())
                copy.close()
                os.chmod(copy.name, 0o755)
                os.replace(copy.name, target)
            except BaseException:
                os.unlink(copy.name)
                raise
    return target


def load() -> ModuleType | None:
    """Load the build; None if no build exists, or, with a warning, if it cannot be loaded."""
    path = build_path()
    if not path.exists():
        return None
    name = f"{__package__}.{NAME}"
    spec = spec_from_file_location(name, path, loader=ExtensionFileLoader(name, str(path)))
    try:
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError as error:
        warnings.warn(
            f"dropout works without its node in C++, which could not be loaded: {error}; "
            "the command dropcore-torch-node builds the node again",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    return module


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the node: the command ``dropcore-torch-node``."""
    parser = argparse.ArgumentParser(
        prog="dropcore-torch-node",
        description="Build dropout's node in C++ for the installed PyTorch; all processes use it.",
    )
    parser.parse_args(arguments)
    print(f"building for PyTorch {torch.__version__}: about half a minute", flush=True)
    begin = time.monotonic()
    path = build()
    print(f"built in {time.monotonic() - begin:.0f} s: {path}")
