"""`dropout`: checks the arguments, and binds the primitive with the variant's plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

import dropcore
from dropcore_jax.keys import words_of
from dropcore_jax.masking import Masking
from dropcore_jax.primitive import apply
from dropcore_jax.shard import Shard, start_of, whole_shape

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
    shard: Shard | None = None,
    **options: Any,
) -> jax.Array:
    """Drop elements of an array at random; the key determines the mask.

    On CPUs `dropout` is one call of compiled code. On other platforms `dropout` consists of JAX's
    operations. So a compiled function runs no Python code. The mask is the same on every platform
    and for every sharding; each device makes its own part of the mask.

    Parameters
    ----------
    key : jax.Array or None
        One key, as `jax.random.key` or `jax.random.PRNGKey` gives it. The same key gives the same
        mask: the mask of the draw `draw_of(key)`. The key is not used in inference.
    x : array_like
        float16, bfloat16, float32 or float64, of any shape.
    p : float
        The probability that an element is dropped, in [0, 1]; fixed when the function is traced.
        Outside of a traced function, p may be a JAX array without axes.
    training : bool
        False gives x itself; fixed when the function is traced. There is no default, because a
        forgotten `training` is a frequent bug.
    variant : str or dropcore.Variant, default: "standard"
        A planned variant with the default inference, y = x: "standard", "alpha", "spatial", and
        such variants of plugins. `dropout_in_python` takes all other variants with one input.
    shard : (global_shape, offsets), optional
        x is a block of a larger array: `global_shape` is the shape of the larger array, and
        `offsets` says, for each axis, where the block begins. Offsets may be traced, as inside
        `jax.shard_map`. With the same key, all blocks get their parts of one mask. Under `jax.jit`
        alone, `shard` is not needed, because JAX partitions the array itself.
    **options
        The options of the variant, such as ``shared_axes`` for "standard": axes along which all
        elements share a decision, like `broadcast_dims` of flax.

    Returns
    -------
    jax.Array
        y, of x's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted, such as a variant that is not planned.
    LookupError
        If no variant has the name `variant`.

    Notes
    -----
    Only the key is kept for the derivative: the decisions are made again. Derivatives of any order
    can be taken, in forward and reverse mode. Under `jax.vmap` each member of the batch has the
    mask of its own key. If the key is not mapped, all members have the same mask.

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
    layer = layer_of(p, variant, options)
    chosen = layer.variant
    x = float_array(x)
    if not isinstance(chosen, dropcore.PlannedVariant) or not chosen.has_default_inference:
        takes = ". dropcore_jax.dropout_in_python takes this variant"
        raise TypeError(
            "variant must be planned, with the default rule of inference, not "
            f"{chosen.name!r}: only such variants have a compiled form"
            f"{takes if chosen.inputs == ('x',) else ''}"
        )
    whole = None if shard is None else whole_shape(shard, x.shape)
    if not is_training(training):
        return x
    plan = chosen.plan(layer.p, x.shape if whole is None else whole)
    shared = normalize_axis_tuple(plan.shared_axes, x.ndim, "shared_axes")
    masking = Masking(
        p=layer.p,
        scale=plan.scale,
        shift=plan.shift,
        drop=plan.drop,
        shared=tuple(axis in shared for axis in range(x.ndim)),
        whole=whole,
    )
    return apply(words_of(key), start_of(shard, masking, x.shape), x, masking)


def layer_of(p: Any, variant: str | dropcore.Variant, options: dict[str, Any]) -> dropcore.Dropout:
    """A layer with p and the variant, or an error that says what is wrong with p or variant."""
    if isinstance(p, jax.core.Tracer):
        raise TypeError(
            f"p must be fixed when a function is traced, not {p}: name p in static_argnames of "
            "jax.jit, or close over p; the function is compiled for each p"
        )
    if isinstance(p, jax.Array) and not p.ndim and jnp.isrealobj(p) and p.dtype != bool:
        p = p.item()
    return dropcore.Dropout(p, variant, **options)


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
