"""The examples, each built once."""

import shutil
import subprocess

import pytest
from engines import building


@pytest.fixture(scope="session")
def cython_engine(tmp_path_factory):
    """The folder with the built Cython example."""
    return building.build(building.copied("cython_engine", tmp_path_factory.mktemp("examples")))


@pytest.fixture(scope="session")
def c_capsule(tmp_path_factory):
    """The folder with the built C example."""
    return building.build(building.copied("c_capsule", tmp_path_factory.mktemp("examples")))


@pytest.fixture(scope="session")
def numba_njit(tmp_path_factory):
    """The folder with the example for numba."""
    pytest.importorskip("numba")
    return building.copied("numba_njit", tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="session")
def rust_table(tmp_path_factory):
    """The folder with the built example in Rust."""
    if shutil.which("rustc") is None:
        pytest.skip("there is no rustc")
    folder = building.copied("rust_table", tmp_path_factory.mktemp("examples"))
    command = ["rustc", "-O", "--crate-type", "cdylib", "-D", "warnings", "drop.rs"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder
