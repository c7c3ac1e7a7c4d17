import os

# Set before JAX starts: eight CPU devices, for the tests with sharded arrays.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import pytest
from dropcore_jax import block
from jax.interpreters import mlir
from jax.sharding import AxisType


def _lower_as(rule):
    mlir.register_lowering(block.block, rule, platform="cpu")
    jax.clear_caches()


@pytest.fixture
def plain():
    """Lower to JAX's own operations on this platform too, as on the other platforms."""
    _lower_as(mlir.lower_fun(block.in_jax, multiple_results=False))
    yield
    _lower_as(block._lower_for_cpu)


@pytest.fixture(params=["compiled", "plain"])
def either(request):
    """Run a test with the compiled call, and with JAX's own operations."""
    if request.param == "plain":
        request.getfixturevalue("plain")


@pytest.fixture
def mesh():
    return jax.make_mesh((2,), ("batch",), (AxisType.Auto,), devices=jax.devices()[:2])


@pytest.fixture(params=[AxisType.Auto, AxisType.Explicit], ids=str)
def mesh8(request):
    """A mesh of 4 by 2 devices, with automatic or explicit axes."""
    mesh = jax.make_mesh((4, 2), ("a", "b"), (request.param,) * 2)
    with jax.set_mesh(mesh):
        yield mesh
