"""Training on several ranks: one mask for all ranks together, or a separate mask for each rank.

A decision depends only on the place of its element in the whole tensor. So a rank that knows the
place of its part computes its part of the mask, and no rank sends anything. A DTensor knows its
place. For a plain tensor, as in `DistributedDataParallel` and FSDP, the caller states the place.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import handle_torch_function

import dropcore
from dropcore_torch import functional, paths, pieces, situation
from dropcore_torch.others import check_input
from dropcore_torch.private import function_mode_enabled
from dropcore_torch.rule import Rule, rule_of
from dropcore_torch.runs import Where, axes_from, axis_from
from dropcore_torch.situation import Situation, check_draw
from dropcore_torch.source import Source, is_compiling, source_of

__all__ = ["cut", "dropout", "global_mask", "rank_masks"]

Axes = Mapping[int, tuple[int, Where]]


def global_mask(draw: dropcore.Draw, axes: Axes | None = None) -> AbstractContextManager[None]:
    """Let all ranks compute their parts of the same masks, in a ``with`` block.

    In the block all modules and functions of this package derive the indices of their draws from
    `draw`, in the order of the calls; the keys stay those of the modules and calls. Ranks that make
    the same calls with the same keys get parts of the same masks. A single process that makes these
    calls with the whole tensors gets the same masks, too. A call with a Draw as its `rng` uses that
    Draw. A DTensor gets the part
    that its placements state; a plain tensor gets the part that `axes` states.

    Parameters
    ----------
    draw : Draw
        The same Draw on all ranks, and another Draw for each step: ``stream.at(step)``.
    axes : dict of int to (int, where), optional
        For each axis that is cut: the length of the whole axis, and the places of this rank's part.
        `where` is the offset of a block, or a range, or a list of ranges, in the order in which
        this rank's tensor has them. ``{0: (64, 16)}`` means: this rank has the samples from number
        16 on, of a batch of 64. A DTensor needs `axes` only if it is a part of a still larger
        tensor: then state the place of the whole DTensor. `axes` holds for every dropout call in
        the block; `cut` changes `axes` for some calls.

    Returns
    -------
    context manager
        On entry PyTorch's CPU generator is seeded from `draw`; at the end its state is restored.
        The block holds for all threads of the process.

    Raises
    ------
    TypeError, ValueError
        If `draw` is not a Draw, or `axes` does not have the form above. In the block, if a tensor
        lacks an axis in `axes`, or the length of its axis does not fit `where`; and for a part with
        a free variant, which may need elements of other ranks.
    RuntimeError
        In the block, if ``torch.manual_seed`` was called in the block.
    NotImplementedError
        In the block, for calls that cannot use one mask on many ranks: attention and recurrent
        layers of DTensors, ``torch.native_dropout``, and parts in ``torch.func`` or
        ``torch.jit.trace``.

    Notes
    -----
    In the block, all ranks must make the same random calls on the CPU, in the same order.
    Activation checkpointing may run the forward again after the block ends: its calls get the same
    masks and places.

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
    """Give each rank its own masks, in a ``with`` block.

    Parameters
    ----------
    draw : Draw
        The same Draw on all ranks, and another Draw for each step: ``stream.at(step)``.
    rank : int, optional
        By default, the rank of the process in its default group.

    Returns
    -------
    context manager
        As for `global_mask`.

    Raises
    ------
    TypeError, ValueError
        If `draw` is not a Draw, or `rank` is not an integer >= 0. In the block, for a replicated
        DTensor, because its copies would differ.

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
            raise ValueError("rank must be given if torch.distributed is not initialised")
        rank = torch.distributed.get_rank()
    if not isinstance(rank, int) or isinstance(rank, bool):
        raise TypeError(f"rank must be an integer >= 0, not {rank!r}")
    if rank < 0:
        raise ValueError(f"rank must be an integer >= 0, not {rank}")
    return _block(draw, f"of rank {rank}", Situation(each_rank=True))


def _block(draw: dropcore.Draw, name: str, of: Situation) -> AbstractContextManager[None]:
    paths.expect_blocks()
    return situation.block(draw, name, of)


def cut(axes: Mapping[int, tuple[int, Where] | None]) -> AbstractContextManager[None]:
    """Change `axes` for some calls in a `global_mask` block.

    An example is attention whose heads are divided among the ranks. The tensors of attention are
    cut along the axis of the heads, while the tensors of all other layers are cut along the
    sequence.

    Parameters
    ----------
    axes : dict of int to (int, where) or None
        As for `global_mask`. These axes are added to the `axes` of `global_mask`. If an axis is in
        both dicts, the value given to `cut` holds. None: the axis is not cut in these calls.

    Returns
    -------
    context manager
        Outside of `global_mask` it has no effect, so the code of a model may always use it.

    Raises
    ------
    TypeError, ValueError
        As for `global_mask`.

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
    """Apply dropout to the part of a tensor that a rank has, with the mask of the whole tensor.

    Parameters
    ----------
    input : torch.Tensor
        A DTensor on the CPU, of any placements; or a plain tensor, which is the whole tensor, or
        the part that `shard` states. Partial placements are reduced first.
    p, training, inplace
        As for `functional.dropout`.
    rng : Draw
        The same Draw on all ranks.
    shard : (global_shape, offsets), optional
        The place of `input` in the whole tensor. Instead of an offset, a range or a list of ranges
        is accepted, as for `global_mask`. A DTensor needs `shard` only if it is a part of a still
        larger tensor: then state the place of the whole DTensor.
    variant : str or dropcore.Variant, default: "standard"
        Any planned or deciding variant.
    **options
        Options of the variant.

    Returns
    -------
    torch.Tensor
        y, as from `functional.dropout`. For a DTensor, y is a DTensor of the same placements,
        except that Partial has become Replicate.

    Raises
    ------
    TypeError, ValueError, LookupError
        If `rng` is not a Draw, if `shard` does not fit, and for all reasons of
        `functional.dropout`.

    Notes
    -----
    For the backward pass only the draw and the places are saved, so the number of ranks may change
    before the backward pass.

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
    return apply_to_part((input,), functional.probability(p), inplace, rule, source, of)


def apply_to_part(
    inputs: tuple[Tensor, ...], p: float, inplace: bool, rule: Rule, source: Source, of: Situation
) -> Tensor:
    """Dropout of a part, after everything that does not depend on the tensors was looked up."""
    if not is_compiling() and function_mode_enabled():  # the mode must see this call
        return handle_torch_function(apply_to_part, inputs, inputs, p, inplace, rule, source, of)
    return pieces.dropout(inputs, p, inplace, rule, source, of)


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
