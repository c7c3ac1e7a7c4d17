"""DropPath: whole samples of a residual branch are dropped, also called stochastic depth.

    y[n, ...] = x[n, ...] / (1 - p) where sample n is kept, 0 where dropped
    p_l = l / L * p_max in block l = 1 ... L (`linear_rates`)

Huang, Sun, Liu, Sedra, Weinberger, "Deep networks with stochastic depth", ECCV 2016, section 3:
equation 2 for the decision, equation 4 for the linear rule. The paper states the probability of
survival, 1 - p. The paper drops a block for the whole mini-batch and scales in inference. In this
variant each sample has its own decision, as is usual today, and the scale is applied in training,
so inference is the identity.

Larsson, Maire, Shakhnarovich, "FractalNet: ultra-deep neural networks without residuals", ICLR
2017, introduced the dropping of paths. Their rule that at least one path into each join is kept is
not needed in a residual block, because the path around the branch is never dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from numpy.typing import NDArray

import dropcore
from dropcore import axis_option, bool_option, integer_option, kept_scale, real_option


@dataclass(frozen=True, kw_only=True)
class DropPath(dropcore.PlannedVariant):
    """Whole samples are dropped.

    Parameters
    ----------
    batch_axis : int, default: 0
        The axis of the samples.
    scale_by_keep : bool, default: True
        Whether kept samples are scaled by 1 / (1 - p), which keeps the mean. With False, kept
        samples are not scaled, neither in training nor in inference.

    Raises
    ------
    ValueError
        For an array that lacks the axis `batch_axis`.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> x = np.ones((4, 3, 8, 8), np.float32)
    >>> y, mask = dropcore.dropout(x, p=0.5, training=True, rng=0, variant="droppath")
    >>> mask.keep.shape
    (4, 1, 1, 1)
    """

    name: ClassVar[str] = "droppath"

    batch_axis: int = 0
    scale_by_keep: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "batch_axis", axis_option("batch_axis", self.batch_axis))
        scaled = bool_option("scale_by_keep", self.scale_by_keep)
        object.__setattr__(self, "scale_by_keep", scaled)

    def plan(self, p: float, shape: tuple[int, ...]) -> dropcore.Plan:
        batch = normalize_axis_index(self.batch_axis, len(shape), "batch_axis")
        others = tuple(axis for axis in range(len(shape)) if axis != batch)
        scale = kept_scale(p) if self.scale_by_keep else 1.0
        return dropcore.Plan(scale=scale, shared_axes=others)

    def expectation(self, p: float, *inputs: NDArray[Any]) -> NDArray[Any]:
        mean = super().expectation(p, *inputs)
        return mean if self.scale_by_keep else np.asarray((1 - p) * mean)


def linear_rates(p_max: float, depth: int) -> list[float]:
    """The p of each block of a network, growing linearly to `p_max` in the last block.

    Huang et al. 2016, equation 4: the input counts as block 0 and is never dropped, so the
    first block has ``p_max / depth``.

    Parameters
    ----------
    p_max : float
        The p of the last block, in [0, 1].
    depth : int
        The number of blocks, at least 1.

    Returns
    -------
    list of float
        Of length `depth`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described above.

    Examples
    --------
    >>> linear_rates(0.5, 5)
    [0.1, 0.2, 0.3, 0.4, 0.5]
    """
    depth = integer_option("depth", depth, least=1)
    p_max = real_option("p_max", p_max)
    if not 0 <= p_max <= 1:
        raise ValueError(f"p_max must be in [0, 1], not {p_max!r}")
    return [p_max * (block / depth) for block in range(1, depth + 1)]


@dropcore.hookimpl
def register_variants(register: Callable[[type[dropcore.Variant]], None]) -> None:
    register(DropPath)
