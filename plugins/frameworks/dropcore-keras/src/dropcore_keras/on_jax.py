"""Dropout on the jax backend."""

from typing import Any

import dropcore_jax
import jax
import jax.numpy as jnp
from keras.src.backend import in_stateless_scope  # there is no public name for it in Keras 3.15

THREEFRY = "threefry2x32"  # the kind of key that has two words


def serves(x: Any) -> bool:
    """Whether `dropout` takes x: always, since dropcore_jax computes on every platform."""
    return True


def dropout(layer: Any, x: Any, variant: str, **options: Any) -> Any:
    """Dropout of x: `gaussian` by a callback into Python, the other variants compiled."""
    _check_traced(layer)
    key = jax.random.wrap_key_data(layer.seed_generator.next(), impl=THREEFRY)
    run = dropcore_jax.dropout_in_python if variant == "gaussian" else dropcore_jax.dropout
    return run(key, x, float(layer.rate), training=True, variant=variant, **options)


def _check_traced(layer: Any) -> None:
    # If the state of the seed is not an argument of a traced function, it is a constant there.
    if in_stateless_scope() or isinstance(layer.seed_generator.state.value, jax.core.Tracer):
        return
    if isinstance(jnp.zeros(()), jax.core.Tracer):
        raise RuntimeError(
            f"layer {layer.name!r} would drop the same elements in each call of the function that "
            "JAX compiles: the state of the layer's seed has to be an argument of this function, "
            "as with stateless_call and in fit"
        )
