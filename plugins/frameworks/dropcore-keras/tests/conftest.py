"""The tests run on the backend that KERAS_BACKEND names: once with torch, once with jax."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
