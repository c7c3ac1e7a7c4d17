"""Finds the module that computes dropout on the backend of Keras.

Each such module, `on_jax` or `on_torch`, has two functions:

- ``dropout(layer, x, variant, **options)`` is dropout of x in training, at the layer's rate. The
  layer's `SeedGenerator` gives two 32-bit words. As little-endian bytes, the words are the seed of
  a `dropcore.Stream`, and the first draw of this stream is used. So a layer with a seed has the
  same masks on both backends.
- ``serves(x)`` says whether dropcore can compute on the device of x. If not, Keras's own layer
  computes.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from types import ModuleType

import keras

SERVED = ("jax", "torch")


def find_framework() -> ModuleType | None:
    """The framework's module; None, with a warning, on a backend without a module.

    Returns
    -------
    module or None

    Raises
    ------
    ImportError
        If the dropcore package for the backend is not installed.
    """
    backend = keras.backend.backend()
    if backend not in SERVED:
        warnings.warn(
            f"dropcore_keras works only on the backends {' and '.join(SERVED)}; on the backend "
            f"{backend!r} its layers compute the same as Keras's own layers",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    try:
        return import_module(f"dropcore_keras.on_{backend}")
    except ModuleNotFoundError as error:
        if error.name != f"dropcore_{backend}":
            raise
        raise ImportError(
            f"dropcore_keras needs dropcore-{backend} on the backend {backend!r}: install "
            f"dropcore-keras[{backend}]"
        ) from error
