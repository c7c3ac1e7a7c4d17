import os

# Before JAX begins: a CPU that is two devices, for the tests that share an array out.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import pytest


@pytest.fixture
def mesh():
    return jax.make_mesh((2,), ("batch",), (jax.sharding.AxisType.Auto,))
