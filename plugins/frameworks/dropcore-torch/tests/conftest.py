"""Both paths of dropout that is called line by line; see `dropcore_torch.paths`."""

import dropcore_torch
import pytest
from dropcore_torch import paths, situation


@pytest.fixture(scope="session")
def built_node():
    """The node in C++; a compiler that is missing is an error here."""
    before = paths.in_use()
    dropcore_torch.build_node()
    paths.use(before)


@pytest.fixture(params=["function", "node"])
def path(request, built_node):
    """Run a test over each path."""
    before = paths.in_use()
    paths.use(request.param)
    yield request.param
    paths.use(before)


@pytest.fixture
def as_before(monkeypatch):
    """Let the process forget that it has been in a block: compiled graphs split after that."""
    for module, name in ((situation, "_of_parts"), (paths, "_of_parts"), (paths, "dropout")):
        monkeypatch.setattr(module, name, getattr(module, name))
