"""The primitive that computes dropout of a block of an array: the part that one device holds.

    y = x * scale + shift where kept, drop where dropped

The primitive has only lowering rules. primitive.py has the rules for JAX's transformations, and
partition.py computes which block a device has. On a CPU the primitive is lowered to one call of the
handler in _handler.cc, on XLA's buffers. On other platforms it is lowered to JAX's operations,
which drop the same elements.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import mlir

from dropcore_jax import stream, uint64
from dropcore_jax._handler import handler
from dropcore_jax.masking import Masking
from dropcore_jax.uint64 import Pair

TARGET = "dropcore_dropout"
PIECE = 1 << 30  # decisions computed at once: their places must fit into 32 bits

block = Primitive("dropcore_block")


def batch_shape(words: Any, start: Any, x: Any) -> tuple[Any, ...]:
    """The leading axes, which `vmap` added; their length is 1 in an operand that members share."""
    ndim = len(words.shape) - 1
    shape: tuple[Any, ...] = jnp.broadcast_shapes(
        *(operand.shape[:ndim] for operand in (words, start, x))
    )
    return shape


def _abstract(words: Any, start: Any, x: Any, *, masking: Masking) -> Any:
    batch = batch_shape(words, start, x)
    return jax.core.ShapedArray(batch + x.shape[len(batch) :], x.dtype)


def _lower_for_cpu(ctx: Any, words: Any, start: Any, x: Any, *, masking: Masking) -> Any:
    return jax.ffi.ffi_lowering(TARGET)(
        ctx,
        words,
        start,
        x,
        p=np.float64(masking.p),
        scale=np.float64(masking.scale),
        shift=np.float64(masking.shift),
        drop=np.float64(masking.drop),
        shared=np.array(masking.shared, np.int64),
        whole=np.array(masking.whole or (), np.int64),
    )


# ------------------------------------------------------------ on other platforms


def in_jax(words: jax.Array, start: jax.Array, x: jax.Array, *, masking: Masking) -> jax.Array:
    """Compute the block by JAX's operations."""
    batch = batch_shape(words, start, x)
    words, start, x = (
        jnp.broadcast_to(operand, batch + operand.shape[len(batch) :])
        for operand in (words, start, x)
    )

    def member(words: jax.Array, start: jax.Array, x: jax.Array) -> jax.Array:
        keep = _keep(words, (start[1], start[0]), x.shape, masking)
        return _select(x, keep, masking)

    for _ in batch:
        member = jax.vmap(member)
    return member(words, start, x)


def _select(x: jax.Array, keep: jax.Array, masking: Masking) -> jax.Array:
    # Each step is rounded to the computing dtype.
    wide = jnp.float64 if x.dtype == jnp.float64 else jnp.float32
    y = x.astype(wide) * np.asarray(masking.scale, wide)
    if masking.shift:
        y = _rounded(y) + np.asarray(masking.shift, wide)
    elif masking.drop:
        y = jnp.where(y == 0, 0, y)  # -0.0 becomes +0.0, as by y + 0.0, which XLA would remove
    return jnp.where(keep, y, np.asarray(masking.drop, wide)).astype(x.dtype)


def _rounded(y: jax.Array) -> jax.Array:
    # Keeps a compiler from contracting x * scale + shift to a fused multiply-add, which rounds
    # once. Between product and sum, the bits are XORed with a number that is always 0, which the
    # compiler cannot prove.
    bits = jax.lax.bitcast_convert_type(y, jnp.uint64 if y.dtype == jnp.float64 else jnp.uint32)
    nothing = bits * (bits + 1) & 1  # 0, since n or n + 1 is even
    return jax.lax.bitcast_convert_type(bits ^ nothing, y.dtype)


def _keep(words: jax.Array, start: Pair, shape: Any, masking: Masking) -> jax.Array:
    # The decisions of a block, as runs of neighbours in the whole mask. Runs are as long as
    # possible.
    mask_shape, steps = masking.mask_shape(shape), masking.steps(shape)
    split = len(shape)
    whole = shape if masking.whole is None else masking.whole
    while split and (masking.shared[split - 1] or shape[split - 1] == whole[split - 1]):
        split -= 1
    split = max(split - 1, 0)  # the outermost axis of a run may be a part of its axis
    first = (start[0].reshape(1), start[1].reshape(1))
    for length, step in zip(mask_shape[:split], steps[:split], strict=True):
        if step:
            at = jnp.arange(length, dtype=jnp.uint32)
            far = uint64.multiply((jnp.zeros_like(at), at), uint64.constant(step))
            outer = tuple(word[:, None] for word in first)
            first = tuple(word.reshape(-1) for word in uint64.add(outer, far))
    key = stream.key_of_words(words)
    n = math.prod(mask_shape[split:])
    pieces = [(0, n)]
    if isinstance(n, int):
        pieces = [(begin, min(PIECE, n - begin)) for begin in range(0, max(n, 1), PIECE)]
    keep = [
        stream.keep_runs(key, masking.p, uint64.add(first, uint64.constant(begin)), length)
        for begin, length in pieces
    ]
    return jnp.concatenate(keep, axis=1).reshape(mask_shape)


block.def_abstract_eval(_abstract)
jax.ffi.register_ffi_target(TARGET, handler, platform="cpu")
mlir.register_lowering(block, _lower_for_cpu, platform="cpu")
mlir.register_lowering(block, mlir.lower_fun(in_jax, multiple_results=False))
