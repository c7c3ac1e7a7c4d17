"""The block that each device computes if the compiler partitions an array among several devices.

The decisions for a part of x follow from its place in the array. So a device needs only its own
part, and nothing is communicated, whatever the sharding.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.custom_partitioning import custom_partitioning
from jax.interpreters import mlir
from jax.sharding import NamedSharding, PartitionSpec

from dropcore_jax import uint64
from dropcore_jax.block import block
from dropcore_jax.masking import Masking


def _whole(masking: Masking, words: jax.Array, start: jax.Array, x: jax.Array) -> jax.Array:
    y: jax.Array = block.bind(words, start, x, masking=masking)
    return y


shared_out = custom_partitioning(_whole, static_argnums=(0,))


def lower(ctx: Any, words: Any, start: Any, x: Any, *, masking: Masking, **_: Any) -> Any:
    """Lower dropout for one device, or for each of several devices."""
    run = _whole if _must_be_whole(ctx.module_context) else shared_out

    def call(words: jax.Array, start: jax.Array, x: jax.Array) -> jax.Array:
        return run(masking, words, start, x)

    return mlir.lower_fun(call, multiple_results=False)(ctx, words, start, x)


def _must_be_whole(module: Any) -> bool:
    # Partitioning runs Python code of this process. An exported program does not have this code,
    # and XLA cannot call the code inside of shard_map. The names are names of JAX 0.10.2.
    manual = getattr(module.axis_context, "manual_axes", ())
    return bool(manual) or module.lowering_parameters.for_export


@cache
def needs_devices() -> Any:
    """A jaxpr, as a parameter of the primitive: it tells JAX that lowering needs devices."""
    x = np.zeros((), np.float32)
    words = np.zeros(2, np.uint32)
    masking = Masking(0.5, 1.0, 0.0, 0.0, ())
    return jax.make_jaxpr(lambda x: shared_out(masking, words, words, x))(x)


# ------------------------------------------------------------ partitioning


def _specs(operands: Any, y: Any) -> tuple[tuple[Any, ...], list[PartitionSpec]]:
    # Returns a spec for each axis of y, and the spec of each operand: an operand is partitioned
    # like y along the axes that both have.
    batch = len(operands[0].shape) - 1
    own = (*y.sharding.spec, *(None,) * (len(y.shape) - len(y.sharding.spec)))
    specs = []
    for operand in operands:
        axes = len(operand.shape) if operand is operands[-1] else batch
        specs.append(
            PartitionSpec(
                *(
                    spec if operand.shape[axis] == y.shape[axis] else None
                    for axis, spec in enumerate(own[:axes])
                )
            )
        )
    return own, specs


def _partition(masking: Masking, mesh: Any, operands: Any, y: Any) -> Any:
    own, specs = _specs(operands, y)
    shape = operands[-1].shape[len(operands[0].shape) - 1 :]
    member = own[len(own) - len(shape) :]
    steps = masking.steps(shape)
    local = replace(masking, whole=shape if masking.whole is None else masking.whole)

    def on_device(words: jax.Array, start: jax.Array, x: jax.Array) -> jax.Array:
        first = start[..., 1], start[..., 0]
        lengths = x.shape[x.ndim - len(shape) :]
        for axes, step, length in zip(member, steps, lengths, strict=True):
            if axes is not None and step:
                at = jax.lax.axis_index(axes).astype(jnp.uint32)
                far = uint64.multiply((jnp.zeros_like(at), at), uint64.constant(step * length))
                first = uint64.add(first, far)
        return _whole(local, words, jnp.stack([first[1], first[0]], axis=-1), x)

    return (
        mesh,
        on_device,
        NamedSharding(mesh, PartitionSpec(*own)),
        tuple(NamedSharding(mesh, spec) for spec in specs),
    )


def _like_x(masking: Masking, mesh: Any, operands: Any, y: Any) -> Any:
    x = operands[-1]
    return NamedSharding(mesh, PartitionSpec(*x.sharding.spec))


def _rule(masking: Masking, mesh: Any, operands: Any, results: Any) -> tuple[str, dict[str, Any]]:
    # In the notation of Shardy, axes with the same partition have the same name.
    words, start, x = (tuple(operand.shape) for operand in operands)
    (y,) = (tuple(result.shape) for result in results)
    batch = len(words) - 1
    names = [f"a{axis}" for axis in range(len(y))]

    def of(operand: str, shape: tuple[int, ...]) -> list[str]:
        return [
            names[axis] if length == y[axis] else f"{operand}{axis}"
            for axis, length in enumerate(shape)
        ]

    left = (
        [*of("w", words[:batch]), "words"],
        [*of("s", start[:batch]), "pair"],
        of("x", x),
    )
    rule = ", ".join(" ".join(factors) for factors in left) + " -> " + " ".join(names)
    return rule, {"need_replication_factors": ("words", "pair")}


shared_out.def_partition(_partition, infer_sharding_from_operands=_like_x, sharding_rule=_rule)
