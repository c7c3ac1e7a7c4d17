"""Dropout of a part of a larger tensor: of a DTensor, or of blocks of an array.

Each block gets its part of the mask of the whole tensor. For the backward pass only the draw and
the places are saved, and the mask is computed again. So backward may run with another number of
ranks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import Function

import dropcore
from dropcore_torch import memory, situation, transforms
from dropcore_torch.memory import array_of
from dropcore_torch.others import DTYPES, is_other
from dropcore_torch.private import (
    PLAIN,
    in_forward_mode,
    in_transform,
    is_waiting,
    tracing_state,
    waited,
)
from dropcore_torch.rule import Rule, check_rank
from dropcore_torch.runs import Runs, blocks_of, chunk, merged, of_rank, within
from dropcore_torch.situation import Situation
from dropcore_torch.source import Source, Traced, is_dynamo_compiling, take

Array: TypeAlias = NDArray[np.generic]


def is_dtensor(x: Any) -> bool:
    """Whether `x` is a DTensor. If a DTensor exists, `torch.distributed.tensor` is imported."""
    if type(x) in PLAIN:
        return False
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(x, module.DTensor)


def situation_of(x: Any, source: Source | Traced) -> Situation | None:
    """The situation that says which part of a mask `x` gets; None if `x` gets a whole mask.

    A DTensor itself knows its part, but all ranks must use the same draw. Outside of a block only
    a Draw ensures this.
    """
    if is_dynamo_compiling() and not may_be_part(x, source):
        return None  # the seed cannot be read in a graph
    found = situation.current()
    if is_dtensor(x):
        return Situation() if found is None and source.index is not None else found
    if found is None or not found.axes:
        return Situation() if is_waiting(x) else None
    return found


def may_be_part(x: Any, source: Source | Traced) -> bool:
    """Whether `situation_of` returns a situation; while a graph is traced, whether it may."""
    if is_dynamo_compiling():
        if is_dtensor(x):
            return source.index is not None or situation.are_known()
        return situation.know_parts()
    return situation_of(x, source) is not None


def dropout(
    inputs: tuple[Tensor, ...],
    p: float,
    inplace: bool,
    rule: Rule,
    source: Source | Traced,
    of: Situation,
) -> Tensor:
    """Apply dropout to the part that this rank has.

    Raises
    ------
    TypeError, ValueError, NotImplementedError
    """
    x = inputs[0]
    if not rule.variant.takes_shard(True):
        raise TypeError(
            "variant must be planned or deciding for a part of a tensor, not "
            f"{rule.variant.name!r}, which may need elements of other ranks"
        )
    if in_transform() or tracing_state() is not None or isinstance(source, Traced):
        raise NotImplementedError(
            "dropout of a part of a tensor must be called outside of torch.func's transforms and "
            "torch.jit.trace"
        )
    if x.dtype not in DTYPES:
        raise TypeError(f"input must be of float32, float64, float16 or bfloat16, not {x.dtype}")
    if p == 0 and rule.whole_at_0:
        check_rank(rule.text, x.dim())
        take(source)
        return x
    y = _of_dtensor(x, p, rule, source, of) if is_dtensor(x) else _of_tensor(x, p, rule, source, of)
    return x.copy_(y) if inplace else y


def _of_tensor(x: Tensor, p: float, rule: Rule, source: Source, of: Situation) -> Tensor:
    if not is_waiting(x) and (type(x) not in PLAIN or is_other(x)):
        raise NotImplementedError(
            f"input must be a plain tensor on the CPU or a DTensor, not a {type(x).__name__} of "
            f"{x.layout} on {x.device}"
        )
    places: list[Runs] = [((0, n),) for n in x.shape]
    return _apply(x, Pieces(p, rule, source.draw(), *_placed(of, tuple(x.shape), places)))


def _of_dtensor(x: Any, p: float, rule: Rule, source: Source, of: Situation) -> Tensor:
    if x.device.type != "cpu":
        raise NotImplementedError(f"input must be a DTensor on the CPU, not on {x.device}")
    if any(each.is_partial() for each in x.placements):  # sum first, as PyTorch's dropout does
        replicate = sys.modules["torch.distributed.tensor"].Replicate()
        x = x.redistribute(placements=[replicate if e.is_partial() else e for e in x.placements])
    draw = source.draw()
    if of.each_rank:
        _check_not_replicated(x)
        shape = tuple(x.to_local().shape)
        return _apply(x, Pieces(p, rule, draw, shape, [((0, n),) for n in shape]))
    return _apply(x, Pieces(p, rule, draw, *_placed(of, tuple(x.shape), places_of(x))))


def _check_not_replicated(x: Any) -> None:
    for size, each in zip(x.device_mesh.shape, x.placements, strict=True):
        if size > 1 and each.is_replicate():
            raise ValueError(
                f"input must not be replicated within rank_masks, not {x.placements}: its copies "
                "would differ"
            )


def places_of(x: Any) -> list[Runs]:
    """The places of this rank's elements in a DTensor, along each axis."""
    places: list[Runs] = [((0, n),) for n in x.shape]
    coordinate = x.device_mesh.get_coordinate()
    if coordinate is None:
        return places
    for size, rank, each in zip(x.device_mesh.shape, coordinate, x.placements, strict=True):
        if each.is_replicate():
            continue
        if not hasattr(each, "dim"):
            raise TypeError(f"input must have placements Shard, Replicate or Partial, not {each}")
        # If a view merges a cut axis with the axis before it, a rank has a piece of each part.
        parts = getattr(each, "split_factor", 1)
        cut = [chunk(places[each.dim], parts, part) for part in range(parts)]
        places[each.dim] = merged(chunk(part, size, rank) for part in cut)
    local, own = tuple(x.to_local().shape), tuple(sum(b - a for a, b in runs) for runs in places)
    if local != own:
        raise ValueError(
            f"input's local tensor must be of shape {own} on this rank, for placements "
            f"{x.placements} of shape {tuple(x.shape)}, not {local}: if a cut is uneven, "
            "DTensor.from_local needs shape= and stride="
        )
    return places


