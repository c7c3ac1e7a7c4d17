"""`dropout_in_python`: any variant of one input, by a callback into Python."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

import dropcore
from dropcore_jax.functional import float_array, is_training, layer_of
from dropcore_jax.keys import draw_of_words, words_of

if TYPE_CHECKING:
    from jax.typing import ArrayLike

Array = np.ndarray[Any, np.dtype[Any]]


def dropout_in_python(
    key: jax.Array | None,
    x: ArrayLike,
    p: float,
    *,
    training: bool,
    variant: str | dropcore.Variant,
    **options: Any,
) -> jax.Array:
    """`dropout` for variants that have no compiled form: their Python code runs.

    The function works on every platform, under `jit`, `vmap` (one call of Python for each member of
    the batch) and one `grad`. Arrays are copied to the host's memory. Backward runs forward again,
    because the arrays that forward saves are not kept. For a second derivative JAX raises an error.

    Parameters
    ----------
    key, x, p, training
        As for `dropout`.
    variant : str or dropcore.Variant
        Any variant with one input, so not "zoneout".
    **options
        The options of the variant.

    Returns
    -------
    jax.Array
        y, of x's shape and dtype.

    Raises
    ------
    TypeError, ValueError, LookupError
        As for `dropout`.

    Examples
    --------
    >>> import dropcore_jax, jax, jax.numpy as jnp
    >>> key = jax.random.key(0)
    >>> y = dropcore_jax.dropout_in_python(
    ...     key, jnp.ones((2, 10)), 0.3, training=True, variant="exactcount")
    >>> (y == 0).sum(axis=1).tolist()
    [3, 3]
    """
    layer = layer_of(p, variant, options)
    if layer.variant.inputs != ("x",):
        raise TypeError(
            f"variant must have x as its only input, not be {layer.variant.name!r}, which takes "
            f"{', '.join(layer.variant.inputs)}"
        )
    x = float_array(x)
    call = _Call(layer.variant, layer.p, is_training(training))
    words = words_of(key) if call.training else np.zeros(0, np.uint32)
    y: jax.Array = _call(call, words, x)
    return y


@dataclass(frozen=True)
class _Call:
    """The functions that run in Python, on NumPy views of JAX's arrays."""

    variant: dropcore.Variant
    p: float
    training: bool

    def forward(self, words: Any, x: Any) -> Array:
        return self._run(words, x)[0]

    def backward(self, words: Any, x: Any, dy: Any) -> Array:
        dx: Array = self._run(words, x)[1].backward(np.asarray(dy))
        return dx

    def _run(self, words: Any, x: Any) -> tuple[Array, dropcore.Mask]:
        draw = draw_of_words(np.asarray(words))
        return dropcore.dropout(
            np.asarray(x), self.p, training=self.training, rng=draw, variant=self.variant
        )


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _call(call: _Call, words: jax.Array, x: jax.Array) -> Any:
    like_x = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return jax.pure_callback(call.forward, like_x, words, x, vmap_method="sequential")


def _call_forward(call: _Call, words: jax.Array, x: jax.Array) -> Any:
    return _call(call, words, x), (words, x)


def _call_backward(call: _Call, saved: Any, dy: jax.Array) -> tuple[None, Any]:
    words, x = saved
    like_x = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return None, jax.pure_callback(call.backward, like_x, words, x, dy, vmap_method="sequential")


_call.defvjp(_call_forward, _call_backward)
