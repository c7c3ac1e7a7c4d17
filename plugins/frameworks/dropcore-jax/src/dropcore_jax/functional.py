"""`dropout`: the arguments are checked, and the variant's plan goes to the primitive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

import dropcore
from dropcore_jax.keys import typed_key
from dropcore_jax.primitive import Masking, apply

if TYPE_CHECKING:
    from jax.typing import ArrayLike

DTYPES = ("float16", "bfloat16", "float32", "float64")


def dropout(
    key: jax.Array | None,
    x: ArrayLike,
    p: float,
    *,
    training: bool,
    variant: str | dropcore.Variant = "standard",
    **options: Any,
) -> jax.Array:
    """Drop elements of an array at random, by a key.

    Compiled on CPUs: no Python runs when a traced function does. Elsewhere it is made of
    JAX's own operations and random numbers; the mask is then another one.

    Parameters
    ----------
    key : jax.Array or None
        One key, as `jax.random.key` or `jax.random.PRNGKey` gives it. The same key gives
        the same mask, which is that of `draw_of(key)`. Not looked at in inference.
    x : array_like
        float16, bfloat16, float32 or float64, of any shape.
    p : float
        The probability that an element is dropped, in [0, 1]; fixed when traced.
    training : bool
        False gives x itself; fixed when traced. There is no default: forgetting it is the
        commonest bug of its kind.
    variant : str or dropcore.Variant, default: "standard"
        Any planned variant, such as "standard", "alpha" and "spatial", built in or of a
        plugin. For those of other kinds see `dropout_in_python`.
    **options
        The variant's own, such as ``shared_axes`` for "standard": axes along which one
        decision holds, flax's `broadcast_dims`.

    Returns
    -------
    jax.Array
        y, of x's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is accepted, or the variant is not a planned one.
    LookupError
        If there is no such variant.

    Notes
    -----
    Nothing is kept for the derivative but the key: the decisions are made again. It can be
    taken in both directions and to any order. Under `jax.vmap` each member of the batch is
    dropped by its own key, and by one and the same mask where the key is not mapped.

    Examples
    --------
    >>> import dropcore_jax, jax, jax.numpy as jnp
    >>> key = jax.random.key(0)
    >>> dropcore_jax.dropout(key, jnp.ones(8), 0.5, training=True).tolist()
    [2.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 2.0]
    >>> loss = lambda x: dropcore_jax.dropout(key, x, 0.5, training=True).sum()
    >>> jax.jit(jax.grad(loss))(jnp.ones(8)).tolist()
    [2.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 2.0]
    """
    layer = dropcore.Dropout(p, variant, **options)  # checks p and the variant's options
    chosen = layer.variant
    x = float_array(x)
    if not isinstance(chosen, dropcore.PlannedVariant) or has_inference_rule(chosen):
        raise TypeError(
            f"variant {chosen.name!r} has no compiled form, which only planned variants have: "
            "dropcore_jax.dropout_in_python takes it"
        )
    if not is_training(training):
        return x
    plan = chosen.plan(layer.p, x.shape)
    key = typed_key(key)
    masking = Masking(
        p=layer.p,
        scale=plan.scale,
        shift=plan.shift,
        drop=plan.drop,
        shared_axes=normalize_axis_tuple(plan.shared_axes, x.ndim, "shared_axes"),
        key_impl=jax.random.key_impl(key),
    )
    return apply(jax.random.key_data(key), x, masking)


def float_array(x: ArrayLike) -> jax.Array:
    """`x` as an array of JAX, if its dtype is one of dropcore's."""
    x = jnp.asarray(x)
    if x.dtype.name not in DTYPES:
        raise TypeError(f"x must be of {', '.join(DTYPES[:-1])} or {DTYPES[-1]}, not {x.dtype}")
    return x


def is_training(training: Any) -> bool:
    """`training`, if it is True or False."""
    if not isinstance(training, bool | np.bool_):
        raise TypeError(f"training must be True or False when traced, not {training!r}")
    return bool(training)


def has_inference_rule(variant: dropcore.Variant) -> bool:
    """Whether inference is something else than x."""
    return type(variant).infer is not dropcore.Variant.infer
