"""Fixtures for both paths of an uncompiled dropout, and for the three ways of attention."""

from unittest import mock

import dropcore_torch
import pytest
from attending import NODES
from dropcore_torch import attention, is_installed, paths, situation, uninstall
from installing import CLEAN, state


@pytest.fixture(scope="session")
def built_node():
    """The node in C++; without a compiler, this fixture raises."""
    before = paths.in_use()
    dropcore_torch.build_node()
    paths.use(before)


@pytest.fixture(params=["function", "node"])
def path(request, built_node):
    """Each of the two paths, one test for each."""
    before = paths.in_use()
    paths.use(request.param)
    yield request.param
    paths.use(before)


@pytest.fixture
def as_before(monkeypatch):
    """After the test, clear the record of blocks: with it, later compiled graphs would split."""
    for module, name in (
        (situation, "_of_parts"),
        (paths, "_expects_blocks"),
        (paths, "dropout"),
        (paths, "attention"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(situation, "_numbered", {**situation._numbered})


@pytest.fixture
def clean():
    """After the test, nothing is installed, and PyTorch's dispatcher is as it was."""
    yield
    left = is_installed()
    uninstall()
    assert not left
    assert state() == CLEAN


@pytest.fixture(params=NODES)
def way(request, built_node):
    """Each of the three ways to compute attention, one test for each."""
    before = paths.in_use()
    paths.use("node" if request.param == "node" else "function")
    if request.param == "node" and not paths.attends():
        paths.use(before)
        pytest.skip("PyTorch has no kernels for small matrices on this processor")
    with mock.patch.object(attention, "SMALL", 0 if request.param == "blocks" else 1 << 60):
        yield request.param
    paths.use(before)