def _placed(
    of: Situation, shape: tuple[int, ...], places: list[Runs]
) -> tuple[tuple[int, ...], list[Runs]]:
    # The shape of the whole, and the places in the whole, for elements at `places` in a tensor of
    # `shape`.
    whole, found = list(shape), list(places)
    for axis, each in of_rank(of.axes, len(shape)).items():
        whole[axis] = each.whole
        found[axis] = within(each.runs_of(shape[axis], axis), places[axis])
    return tuple(whole), found


class Pieces:
    """One call: its draw, the blocks of this rank with their places in the whole, and their masks.

    A mask stores its draw and its place. Its bits are computed when they are needed.
    """

    def __init__(
        self, p: float, rule: Rule, draw: dropcore.Draw, whole: tuple[int, ...], runs: list[Runs]
    ) -> None:
        self.p, self.variant, self.draw, self.whole = p, rule.variant, draw, whole
        self.blocks = list(blocks_of(runs))
        self.masks: list[dropcore.Mask] = []

    def forward(self, x: Any) -> Any:
        """Compute y, and store the masks."""
        return self._of_each(x, self._forward)

    def backward(self, dy: Any) -> Any:
        """Compute the gradient."""
        return self._of_each(dy, self._backward)

    def _of_each(self, x: Any, compute: Callable[[Array, Array], None]) -> Any:
        if is_dtensor(x):
            return like_dtensor(x, self._of_each(x.to_local(), compute))
        x = waited(memory.dense(x))
        y = memory.empty_like(x)
        compute(array_of(x), array_of(y))
        return y

    def _forward(self, x: Array, y: Array) -> None:
        for own, offsets in self.blocks:
            _, mask = dropcore.dropout(
                x[own],
                self.p,
                training=True,
                rng=self.draw,
                variant=self.variant,
                out=y[own],
                store="draw",
                shard=(self.whole, offsets),
            )
            self.masks.append(mask)

    def _backward(self, dy: Array, dx: Array) -> None:
        for (own, _), mask in zip(self.blocks, self.masks, strict=True):
            mask.backward(dy[own], out=dx[own])


def like_dtensor(x: Any, local: Tensor) -> Tensor:
    """A DTensor of `local`, with the mesh, placements and shape of `x`."""
    return type(x).from_local(
        local, x.device_mesh, x.placements, run_check=False, shape=x.shape, stride=x.stride()
    )


def _apply(x: Tensor, pieces: Pieces) -> Tensor:
    if (x.requires_grad and torch.is_grad_enabled()) or in_forward_mode():
        return _Linear.apply(x, pieces, pieces.forward)
    return pieces.forward(x)


class _Linear(Function):
    # The gradient of `pieces.forward` is `pieces.backward`, which is linear in dy. So the gradient
    # of `pieces.backward` is `pieces.backward` again.
    @staticmethod
    def forward(ctx: Any, x: Any, pieces: Pieces, compute: Callable[[Any], Any]) -> Any:
        ctx.pieces = pieces
        ctx.cut = (x.device_mesh, x.placements) if is_dtensor(x) else None
        return compute(x)

    @staticmethod
    def backward(ctx: Any, dy: Any) -> tuple[Tensor | None, ...]:
        if transforms.are_in_the_way(dy):
            raise NotImplementedError(
                "derivatives of a part of a tensor must be computed one at a time, not in batches "
                "(vectorize, is_grads_batched)"
            )
        return _Linear.apply(_cut_alike(ctx.cut, dy), ctx.pieces, ctx.pieces.backward), None, None

    @staticmethod
    def jvp(ctx: Any, dx: Any, *_: None) -> Tensor:
        return _Linear.apply(_cut_alike(ctx.cut, dx), ctx.pieces, ctx.pieces.backward)


def _cut_alike(cut: Any, dy: Any) -> Any:
    # A gradient may have other placements than x.
    return dy if cut is None or dy.placements == cut[1] else dy.redistribute(*cut)
