"""What a call fixes when it is traced, and where a block lies in a larger array."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

Shape: TypeAlias = tuple[Any, ...]  # lengths may be symbolic dimensions


@dataclass(frozen=True)
class Masking:
    """All that is fixed when a program is traced.

    Attributes
    ----------
    p, scale, shift, drop : float
        A kept element becomes ``x * scale + shift``, a dropped one `drop`.
    shared : tuple of bool
        Of each axis of one member of the batch: whether its elements share a decision.
    whole : tuple of int, or None
        The shape of the array of which a member is a block; None: it is the member's own.
    """

    p: float
    scale: float
    shift: float
    drop: float
    shared: tuple[bool, ...]
    whole: tuple[int, ...] | None = None

    @property
    def is_linear(self) -> bool:
        """Whether y is linear in x, by x * scale alone."""
        return self.shift == self.drop == 0

    def derivative(self) -> Masking:
        return replace(self, shift=0.0, drop=0.0)

    def steps(self, shape: Shape) -> tuple[Any, ...]:
        """How far neighbours along each axis are in the whole mask; 0 where it is shared."""
        lengths = shape if self.whole is None else self.whole
        own = [1 if shared else length for shared, length in zip(self.shared, lengths, strict=True)]
        return tuple(
            0 if shared else math.prod(own[axis + 1 :]) for axis, shared in enumerate(self.shared)
        )

    def mask_shape(self, shape: Shape) -> Shape:
        """Of the decisions of a block."""
        return tuple(1 if s else length for s, length in zip(self.shared, shape, strict=True))
