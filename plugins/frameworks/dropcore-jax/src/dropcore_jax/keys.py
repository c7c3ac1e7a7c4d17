"""The draw that belongs to a key of JAX.

The 32-bit words of `jax.random.key_data(key)`, each as little-endian bytes, are the seed of a
`dropcore.Stream`; the draw is the draw of this stream at index 0. So a key gives the same mask in
JAX, in NumPy and in every framework.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dropcore


def typed_key(key: Any) -> jax.Array:
    """`key` as one typed key.

    Parameters
    ----------
    key : jax.Array
        One key, as `jax.random.key` or `jax.random.PRNGKey` gives it.

    Returns
    -------
    jax.Array
        Of shape () and a key dtype.

    Raises
    ------
    TypeError
        If `key` is not a key.
    ValueError
        If `key` has several keys.
    """
    what = "key must be one of jax.random.key or PRNGKey"
    if not isinstance(key, jax.Array | np.ndarray):
        raise TypeError(f"{what}, not {key!r}")
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        if key.dtype != np.uint32 or key.ndim == 0:
            raise TypeError(f"{what}, not an array of {key.dtype} of shape {key.shape}")
        key = jax.random.wrap_key_data(jnp.asarray(key))
    if key.ndim:
        raise ValueError(f"{what}, not of {key.shape} keys: use jax.vmap for several keys")
    one: jax.Array = key
    return one


def words_of(key: Any) -> jax.Array:
    """The words of a key; JAX's check of reused keys then counts the key as used."""
    key = typed_key(key)
    if jax.config.jax_debug_key_reuse:  # type: ignore[attr-defined]
        jax.random.bits(key)  # marks the key as used: the check does not see `key_data`
    return jax.random.key_data(key)


def draw_of(key: Any) -> dropcore.Draw:
    """The draw whose mask `dropout` uses for a key, for use outside JAX.

    Parameters
    ----------
    key : jax.Array
        One key, typed or as raw words.

    Returns
    -------
    dropcore.Draw

    Raises
    ------
    TypeError, ValueError
        If `key` is not one key.

    Examples
    --------
    >>> import dropcore, dropcore_jax, jax, jax.numpy as jnp, numpy as np
    >>> key = jax.random.key(0)
    >>> y = dropcore_jax.dropout(key, jnp.ones(1000), 0.3, training=True)
    >>> keep = dropcore.keep_mask(1000, 0.3, rng=dropcore_jax.draw_of(key))
    >>> bool((keep == (np.asarray(y) != 0)).all())
    True
    """
    return draw_of_words(np.asarray(jax.random.key_data(typed_key(key))))


def draw_of_words(words: np.ndarray[Any, np.dtype[np.uint32]]) -> dropcore.Draw:
    """The draw for the words of a key, as `draw_of` in _handler.cc computes it in C++."""
    return dropcore.Stream(words.astype("<u4").tobytes()).at(0)
