"""Both paths of dropout that is called line by line; see `dropcore_torch.paths`."""

import dropcore_torch
import pytest
from dropcore_torch import paths


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
