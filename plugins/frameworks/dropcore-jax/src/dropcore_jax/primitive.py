"""The primitive of `dropout`, with the rules for JAX's transformations.

    y = x * scale + shift where kept, drop where dropped

Dropout is a primitive because of its derivatives. With shift = drop = 0 it is linear in x, and is
its own transpose. So derivatives of any order are possible, in forward and reverse mode, and only
the key is kept for them. A function with `jax.custom_vjp` or `jax.custom_jvp` would have only one
of the two modes.

`words` are the words of the key, uint32. `start` is the place of the first decision in the mask of
the whole array, as two uint32, low word first. Axes that `vmap` added are the leading axes of all
operands; their length is the length of the batch, or 1 for an operand that all members share.
block.py computes dropout; for several devices, partition.py divides the work.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.jet import jet_rules
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir, xla

from dropcore_jax import partition
from dropcore_jax.block import batch_shape
from dropcore_jax.masking import Masking

primitive = Primitive("dropcore_dropout")


def apply(words: jax.Array, start: jax.Array, x: jax.Array, masking: Masking) -> jax.Array:
    """Dropout of x with the mask of a key's words, from the place `start` in the mask."""
    # Inside shard_map y varies over devices if an operand does. JAX must know this: the gradient of
    # an x that devices share is a sum over the devices.
    varying = (
        frozenset().union(
            *(jax.typeof(operand).manual_axis_type.varying for operand in (words, start))
        )
        - jax.typeof(x).manual_axis_type.varying
    )
    if varying:
        x = jax.lax.pcast(x, tuple(sorted(varying)), to="varying")
    y: jax.Array = primitive.bind(
        words, start, x, masking=masking, lowered_by=partition.needs_devices()
    )
    return y


def _abstract(words: Any, start: Any, x: Any, *, masking: Masking, **_: Any) -> Any:
    batch = batch_shape(words, start, x)
    shape = batch + x.shape[len(batch) :]
    spec = list(x.sharding.spec)  # explicit mesh axes; None for all others
    for axis, length in enumerate(batch):
        if x.shape[axis] != length:
            full = words if words.shape[axis] == length else start
            spec[axis] = full.sharding.spec[axis]
    return x.update(shape=shape, sharding=x.sharding.update(spec=spec), weak_type=False)


# ------------------------------------------------------------ transformations


def _jvp(primals: Any, tangents: Any, *, masking: Masking, **_: Any) -> tuple[Any, Any]:
    words, start, x = primals
    dx = ad.instantiate_zeros(tangents[-1])
    return apply(words, start, x, masking), apply(words, start, dx, masking.derivative())


def _transpose(
    dy: Any, words: Any, start: Any, x: Any, *, masking: Masking, **_: Any
) -> tuple[None, None, Any]:
    if not masking.is_linear:
        raise NotImplementedError(
            "jax.linear_transpose needs a linear function, and this dropout adds a constant: "
            f"dropped elements become {masking.drop}, kept elements x * {masking.scale} + "
            f"{masking.shift}. Use jax.vjp, which linearises first"
        )
    if type(dy) is ad.Zero:
        return None, None, ad.Zero(x.aval)
    dx = apply(words, start, dy, masking)
    shape = x.aval.shape
    members_shared = [axis for axis, length in enumerate(shape) if length != dx.shape[axis]]
    return None, None, dx.sum(members_shared, keepdims=True) if members_shared else dx


def _vmap(operands: Any, axes: Any, *, masking: Masking, **_: Any) -> tuple[Any, int]:
    words, start, x = (
        jnp.expand_dims(operand, 0) if axis is None else jnp.moveaxis(operand, axis, 0)
        for operand, axis in zip(operands, axes, strict=True)
    )
    return apply(words, start, x, masking), 0


def _jet(primals: Any, series: Any, *, masking: Masking, **_: Any) -> tuple[Any, Any]:
    words, start, x = primals
    terms = [apply(words, start, term, masking.derivative()) for term in series[-1]]
    return apply(words, start, x, masking), terms


primitive.def_impl(lambda *operands, **static: xla.apply_primitive(primitive, *operands, **static))
primitive.def_abstract_eval(_abstract)
ad.primitive_jvps[primitive] = _jvp
ad.primitive_transposes[primitive] = _transpose
batching.primitive_batchers[primitive] = _vmap
jet_rules[primitive] = _jet  # type: ignore[assignment]
mlir.register_lowering(primitive, partition.lower)
