"""Build an example in a new folder, against the installed package."""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def compiler(variable="CC"):
    """The compiler's command; skips the test if there is no compiler."""
    command = (os.environ.get(variable) or sysconfig.get_config_var(variable) or "cc").split()[0]
    if shutil.which(command) is None:
        pytest.skip(f"there is no compiler {command!r}")
    return command


def copied(name, folder):
    """A copy of the example `name` below `folder`."""
    if not EXAMPLES.is_dir():
        pytest.skip("the examples are not beside the tests")
    return Path(shutil.copytree(EXAMPLES / name, folder / name))


def build(folder):
    """Run the setup.py of `folder`; a warning of the C compiler is an error."""
    pytest.importorskip("setuptools")
    flags = "-O1" if sys.platform == "win32" else "-O1 -Wall -Wextra -Wno-unused -Werror"
    if (folder / "setup.py").read_text("utf-8").find("Cython") >= 0:
        pytest.importorskip("Cython")
        flags = "-O1"
    compiler()
    run(["setup.py", "--quiet", "build_ext", "--inplace"], folder, CFLAGS=flags)
    return folder


def run(arguments, folder, **environment):
    """Run Python in the folder; return its output."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def load(folder, name):
    """Import the module with this name from the folder."""
    (path,) = [p for p in folder.glob(f"{name}*") if p.suffix in (".so", ".pyd", ".py")]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
