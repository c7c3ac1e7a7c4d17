"""DropBlock: blocks of neighbouring elements are dropped together.

    b = min(block_size, length) for each spatial axis
    gamma = p * product over the spatial axes of  length / (b * (length - b + 1))
    seeds: Bernoulli(gamma) at every place where a block of width b fits
    keep = 0 in the block of each seed, 1 elsewhere
    y = x * size(keep) / sum(keep) where kept, 0 where dropped; all 0 if nothing is kept

Ghiasi, Lin, Le, "DropBlock: a regularization method for convolutional networks", NeurIPS 2018,
algorithm 1 and equation 1, with p = 1 - keep_prob. Inference is the identity.

- As the paper says, gamma does not take account of overlaps between blocks. So an element is
  dropped with a probability below p. At the border the probability is smaller still, because fewer
  blocks reach an element at the border. If b is 1 or the length of the axis, for each axis, blocks
  do not overlap, and the probability is exactly p. p = 1 drops everything.
- Each sample and channel has its own blocks, but the whole array has one scale, as in the paper. So
  no two elements of y are independent. The mean is kept over the tensor: if all elements of x are
  equal, or are random with the same mean, y has the mean of x in every draw that keeps anything. A
  draw that keeps nothing gives zeros. The mean of a single element is not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import NDArray

import dropcore
from dropcore import axis_option, bool_option, integer_option


@dataclass(frozen=True, kw_only=True)
class DropBlock(dropcore.DecidingVariant):
    """Blocks are dropped; kept elements are divided by the share of kept elements.

    Parameters
    ----------
    block_size : int
        Length of a block along each spatial axis, at least 1. The spatial axes are all axes except
        channel and batch: one axis for sequences, two axes for images.
    channel_axis : int
        The axis of the channels: 1 for NCHW, -1 for NHWC. There is no default.
    batch_axis : int or None, default: 0
        The axis of the samples; None if x is a single sample and has no batch axis.
    share_channels : bool, default: False
        Whether all channels of a sample have the same blocks. In the paper, separate blocks
        for each channel worked better.

    Raises
    ------
    ValueError
        For an array that lacks one of the axes, or has no spatial axis.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> x = np.ones((2, 3, 16, 16), np.float32)
    >>> y, mask = dropcore.dropout(
    ...     x, p=0.1, training=True, rng=0, variant="dropblock", block_size=5, channel_axis=1)
    >>> mask.keep.shape
    (2, 3, 16, 16)
    >>> bool(abs(y.mean() - 1) < 1e-5)
    True
    """

    name: ClassVar[str] = "dropblock"
    mean_scope: ClassVar[Literal["tensor"]] = "tensor"

    block_size: int
    channel_axis: int
    batch_axis: int | None = 0
    share_channels: bool = False

    def __post_init__(self) -> None:
        hold = partial(object.__setattr__, self)
        hold("block_size", integer_option("block_size", self.block_size, least=1))
        hold("channel_axis", axis_option("channel_axis", self.channel_axis))
        if self.batch_axis is not None:
            hold("batch_axis", axis_option("batch_axis", self.batch_axis))
        hold("share_channels", bool_option("share_channels", self.share_channels))

    def decide(self, draw: dropcore.Draw, p: float, shape: tuple[int, ...]) -> NDArray[np.bool]:
        spatial = self._spatial_axes(shape)
        mask_shape = list(shape)
        if self.share_channels:
            mask_shape[self.channel_axis] = 1
        if p == 1 or 0 in shape:
            return np.zeros(mask_shape, bool)
        seed_shape, gamma = mask_shape, p
        for axis in spatial:
            block = min(self.block_size, shape[axis])
            seed_shape[axis] -= block - 1
            gamma *= shape[axis] / (block * seed_shape[axis])
        dropped: NDArray[np.bool] = ~dropcore.keep_mask(tuple(seed_shape), gamma, rng=draw)
        for axis in spatial:
            dropped = _widened(dropped, axis, shape[axis])
        return ~dropped

    def plan(self, p: float, shape: tuple[int, ...], keep: NDArray[np.bool]) -> dropcore.Plan:
        kept = np.count_nonzero(keep)
        return dropcore.Plan(scale=keep.size / kept if kept else 0.0)

    def drop_rate(self, p: float, shape: tuple[int, ...]) -> None:
        return None  # below p, and different at the border

    def independent_unit(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (1,) * len(shape)  # the scale depends on all decisions

    def _spatial_axes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        own = [normalize_axis_index(self.channel_axis, len(shape), "channel_axis")]
        if self.batch_axis is not None:
            own.append(normalize_axis_index(self.batch_axis, len(shape), "batch_axis"))
        spatial = tuple(axis for axis in range(len(shape)) if axis not in own)
        if len(own) != len(set(own)) or not spatial:
            raise ValueError(
                f"channel_axis and batch_axis must be two axes of x, which needs a third axis, not "
                f"{self.channel_axis} and {self.batch_axis} of shape {shape}"
            )
        return spatial


def _widened(seeds: NDArray[np.bool], axis: int, length: int) -> NDArray[np.bool]:
    # Each seed marks the first position of a block: extend it to the whole block.
    places = seeds.shape[axis]
    blocks = np.zeros((*seeds.shape[:axis], length, *seeds.shape[axis + 1 :]), bool)
    source, target = np.moveaxis(seeds, axis, -1), np.moveaxis(blocks, axis, -1)
    for offset in range(length - places + 1):
        target[..., offset : offset + places] |= source
    return blocks


@dropcore.hookimpl
def register_variants(register: Callable[[type[dropcore.Variant]], None]) -> None:
    register(DropBlock)
