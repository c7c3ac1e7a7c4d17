"""Variants with one fault each, in the values that they compute."""

from typing import Any

import numpy as np
from testing.right_variants import (
    Exact,
    Feature,
    Gaussian,
    Normal,
    Pairs,
    Standard,
    Zoneout,
    another,
)

from dropcore import Draw, Plan, Stream, keep_mask

WRONG: list[tuple[Any, str]] = []


def caught_by(check, *options):
    """Register a wrong variant, and the check that must find its fault."""

    def register(variant):
        WRONG.append((variant(*options), check))
        return variant

    return register


@caught_by("expectation")
class NoScale(Standard):
    def scale(self, p):
        return 1.0 if p < 1 else 0.0


@caught_by("expectation")
class ScaledByP(Standard):
    def scale(self, p):
        return 1 / p if 0 < p < 1 else 1.0 - p


@caught_by("expectation")
class HalfPercentOff(Standard):
    def scale(self, p):
        return super().scale(p) * 1.005


@caught_by("expectation")
class FirstElementNeverDropped(Standard):
    def keep(self, draw, p, shape):
        keep = super().keep(draw, p, shape)
        keep.reshape(-1)[:1] = p < 1
        return keep


@caught_by("expectation")
class PairsScaledByP(Pairs):
    def plan(self, p, shape, keep):
        return Plan(scale=1 / (1 - p) ** 2 if p < 1 else 0.0)


@caught_by("variance")
class VarianceOfOneMinusP(Standard):
    def variance(self, p, x):
        return x**2 * p * (1 - p)


@caught_by("kept_moments")
class MeanNotKept(Normal):
    def affine(self, p):
        return super().affine(p)[0], 0.0


@caught_by("kept_moments")
class VarianceTwoPercentOff(Normal):
    def affine(self, p):
        a, b = super().affine(p)
        return a * 1.01, b * 1.01


@caught_by("independent_units")
class Neighbours(Standard):
    def keep(self, draw, p, shape):
        keep = super().keep(draw, p, shape)
        keep[..., 1::2] = keep[..., : shape[-1] // 2 * 2 : 2] if shape else keep
        return keep


@caught_by("independent_units")
class ExactCallsElementsIndependent(Exact):
    def independent_unit(self, shape):
        return shape


@caught_by("independent_draws")
class SameInEachDraw(Standard):
    def keep(self, draw, p, shape):
        return keep_mask(shape, p, rng=Stream(5).at(0))


@caught_by("independent_draws")
class IndexAlone(Standard):
    def keep(self, draw, p, shape):
        return keep_mask(shape, p, rng=Stream(5).at(draw.index))


@caught_by("independent_draws")
class EachDrawTwice(Standard):
    def keep(self, draw, p, shape):
        key, _, index = str(draw).rpartition(":")
        return keep_mask(shape, p, rng=Draw.parse(f"{key}:{int(index) // 2}"))


@caught_by("gradient")
class RedrawnInBackward(Standard):
    def backward(self, draw, p, dy):
        return super().backward(another(draw), p, dy)


@caught_by("gradient")
class GradientFromZeros(Standard):
    def forward(self, draw, p, x):
        y, _ = super().forward(draw, p, x)
        return y, (y,)

    def backward(self, draw, p, dy, y):
        return self.select(y != 0, dy, self.scale(p))


@caught_by("gradient")
class SecondGradientForgotten(Zoneout):
    def backward(self, draw, p, dy):
        dx, dprevious = super().backward(draw, p, dy)
        return dx, np.zeros_like(dprevious)


@caught_by("inference")
class IdentityForgotten(Standard):
    def infer(self, p, x):
        return np.asarray(x * (1 - p))

    def infer_backward(self, p, dy):
        return np.asarray(dy * (1 - p))


@caught_by("inference")
class IdentityButNotInverted(Feature):
    def infer(self, p, x):
        return x

    def infer_backward(self, p, dy):
        return dy


@caught_by("inference")
class MomentsLostInInference(Normal):
    def infer(self, p, x):
        return x * (1 - p)

    def infer_backward(self, p, dy):
        return dy * (1 - p)


@caught_by("inference_gradient")
class InferenceGradientForgotten(Feature):
    def infer_backward(self, p, dy):
        return dy


@caught_by("p_zero")
class NeverAll(Standard):
    def keep(self, draw, p, shape):
        return super().keep(draw, max(p, 0.01), shape)


@caught_by("p_one")
class InfiniteScale(Standard):
    def forward(self, draw, p, x):
        return x * (self.keep(draw, p, x.shape) / np.float64(1 - p)).astype(x.dtype), ()


@caught_by("p_one")
class KeepsAllAtOne(Standard):
    def keep(self, draw, p, shape):
        return super().keep(draw, p % 1, shape)

    def scale(self, p):
        return 1 / (1 - p % 1)


@caught_by("p_domain")
class SpreadInFloat32(Gaussian):
    def noise(self, draw, p, shape):
        return super().noise(draw, np.float32(p), shape)


@caught_by("dropped_nonfinite")
class Multiplied(Standard):
    def select(self, keep, x, scale):
        return x * (keep * x.dtype.type(scale))


@caught_by("dropped_nonfinite")
class MultipliedZoneout(Zoneout):
    def forward(self, draw, p, x, previous):
        keep = keep_mask(x.shape, p, rng=draw)
        return keep * x + ~keep * previous, ()


@caught_by("dropped_nonfinite")
class NegativeZero(Standard):
    def backward(self, draw, p, dy):
        keep = self.keep(draw, p, dy.shape)
        return np.where(keep, dy * dy.dtype.type(self.scale(p)), dy.dtype.type(-0.0))


@caught_by("nonfinite_spread")
class Centred(Standard):
    def forward(self, draw, p, x):
        y, saved = super().forward(draw, p, x)
        return y + 0 * x.sum(), saved


@caught_by("dtypes")
class InHalf(Standard):
    def select(self, keep, x, scale):
        half = np.where(keep, x.astype(np.float16) * np.float16(scale), np.float16(0))
        return half.astype(x.dtype)


@caught_by("dtypes")
class InDouble(Standard):
    def select(self, keep, x, scale):
        return np.where(keep, x * np.float64(scale), 0.0)
