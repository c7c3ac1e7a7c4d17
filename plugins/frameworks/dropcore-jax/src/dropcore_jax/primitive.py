"""The primitive that `dropout` is made of, with all that JAX may ask of it.

    y = x * scale + shift where kept, drop where dropped

It is a primitive of its own, for the sake of its derivatives. With shift = drop = 0 it is
linear in x and its own transpose: that is the whole derivative, of any order, forwards and
backwards, and nothing but the key is kept for it. A function with a custom derivative could
have only one of the two directions.

`words` are those of the key. Where `vmap` added axes, they are in front in `words` and `x`
alike, each of the batch's length, or of length 1 for what all members share.

On a CPU it is one call of the handler in _handler.cc; elsewhere it is made of JAX's own
operations, and drops what JAX's own generator says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir, xla

from dropcore_jax._handler import handler

TARGET = "dropcore_dropout"


@dataclass(frozen=True)
class Masking:
    """All that is fixed when a program is traced."""

    p: float
    scale: float
    shift: float
    drop: float
    shared_axes: tuple[int, ...]  # of one member of the batch, each in [0, ndim)
    key_impl: Any  # of which kind the key is, for JAX's own generator

    def derivative(self) -> Masking:
        return replace(self, shift=0.0, drop=0.0)

    def lengths(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Lengths of the axes, own and shared in turn; neighbours of one kind are one."""
        lengths = [1]
        for axis, length in enumerate(shape):
            last_is_shared = len(lengths) % 2 == 0
            if length == 1:
                continue
            if (axis in self.shared_axes) == last_is_shared:
                lengths[-1] *= length
            else:
                lengths.append(length)
        return tuple(lengths)

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(1 if axis in self.shared_axes else n for axis, n in enumerate(shape))


primitive = Primitive("dropcore_dropout")


def apply(words: jax.Array, x: jax.Array, masking: Masking) -> jax.Array:
    """Dropout of x by the words of one key."""
    # Inside shard_map y differs between devices where either operand does, and JAX has to
    # know: the gradient of an x that they share is a sum over them.
    varying = jax.typeof(words).manual_axis_type.varying - jax.typeof(x).manual_axis_type.varying
    if varying:
        x = jax.lax.pcast(x, tuple(sorted(varying)), to="varying")
    y: jax.Array = primitive.bind(words, x, masking=masking)
    return y


def _batch_shape(words: Any, x: Any) -> tuple[int, ...]:
    ndim = len(words.shape) - 1
    return np.broadcast_shapes(words.shape[:ndim], x.shape[:ndim])


def _abstract(words: Any, x: Any, *, masking: Masking) -> Any:
    batch = _batch_shape(words, x)
    return x.update(shape=batch + x.shape[len(batch) :], weak_type=False)


# ------------------------------------------------------------ transformations


def _jvp(primals: Any, tangents: Any, *, masking: Masking) -> tuple[Any, Any]:
    words, x = primals
    dx = ad.instantiate_zeros(tangents[1])
    return apply(words, x, masking), apply(words, dx, masking.derivative())


def _transpose(dy: Any, words: Any, x: Any, *, masking: Masking) -> tuple[None, Any]:
    if type(dy) is ad.Zero:
        return None, ad.Zero(x.aval)
    dx = apply(words, dy, masking)
    shape = x.aval.shape
    members_shared = [axis for axis, length in enumerate(shape) if length != dx.shape[axis]]
    return None, dx.sum(members_shared, keepdims=True) if members_shared else dx


def _vmap(operands: Any, axes: Any, *, masking: Masking) -> tuple[Any, int]:
    words, x = (
        jnp.expand_dims(operand, 0) if axis is None else jnp.moveaxis(operand, axis, 0)
        for operand, axis in zip(operands, axes, strict=True)
    )
    return apply(words, x, masking), 0


# ------------------------------------------------------------ lowering


def _lower_for_cpu(ctx: Any, words: Any, x: Any, *, masking: Masking) -> Any:
    aval_words, aval_x = ctx.avals_in
    member = aval_x.shape[len(aval_words.shape) - 1 :]
    return jax.ffi.ffi_lowering(TARGET)(
        ctx,
        words,
        x,
        p=np.float64(masking.p),
        scale=np.float64(masking.scale),
        shift=np.float64(masking.shift),
        drop=np.float64(masking.drop),
        lengths=np.array(masking.lengths(member), np.int64),
    )


def in_jax(words: jax.Array, x: jax.Array, *, masking: Masking) -> jax.Array:
    """The same of JAX's own operations and its own generator, for other platforms."""

    def member(words: jax.Array, x: jax.Array) -> jax.Array:
        key = jax.random.wrap_key_data(words, impl=masking.key_impl)
        keep = jax.random.bernoulli(key, 1 - masking.p, masking.mask_shape(x.shape))
        return jnp.where(keep, x * masking.scale + masking.shift, masking.drop).astype(x.dtype)

    batch = _batch_shape(words, x)
    words = jnp.broadcast_to(words, batch + words.shape[len(batch) :])
    x = jnp.broadcast_to(x, batch + x.shape[len(batch) :])
    for _ in batch:
        member = jax.vmap(member)
    return member(words, x)


primitive.def_impl(lambda *operands, **static: xla.apply_primitive(primitive, *operands, **static))
primitive.def_abstract_eval(_abstract)
ad.primitive_jvps[primitive] = _jvp
ad.primitive_transposes[primitive] = _transpose
batching.primitive_batchers[primitive] = _vmap
jax.ffi.register_ffi_target(TARGET, handler, platform="cpu")
mlir.register_lowering(primitive, _lower_for_cpu, platform="cpu")
mlir.register_lowering(primitive, mlir.lower_fun(in_jax, multiple_results=False))
