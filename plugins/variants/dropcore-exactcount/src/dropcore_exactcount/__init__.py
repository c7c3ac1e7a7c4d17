"""Exact-count dropout: the same number of elements is dropped in every row.

    k = round(p * n) of the n elements of a row are dropped, all subsets of k equally likely
    y = x * n / (n - k) where kept, 0 where dropped; all 0 if k = n
    dx = dy * n / (n - k) where kept, 0 where dropped

`round` is Python's, of the float64 product: a half is rounded to the even neighbour. So the drop
rate is k / n, which equals p only if p * n is a whole number. The mean of y is exactly x if k < n.
Rows are independent of each other. Within a row, elements depend on each other: if one element is
dropped, the other elements of the row are more likely to be kept. Inference is the identity.

Floyd's algorithm chooses k of n elements: Bentley, Floyd, "Programming pearls: a sample of
brilliance", Communications of the ACM 30(9), 1987. It needs integers below a bound, which Lemire's
algorithm makes: "Fast random integer generation in an interval", ACM Transactions on Modeling and
Computer Simulation 29(1), 2019. `_subsets.pyx` has the two algorithms, compiled against dropcore's
exported declarations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import NDArray

import dropcore
from dropcore import axis_option
from dropcore_exactcount._subsets import drop_in_rows


@dataclass(frozen=True, kw_only=True)
class ExactCount(dropcore.DecidingVariant):
    """Exactly round(p * n) of each row of n elements are dropped.

    Parameters
    ----------
    axis : int, default: -1
        The axis of a row.

    Raises
    ------
    ValueError
        For an array that lacks the axis `axis`.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> y, mask = dropcore.dropout(
    ...     np.ones((3, 10)), p=0.2, training=True, rng=0, variant="exactcount")
    >>> (y == 0).sum(axis=1), y.max()
    (array([2, 2, 2]), np.float64(1.25))
    """

    name: ClassVar[str] = "exactcount"

    axis: int = -1

    def __post_init__(self) -> None:
        object.__setattr__(self, "axis", axis_option("axis", self.axis))

    def decide(self, draw: dropcore.Draw, p: float, shape: tuple[int, ...]) -> NDArray[np.bool]:
        axis = normalize_axis_index(self.axis, len(shape), "axis")
        n, others = shape[axis], shape[:axis] + shape[axis + 1 :]
        keep = np.empty((math.prod(others), n), bool)
        drop_in_rows(draw, self._dropped(p, shape), keep.view(np.uint8))
        return np.moveaxis(keep.reshape(*others, n), -1, axis)

    def plan(self, p: float, shape: tuple[int, ...], keep: NDArray[np.bool]) -> dropcore.Plan:
        return dropcore.Plan(scale=self._scale(p, shape))

    def drop_rate(self, p: float, shape: tuple[int, ...]) -> float:
        n = shape[normalize_axis_index(self.axis, len(shape), "axis")]
        return self._dropped(p, shape) / n if n else p

    def independent_unit(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        axis = normalize_axis_index(self.axis, len(shape), "axis")
        return (*shape[:axis], 1, *shape[axis + 1 :])

    def expectation(self, p: float, *inputs: NDArray[Any]) -> NDArray[Any]:
        return inputs[0] if self._scale(p, inputs[0].shape) else np.zeros_like(inputs[0])

    def variance(self, p: float, *inputs: NDArray[Any]) -> NDArray[Any]:
        scale = self._scale(p, inputs[0].shape)
        return inputs[0] ** 2 * (scale - 1 if scale else 0)

    def _dropped(self, p: float, shape: tuple[int, ...]) -> int:
        return round(p * shape[normalize_axis_index(self.axis, len(shape), "axis")])

    def _scale(self, p: float, shape: tuple[int, ...]) -> float:
        n = shape[normalize_axis_index(self.axis, len(shape), "axis")]
        kept = n - self._dropped(p, shape)
        return n / kept if kept else 0.0


@dropcore.hookimpl
def register_variants(register: Callable[[type[dropcore.Variant]], None]) -> None:
    register(ExactCount)
