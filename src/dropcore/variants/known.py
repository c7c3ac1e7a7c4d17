"""The built-in variants as type checkers see them: what each takes, by name.

Overloads read these types, so that mypy and pyright see a misspelt option. Nothing is checked with
them when a program runs: that is done by the classes of the variants.
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
    """Those of `dropcore.variants.standard`."""

    shared_axes: Axes


class SpatialOptions(TypedDict, total=False):
    """Those of `dropcore.variants.spatial`."""

    channel_axis: Required[Axis]
    batch_axis: Axis | None


class AlphaOptions(TypedDict, total=False):
    """Those of `dropcore.variants.alpha`."""

    fixed_mean: Real
    fixed_var: Real
    shared_axes: Axes


class NoSuchOption:
    """What a checker takes the result of a wrong call for: nothing can be done with it."""
