"""Training on several ranks: one mask for all of them, or one for each, by choice.

A decision depends only on the place of its element in the whole tensor. So a rank that knows the
place of its part makes its part of the mask, and no rank sends anything. A DTensor knows the place;
of a plain tensor, as `DistributedDataParallel` and FSDP have it, the caller says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

import dropcore
from dropcore_torch import functional, paths, pieces, situation
from dropcore_torch.others import check_input
from dropcore_torch.rule import rule_of
from dropcore_torch.runs import Where, axes_from, axis_from
from dropcore_torch.situation import Situation, check_draw
from dropcore_torch.source import source_of

__all__ = ["cut", "dropout", "global_mask", "rank_masks"]

Axes = Mapping[int, tuple[int, Where]]


def global_mask(draw: dropcore.Draw, axes: Axes | None = None) -> AbstractContextManager[None]:
    """Let all ranks make their parts of the same masks, in a ``with`` block.

    In the block all modules and functions of this package take their draws from `draw`, call
    after call. Ranks that make the same calls get the same masks, as does one process that has
    the whole. A DTensor gets its part of the mask by its placements; a plain tensor gets the part
    that `axes` says.

    Parameters
    ----------
    draw : Draw
        The same on all ranks, and another one for each step: ``stream.at(step)``.
    axes : dict of int to (int, where), optional
        Of each axis that is cut: the length of the whole, and where this rank's part is. `where`
        is the offset of a block; or a range, or a list of ranges, in the order of the elements.
        ``{0: (64, 16)}`` is samples 16 and following of a batch of 64. For a DTensor, it says the
        same of the DTensor as a whole. It holds for every tensor that is dropped in the block;
        `cut` says it of some.

    Returns
    -------
    context manager
        It seeds PyTorch's generator of the CPU by `draw`, and puts its state back at the end. It
        holds for all threads of the process.

    Raises
    ------
    TypeError, ValueError
        If `draw` is not a Draw, or `axes` not of that form. In the block, if a tensor does not
        have such an axis, or has another number of elements there.
    RuntimeError
        In the block, if ``torch.manual_seed`` was called there.
    NotImplementedError
        In the block, for what has no mask of many ranks: attention of DTensors, torch.func.

    Notes
    -----
    Ranks must make the same random calls on the CPU in the block, in the same order. A checkpoint
    may compute again after the block: it gets the same masks, and the same places.

    Examples
    --------
    >>> import torch, dropcore
    >>> from dropcore_torch import Dropout, distributed
    >>> drop, draw = Dropout(0.5), dropcore.Stream(42).at(0)
    >>> x = torch.ones(8, 6)
    >>> with distributed.global_mask(draw):
    ...     whole = drop(x)
    >>> with distributed.global_mask(draw, {0: (8, 5)}):
    ...     part = drop(x[5:])
    >>> torch.equal(part, whole[5:])
    True
    """
    check_draw("draw", draw)
    return _block(draw, "of all", Situation(axes_from("axes", axes or {})))


def rank_masks(draw: dropcore.Draw, rank: int | None = None) -> AbstractContextManager[None]:
    """Let each rank drop by itself, in a ``with`` block: another mask on each.

    Parameters
    ----------
    draw : Draw
        The same on all ranks, and another one for each step: ``stream.at(step)``.
    rank : int, optional
        By default that of the process, in its default group.

    Returns
    -------
    context manager
        As that of `global_mask`.

    Raises
    ------
    TypeError, ValueError
        If `draw` is not a Draw, or `rank` is no integer >= 0. In the block, for a DTensor that is
        replicated, whose copies would differ.

    Examples
    --------
    >>> import torch, dropcore
    >>> from dropcore_torch import Dropout, distributed
    >>> drop, draw = Dropout(0.5), dropcore.Stream(42).at(0)
    >>> masks = []
    >>> for rank in (0, 1, 0):
    ...     with distributed.rank_masks(draw, rank):
    ...         masks.append(drop(torch.ones(100)))
    >>> torch.equal(masks[0], masks[2]), torch.equal(masks[0], masks[1])
    (True, False)
    """
    check_draw("draw", draw)
    if rank is None:
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            raise ValueError("rank must be given where torch.distributed is not initialised")
        rank = torch.distributed.get_rank()
    if not isinstance(rank, int) or isinstance(rank, bool):
        raise TypeError(f"rank must be an integer >= 0, not {rank!r}")
    if rank < 0:
        raise ValueError(f"rank must be an integer >= 0, not {rank}")
    return _block(draw, f"of rank {rank}", Situation(each_rank=True))


def _block(draw: dropcore.Draw, name: str, of: Situation) -> AbstractContextManager[None]:
    paths.expect_parts()
    return situation.block(draw, name, of)


def cut(axes: Mapping[int, tuple[int, Where] | None]) -> AbstractContextManager[None]:
    """Say of some calls how their tensors are cut, within `global_mask`.

    Attention whose heads are spread over ranks is cut along the heads, while all other layers of
    the model have the sequence there.

    Parameters
    ----------
    axes : dict of int to (int, where) or None
        As of `global_mask`; they are added to its own, and replace those of the same axis. None:
        the axis is not cut here.

    Returns
    -------
    context manager
        Outside of `global_mask` it changes nothing, so a model may have it in its code.

    Raises
    ------
    TypeError, ValueError
        As of `global_mask`.

    Examples
    --------
    >>> import torch, dropcore
    >>> from dropcore_torch import distributed
    >>> from dropcore_torch.functional import dropout
    >>> weights, draw = torch.ones(2, 8, 4, 4), dropcore.Stream(42).at(0)
    >>> with distributed.global_mask(draw):
    ...     whole = dropout(weights, 0.1, training=True)
    >>> with distributed.global_mask(draw), distributed.cut({1: (8, 6)}):
    ...     heads = dropout(weights[:, 6:], 0.1, training=True)
    >>> torch.equal(heads, whole[:, 6:])
    True
    """
    return situation.cut(axes_from("axes", axes, none=True))


def dropout(
    input: Tensor,
    p: float,
    training: bool,
    inplace: bool = False,
    *,
    rng: dropcore.Draw,
    shard: tuple[tuple[int, ...], tuple[Where, ...]] | None = None,
    variant: str | dropcore.Variant = "standard",
    **options: Any,
) -> Tensor:
    """Drop elements of what a rank has of a tensor, by the mask of the whole.

    Parameters
    ----------
    input : torch.Tensor
        A DTensor on the CPU, of any placements; a plain tensor, which is the whole or what
        `shard` says. Partial placements are reduced first.
    p, training, inplace
        As of `functional.dropout`.
    rng : Draw
        The same on all ranks.
    shard : (global_shape, offsets), optional
        Where `input` lies in the whole. An offset may be a range or a list of ranges instead, as
        for `global_mask`. Of a DTensor, where it lies as a whole.
    variant : str or dropcore.Variant, default: "standard"
        Any planned or deciding variant.
    **options
        The variant's own.

    Returns
    -------
    torch.Tensor
        As `functional.dropout`; a DTensor of `input`'s placements.

    Raises
    ------
    TypeError, ValueError, LookupError
        If `rng` is not a Draw, `shard` does not fit, or as `functional.dropout` raises.

    Notes
    -----
    Nothing is kept for the backward pass but the draw and the places: the world may have another
    size by then.

    Examples
    --------
    >>> import torch, dropcore
    >>> from dropcore_torch import distributed
    >>> x, draw = torch.ones(16, 3), dropcore.Stream(42).at(0)
    >>> whole = distributed.dropout(x, 0.5, training=True, rng=draw)
    >>> ends = torch.cat([x[:4], x[12:]])  # as ring attention cuts a sequence
    >>> places = [range(0, 4), range(12, 16)]
    >>> y = distributed.dropout(ends, 0.5, training=True, rng=draw, shard=((16, 3), (places, 0)))
    >>> torch.equal(y, torch.cat([whole[:4], whole[12:]]))
    True
    """
    check_draw("rng", rng)
    check_input(input)
    rule, source = rule_of(variant, options), source_of(rng)
    if not training or (shard is None and not pieces.is_dtensor(input)):
        return functional.dropout(input, p, training, inplace, rng=rng, variant=variant, **options)
    of = Situation(_axes_of(shard, input.dim()))
    return pieces.dropout((input,), functional.probability(p), inplace, rule, source, of)


def _axes_of(shard: Any, rank: int) -> dict[int, Any]:
    if shard is None:
        return {}
    form = f"shard must be (global_shape, offsets), each for {rank} axes, not {shard!r}"
    if not isinstance(shard, tuple) or len(shard) != 2:
        raise TypeError(form)
    if not all(isinstance(part, list | tuple) for part in shard):
        raise TypeError(form)
    if any(len(part) != rank for part in shard):
        raise ValueError(form)
    return {axis: axis_from("shard", *each) for axis, each in enumerate(zip(*shard, strict=True))}
