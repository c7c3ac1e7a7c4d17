"""Alpha dropout: keeps the mean and the variance, for networks with selu.

Networks with selu keep mean and variance from layer to layer, and alpha dropout changes neither.

    a' = -1.7580993408473766 = -lambda * alpha, selu's limit at minus infinity,  k = 1 - p
    A = sqrt(nu / (k * ((a' - mu)^2 * p + nu))),  B = mu - A * (k * mu + p * a')
    y = A * x + B where kept, A * a' + B where dropped;  dx = A * dy where kept
    p = 1 gives zeros.

k is the probability that an element is kept. mu and nu are the mean and the variance of the input,
`fixed_mean` and `fixed_var`. Source: Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing
neural networks", NeurIPS 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from dropcore.hookspecs import hookimpl
from dropcore.variants.base import (
    Array,
    Plan,
    PlannedVariant,
    Shape,
    Variant,
    axes_option,
    real_option,
)

SELU_LIMIT = -1.7580993408473766


@dataclass(frozen=True, kw_only=True)
class Alpha(PlannedVariant):
    """Dropped elements become selu's lower limit; rescaling then restores mean and variance.

    Parameters
    ----------
    fixed_mean : float, default: 0.0
        The mean of the input. The output has the same mean.
    fixed_var : float, default: 1.0
        The variance of the input, above 0. The output has the same variance.
    shared_axes : int or tuple of int, default: ()
        Axes along which all elements share one decision. To drop whole channels, share all axes
        except batch and channel.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> x = np.random.default_rng(0).normal(size=100_000)
    >>> y, mask = dropcore.dropout(x, p=0.3, training=True, rng=0, variant="alpha")
    >>> bool(abs(y.mean()) < 0.02 and abs(y.var() - 1) < 0.02)
    True
    """

    name: ClassVar[str] = "alpha"

    fixed_mean: float = 0.0
    fixed_var: float = 1.0
    shared_axes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "fixed_mean", real_option("fixed_mean", self.fixed_mean))
        object.__setattr__(self, "fixed_var", real_option("fixed_var", self.fixed_var))
        if self.fixed_var <= 0:
            raise ValueError(f"fixed_var must be above 0, not {self.fixed_var}")
        object.__setattr__(self, "shared_axes", axes_option("shared_axes", self.shared_axes))

    def plan(self, p: float, shape: Shape) -> Plan:
        a, b = self._affine(p)
        return Plan(scale=a, shift=b, drop=a * SELU_LIMIT + b, shared_axes=self.shared_axes)

    def _affine(self, p: float) -> tuple[float, float]:
        if p == 1:
            return 0.0, 0.0
        mu, nu, k = self.fixed_mean, self.fixed_var, 1 - p
        a = math.sqrt(nu / (k * ((SELU_LIMIT - mu) ** 2 * p + nu)))
        return a, mu - a * (k * mu + p * SELU_LIMIT)

    def expectation(self, p: float, *inputs: Array) -> Array:
        a, b = self._affine(p)
        return a * ((1 - p) * inputs[0] + p * SELU_LIMIT) + b

    def kept_moments(self, p: float) -> tuple[float, float] | None:
        return (self.fixed_mean, self.fixed_var) if p < 1 else None


@hookimpl
def register_variants(register: Callable[[type[Variant]], None]) -> None:
    register(Alpha)
