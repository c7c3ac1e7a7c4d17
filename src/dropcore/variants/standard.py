"""Standard dropout: every element is dropped with probability p, independently of all others.

    y = x / (1 - p) where kept, 0 where dropped;  dx = dy / (1 - p) where kept, 0 where dropped

Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to prevent
neural networks from overfitting", JMLR 15 (2014), in its inverted form: the scale is
applied in training, so inference is the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from dropcore.hookspecs import hookimpl
from dropcore.variants.base import (
    Plan,
    PlannedVariant,
    Shape,
    Variant,
    axes_option,
    kept_scale,
)


@dataclass(frozen=True, kw_only=True)
class Standard(PlannedVariant):
    """Standard (inverted) dropout.

    Parameters
    ----------
    shared_axes : int or tuple of int, default: ()
        Axes along which all elements share one decision.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> y, mask = dropcore.dropout(np.ones((3, 4)), p=0.5, training=True, rng=0, shared_axes=1)
    >>> mask.keep.shape
    (3, 1)
    """

    name: ClassVar[str] = "standard"

    shared_axes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "shared_axes", axes_option("shared_axes", self.shared_axes))

    def plan(self, p: float, shape: Shape) -> Plan:
        return Plan(scale=kept_scale(p), shared_axes=self.shared_axes)


@hookimpl
def register_variants(register: Callable[[type[Variant]], None]) -> None:
    register(Standard)
