"""One case of a check: the variant under test, with one p and one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from dropcore.draw import Draw
from dropcore.functional import dropout
from dropcore.mask import Mask
from dropcore.stream import Stream
from dropcore.variants.base import Array, FreeVariant, Shape, Variant

DRAWS = 1500  # the number of draws of a small array
LARGE = 2**18  # elements of a large array: enough to find a scale that is wrong by half a percent
STREAM = Stream(0, path=("dropcore.testing",))
OTHER = STREAM.child("other")


@dataclass(frozen=True)
class Case:
    """A variant, a p, and a shape that the variant accepts; the methods run the variant."""

    variant: Variant
    p: float
    shape: Shape

    def __str__(self) -> str:
        return f"p={self.p:g}, shape {self.shape}"

    # ------------------------------------------------------------- runs

    def inputs(self, seed: int = 0, dtype: Any = np.float64) -> tuple[Array, ...]:
        """Arrays for the inputs: absolute values in [0.5, 1.5], both signs."""
        rng = np.random.default_rng([seed, *self.shape])
        return tuple(
            np.asarray(rng.uniform(0.5, 1.5, self.shape) * rng.choice([-1, 1], self.shape), dtype)
            for _ in self.variant.inputs
        )

    def run(
        self, inputs: Sequence[Array], draw: Draw | None, **arguments: Any
    ) -> tuple[Array, Mask]:
        """`dropout` of the inputs: in training if `draw` is given, otherwise in inference."""
        named: dict[str, Any] = dict(zip(self.variant.inputs[1:], inputs[1:], strict=True))
        return dropout(
            inputs[0],
            self.p,
            training=draw is not None,
            rng=draw,
            variant=self.variant,
            **arguments,
            **named,
        )

    def weights(self, dtype: Any = np.float64, seed: int = 9) -> Array:
        """An array for dy."""
        return self.inputs(seed, dtype)[0]

    # ------------------------------------------- statements of the variant

    @property
    def free(self) -> FreeVariant | None:
        """The variant if it is a free variant, which has no keep decisions; otherwise None."""
        return self.variant if isinstance(self.variant, FreeVariant) else None

    @property
    def unit(self) -> Shape:
        """The shape of the independent units."""
        return tuple(self.variant.independent_unit(self.shape))

    def over_units(self, values: Array) -> Array:
        """Sums over all elements of each unit; leading axes of `values` stay."""
        pairs = zip(self.unit, self.shape, strict=True)
        spanned = tuple(
            axis - len(self.shape) for axis, (own, whole) in enumerate(pairs) if own != whole
        )
        return np.asarray(values.sum(axis=spanned, keepdims=True))

    def expectation(self, inputs: Sequence[Array]) -> Array:
        """The stated mean of y."""
        stated = np.asarray(self.variant.expectation(self.p, *inputs))
        shaped("expectation", stated, self.shape)
        return stated

    # ---------------------------------------------------------- many draws

    @cached_property
    def samples(self) -> Array:
        """Results for `inputs()` in many draws, half of them from one stream, half from another."""
        inputs, half = self.inputs(), DRAWS // 2
        draws = [stream.at(i) for stream in (STREAM, OTHER) for i in range(half)]
        samples = np.stack([self.run(inputs, draw)[0] for draw in draws])
        samples.flags.writeable = False
        return samples

    def large(self) -> Case:
        """The same case with a large array, which has more units if possible."""
        unit = self.unit
        own = [axis for axis, length in enumerate(self.shape) if length == unit[axis] > 1]
        return self.longer(own[0] if own else 0, LARGE)

    def longer(self, axis: int, elements: int) -> Case:
        """The same case with a longer axis, so that x has at least this number of elements."""
        if not self.shape:
            return self
        shape = list(self.shape)
        shape[axis] *= -(-elements // prod(shape))
        return replace(self, shape=tuple(shape))


def shaped(what: str, array: Array, shape: Shape) -> None:
    """Fail if an array has another shape."""
    if array.shape != shape:
        raise AssertionError(f"{what} has shape {array.shape}, not {shape}")
