"""The options of the built-in variants, for type checkers.

Overloads use these types, so that mypy and pyright report a misspelt option. At run time the
classes of the variants check their options; these types are not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Required, TypeAlias, TypedDict

import numpy as np

if TYPE_CHECKING:
    from dropcore.variants.base import Variant

Real: TypeAlias = float | np.floating[Any] | np.integer[Any]
Axis: TypeAlias = int | np.integer[Any]
Axes: TypeAlias = Axis | tuple[Axis, ...] | list[Axis]

Standard = Literal["standard"]
Spatial = Literal["spatial"]
Alpha = Literal["alpha"]
Known = Literal["standard", "spatial", "alpha"]
Named: TypeAlias = "str | Variant"


class StandardOptions(TypedDict, total=False):
    """The options of `dropcore.variants.standard`."""

    shared_axes: Axes


class SpatialOptions(TypedDict, total=False):
    """The options of `dropcore.variants.spatial`."""

    channel_axis: Required[Axis]
    batch_axis: Axis | None


class AlphaOptions(TypedDict, total=False):
    """The options of `dropcore.variants.alpha`."""

    fixed_mean: Real
    fixed_var: Real
    shared_axes: Axes


class NoSuchOption:
    """The result type of a wrong call, for type checkers."""
