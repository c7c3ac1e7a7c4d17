"""Finds the module that computes dropout on the backend of Keras.

Such a module has two functions. ``dropout(layer, x, variant, **options)`` is dropout of x in
training, at the layer's rate. The two 32-bit words that the layer's `SeedGenerator` gives, as
little-endian bytes, are the seed of a `dropcore.Stream`, of which the first draw is used. So a
layer with a seed has the same masks on both backends. ``serves(x)`` says whether dropcore can
compute where x is. If it cannot, Keras's own layer does.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from types import ModuleType

import keras

SERVED = ("jax", "torch")


def find_framework() -> ModuleType | None:
    """The framework's module; None, with a warning, on a backend that has none.

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
            f"dropcore_keras does nothing on the backend {backend!r}, only on "
            f"{' and '.join(SERVED)}: its layers are Keras's own there",
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
