import pytest
from distributed import Client, LocalCluster


def start_cluster():
    """Start two worker processes on this machine, each with one thread."""
    return LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    )


@pytest.fixture(scope="session")
def client():
    """A client of two workers; only computations with this client as scheduler run there."""
    with start_cluster() as cluster, Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture
def own_client():
    """A client of two workers that a test may stop."""
    with start_cluster() as cluster, Client(cluster, set_as_default=False) as client:
        yield client
