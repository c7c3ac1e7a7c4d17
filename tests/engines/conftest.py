"""The examples, each built once."""

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
