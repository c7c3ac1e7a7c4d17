"""Right variants of every kind; wrong variants derive from these variants."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from dropcore import DecidingVariant, FreeVariant, Plan, PlannedVariant, Stream, keep_mask


@dataclass(frozen=True)
class Standard(FreeVariant):
    """Standard dropout as a free variant, in methods that wrong variants replace."""

    name = "test-standard"

    def keep(self, draw, p, shape):
        return keep_mask(shape, p, rng=draw)

    def scale(self, p):
        return 1 / (1 - p) if p < 1 else 0.0

    def forward(self, draw, p, x):
        return self.select(self.keep(draw, p, x.shape), x, self.scale(p)), ()

    def backward(self, draw, p, dy):
        return self.select(self.keep(draw, p, dy.shape), dy, self.scale(p))

    def select(self, keep, x, scale):
        return np.where(keep, x * x.dtype.type(scale), x.dtype.type(0))

    def variance(self, p, x):
        return x**2 * (self.scale(p) - 1)


@dataclass(frozen=True)
class Gaussian(FreeVariant):
    """Multiplies by normal noise: no keep decisions, and no p = 1."""

    name = "test-gaussian"
    p_domain = "[0, 1)"

    def noise(self, draw, p, shape):
        uniform = ((draw.words(int(np.prod(shape))) >> 12) + 0.5) * 2.0**-52
        return 1 + np.sqrt(p / (1 - p)) * ndtri(uniform).reshape(shape)

    def forward(self, draw, p, x):
        return np.asarray(x * self.noise(draw, p, x.shape).astype(x.dtype)), ()

    def backward(self, draw, p, dy):
        return np.asarray(dy * self.noise(draw, p, dy.shape).astype(dy.dtype))

    def variance(self, p, x):
        return x**2 * p / (1 - p)


@dataclass(frozen=True)
class Zoneout(FreeVariant):
    """Dropped elements come from a second array: not zero, and inference is not the identity."""

    name = "test-zoneout"
    inputs = ("x", "previous")

    def forward(self, draw, p, x, previous):
        return np.where(keep_mask(x.shape, p, rng=draw), x, previous), ()

    def backward(self, draw, p, dy):
        keep, zero = keep_mask(dy.shape, p, rng=draw), dy.dtype.type(0)
        return np.where(keep, dy, zero), np.where(keep, zero, dy)

    def expectation(self, p, x, previous):
        return (1 - p) * x + p * previous

    def variance(self, p, x, previous):
        return p * (1 - p) * (x - previous) ** 2

    def infer(self, p, x, previous):
        return np.asarray((1 - p) * x + p * previous)

    def infer_backward(self, p, dy):
        return np.asarray((1 - p) * dy), np.asarray(p * dy)


@dataclass(frozen=True)
class Exact(DecidingVariant):
    """Keeps a fixed number of elements of each row: rows are independent, elements are not."""

    name = "test-exact"

    def decide(self, draw, p, shape):
        if not shape:
            raise ValueError("needs a row")
        words = draw.words(int(np.prod(shape))).reshape(shape)
        return words.argsort(-1).argsort(-1) >= self.count(p, shape)

    def count(self, p, shape):
        return round(p * shape[-1])

    def plan(self, p, shape, keep):
        kept = shape[-1] - self.count(p, shape)
        return Plan(scale=shape[-1] / kept if kept else 0.0)

    def independent_unit(self, shape):
        return (*shape[:-1], 1)


@dataclass(frozen=True)
class Pairs(DecidingVariant):
    """Drops runs of elements, scales by the share of kept elements: keeps the tensor's mean."""

    name = "test-pairs"
    mean_scope = "tensor"

    def decide(self, draw, p, shape):
        if not shape:
            raise ValueError("needs an axis")
        seeds = keep_mask(shape, 1 - (1 - p) ** 0.5, rng=draw)
        keep = seeds.copy()
        keep[..., 1:] &= seeds[..., :-1]
        return keep

    def plan(self, p, shape, keep):
        return Plan(scale=keep.size / keep.sum() if keep.any() else 0.0)

    def drop_rate(self, p, shape):
        return None  # the first element of a row has one seed, each other element has two

    def independent_unit(self, shape):
        return (1,) * len(shape)


@dataclass(frozen=True)
class Feature(PlannedVariant):
    """Dropout that is not inverted, one decision for each row: inference scales."""

    name = "test-feature"

    factor: float = 1.0

    def plan(self, p, shape):
        if not shape:
            raise ValueError("needs a row")
        return Plan(scale=self.factor, shared_axes=-1)

    def expectation(self, p, x):
        return x * (1 - p) * self.factor

    def variance(self, p, x):
        return x**2 * p * (1 - p) * self.factor**2

    def infer(self, p, x):
        return x * ((1 - p) * self.factor)

    def infer_backward(self, p, dy):
        return dy * ((1 - p) * self.factor)


@dataclass(frozen=True)
class Normal(PlannedVariant):
    """A dropped element becomes -1; the plan keeps the moments of normal(0, 1)."""

    name = "test-normal"

    def affine(self, p):
        a = (1 / ((1 - p) * (1 + p))) ** 0.5 if p < 1 else 0.0
        return a, a * p

    def plan(self, p, shape):
        a, b = self.affine(p)
        return Plan(scale=a, shift=b, drop=b - a)

    def expectation(self, p, x):
        a, b = self.affine(p)
        return a * ((1 - p) * x - p) + b

    def kept_moments(self, p):
        return (0.0, 1.0) if p < 1 else None


@dataclass(frozen=True)
class SomeElements(Exact):
    """Accepts only rows with elements."""

    name = "test-some-elements"

    def decide(self, draw, p, shape):
        if not shape or not shape[-1]:
            raise ValueError("needs a row with elements")
        return super().decide(draw, p, shape)


@dataclass(frozen=True)
class Rectified(Standard):
    """Relu, then dropout: a kink at x = 0. Passes `gradient` if `at_kink` is in [0, 1]."""

    name = "test-rectified"

    at_kink: float = 0.0

    def forward(self, draw, p, x):
        slope = np.where(x > 0, 1.0, np.where(x == 0, self.at_kink, 0.0)).astype(x.dtype)
        return super().forward(draw, p, np.maximum(x, 0))[0], (slope,)

    def backward(self, draw, p, dy, slope):
        return super().backward(draw, p, dy * slope)


@dataclass(frozen=True)
class SignedSquare(Standard):
    """x * |x|, then dropout: at 0 the slope is 0, the curvature jumps. Passes `gradient`."""

    name = "test-signed-square"

    def forward(self, draw, p, x):
        return super().forward(draw, p, x * np.abs(x))[0], (2 * np.abs(x),)

    def backward(self, draw, p, dy, slope):
        return super().backward(draw, p, dy * slope)


RIGHT = [
    Standard(),
    Gaussian(),
    Zoneout(),
    Exact(),
    SomeElements(),
    Pairs(),
    Feature(),
    Feature(0.5),
    Normal(),
]


def another(draw):
    """A draw other than this draw."""
    return Stream(draw.key).at(draw.index)
