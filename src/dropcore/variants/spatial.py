"""Spatial dropout: whole channels are dropped, one decision for each sample and channel.

    y[n, c, ...] = x[n, c, ...] / (1 - p) where channel c of sample n is kept, 0 where dropped

Tompson, Goroshin, Jain, LeCun, Bregler, "Efficient object localization using convolutional
networks", CVPR 2015, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from numpy.lib.array_utils import normalize_axis_index

from dropcore.hookspecs import hookimpl
from dropcore.variants.base import (
    Plan,
    PlannedVariant,
    Shape,
    Variant,
    axis_option,
    kept_scale,
)


@dataclass(frozen=True, kw_only=True)
class Spatial(PlannedVariant):
    """Whole channels are dropped.

    Parameters
    ----------
    channel_axis : int
        The axis of the channels: 1 for NCHW, -1 for NHWC. There is no default.
    batch_axis : int or None, default: 0
        The axis of the samples; None if x is a single sample and has no batch axis.

    Raises
    ------
    ValueError
        For an array that lacks one of the axes, or has no other axis to share; or if `channel_axis`
        and `batch_axis` are one axis of the array.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> x = np.ones((2, 3, 4, 4), np.float32)
    >>> y, mask = dropcore.dropout(
    ...     x, p=0.5, training=True, rng=0, variant="spatial", channel_axis=1)
    >>> mask.keep.shape
    (2, 3, 1, 1)
    """

    name: ClassVar[str] = "spatial"

    channel_axis: int
    batch_axis: int | None = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "channel_axis", axis_option("channel_axis", self.channel_axis))
        if self.batch_axis is not None:
            object.__setattr__(self, "batch_axis", axis_option("batch_axis", self.batch_axis))

    def plan(self, p: float, shape: Shape) -> Plan:
        ndim = len(shape)
        own = {normalize_axis_index(self.channel_axis, ndim, "channel_axis")}
        if self.batch_axis is not None:
            own.add(normalize_axis_index(self.batch_axis, ndim, "batch_axis"))
            if len(own) == 1:
                raise ValueError(
                    f"channel_axis and batch_axis must be two axes of shape {shape}, not "
                    f"{self.channel_axis} and {self.batch_axis}, which are one axis"
                )
        shared = tuple(axis for axis in range(ndim) if axis not in own)
        if not shared:
            raise ValueError(
                f"x must have an axis besides channel_axis {self.channel_axis} and batch_axis "
                f"{self.batch_axis}, not shape {shape}"
            )
        return Plan(scale=kept_scale(p), shared_axes=shared)


@hookimpl
def register_variants(register: Callable[[type[Variant]], None]) -> None:
    register(Spatial)
