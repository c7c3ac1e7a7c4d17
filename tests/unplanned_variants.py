"""Small deciding and free variants."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import dropcore


@dataclass(frozen=True, kw_only=True)
class Noise(dropcore.FreeVariant):
    """A free variant: adds a whole number that depends on the element's place."""

    name: ClassVar[str] = "noise"

    def forward(self, draw, p, *inputs):
        words = draw.words(inputs[0].size).reshape(inputs[0].shape)
        return inputs[0] + (words % 8).astype(inputs[0].dtype), ()

    def backward(self, draw, p, dy, *saved):
        return dy


@dataclass(frozen=True, kw_only=True)
class Scaled(dropcore.FreeVariant):
    """A free variant: multiplies by whole numbers, which it saves."""

    name: ClassVar[str] = "scaled"

    def forward(self, draw, p, *inputs):
        words = draw.words(inputs[0].size).reshape(inputs[0].shape)
        scale = (words % 8).astype(inputs[0].dtype)
        return inputs[0] * scale, (scale,)

    def backward(self, draw, p, dy, *saved):
        return dy * saved[0]


@dataclass(frozen=True, kw_only=True)
class Half(dropcore.DecidingVariant):
    """A deciding variant: keeps one half of each row; with axis=0, one half of the batch."""

    name: ClassVar[str] = "half"
    axis: int = 1

    def decide(self, draw, p, shape):
        order = (draw.words(int(np.prod(shape))) % 1000).reshape(shape).argsort(axis=self.axis)
        return order.argsort(axis=self.axis) < shape[self.axis] // 2

    def plan(self, p, shape, keep):
        return dropcore.Plan(scale=2.0)

    def independent_unit(self, shape):
        return tuple(1 if axis == self.axis else n for axis, n in enumerate(shape))
