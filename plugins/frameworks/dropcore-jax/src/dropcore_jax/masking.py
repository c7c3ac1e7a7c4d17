"""The static parameters of a call, and the place of a block in a larger array."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

Shape: TypeAlias = tuple[Any, ...]  # lengths may be symbolic dimensions


@dataclass(frozen=True)
class Masking:
    """The parameters that are fixed when a program is traced.

    Attributes
    ----------
    p, scale, shift, drop : float
        A kept element becomes ``x * scale + shift``, and a dropped element `drop`.
    shared : tuple of bool
        For each axis of one member of the batch: whether elements along the axis share a decision.
    whole : tuple of int, or None
        The shape of the array of which a member is a block; None if a member is the whole array.
    """

    p: float
    scale: float
    shift: float
    drop: float
    shared: tuple[bool, ...]
    whole: tuple[int, ...] | None = None

    @property
    def is_linear(self) -> bool:
        """Whether y is linear in x: shift and drop are 0."""
        return self.shift == self.drop == 0

    def derivative(self) -> Masking:
        return replace(self, shift=0.0, drop=0.0)

    def steps(self, shape: Shape) -> tuple[Any, ...]:
        """For each axis, the distance of two neighbours in the whole mask; 0 for a shared axis."""
        lengths = shape if self.whole is None else self.whole
        own = [1 if shared else length for shared, length in zip(self.shared, lengths, strict=True)]
        return tuple(
            0 if shared else math.prod(own[axis + 1 :]) for axis, shared in enumerate(self.shared)
        )

    def mask_shape(self, shape: Shape) -> Shape:
        """The shape of the decisions of a block."""
        return tuple(1 if s else length for s, length in zip(self.shared, shape, strict=True))
