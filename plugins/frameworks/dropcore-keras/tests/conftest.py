"""The tests use the backend that KERAS_BACKEND names; they run once with each of torch and jax."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
