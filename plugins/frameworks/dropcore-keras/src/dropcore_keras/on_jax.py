"""Dropout on the jax backend."""

from typing import Any

import dropcore_jax
import jax

THREEFRY = "threefry2x32"  # the kind of key that has two words


def serves(x: Any) -> bool:
    """Whether `dropout` takes x: always, for dropcore_jax has a form for every platform."""
    return True


def dropout(layer: Any, x: Any, variant: str, **options: Any) -> Any:
    """Dropout of x; `gaussian` by a callback into Python, all else compiled."""
    key = jax.random.wrap_key_data(layer.seed_generator.next(), impl=THREEFRY)
    run = dropcore_jax.dropout_in_python if variant == "gaussian" else dropcore_jax.dropout
    return run(key, x, float(layer.rate), training=True, variant=variant, **options)
