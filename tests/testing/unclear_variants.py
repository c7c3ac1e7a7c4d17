"""Wrong variants for which the kit's message was once unclear, each with the present message."""

import threading
from dataclasses import dataclass

import numpy as np

from dropcore import (
    DecidingVariant,
    FreeVariant,
    Plan,
    PlannedVariant,
    keep_mask,
    kept_scale,
)


class Free(FreeVariant):
    """Standard dropout as a free variant."""

    def forward(self, draw, p, x):
        keep = keep_mask(x.shape, p, rng=draw)
        return np.where(keep, x * x.dtype.type(kept_scale(p)), x.dtype.type(0)), ()

    def backward(self, draw, p, dy):
        return self.forward(draw, p, dy)[0]


@dataclass(frozen=True)
class NoValueAtOne(PlannedVariant):
    name = "no-value-at-one"

    def plan(self, p, shape):
        return Plan(scale=1 / (1 - p))


@dataclass(frozen=True)
class NoAxis(Free):
    name = "no-axis"

    def forward(self, draw, p, x):
        x.shape[0]
        return super().forward(draw, p, x)


@dataclass(frozen=True)
class KeepsAtOne(Free):
    name = "keeps-at-one"

    def forward(self, draw, p, x):
        return super().forward(draw, min(p, 0.9), x)


@dataclass(frozen=True)
class RateOfFree(Free):
    name = "rate-of-free"

    def drop_rate(self, p, shape):
        return p


@dataclass(frozen=True)
class Scaled(Free):
    name = "scaled"

    def infer(self, p, x):
        return x * (1 - p)

    def infer_backward(self, p, dy):
        return dy * (1 - p)


@dataclass(frozen=True)
class Tanh(Free):
    """A rule that is not linear: infer_backward does not see the x that its gradient needs."""

    name = "tanh"

    def forward(self, draw, p, x):
        return super().forward(draw, p, np.tanh(x))[0], (1 - np.tanh(x) ** 2,)

    def backward(self, draw, p, dy, slope):
        return super().backward(draw, p, dy * slope)

    def infer(self, p, x):
        return np.tanh(x)


@dataclass(frozen=True)
class NoisyAtZero(Free):
    name = "noisy-at-zero"

    def forward(self, draw, p, x):
        return super().forward(draw, p, x)[0] + 0.5, ()


@dataclass(frozen=True)
class NoisyBelowOne(NoisyAtZero):
    name = "noisy-below-one"
    p_domain = "[0, 1)"


@dataclass(frozen=True)
class InferenceOfHalf(Free):
    name = "inference-of-half"

    def infer_backward(self, p, dy):
        return dy / 2


@dataclass(frozen=True)
class InfiniteAtOne(Free):
    name = "infinite-at-one"

    def forward(self, draw, p, x):
        with np.errstate(all="ignore"):
            return x / np.float64(1 - p), ()


@dataclass(frozen=True)
class Deciding(DecidingVariant):
    """Decides with another p; if this p is 0 or 1, all decisions are equal."""

    name = "deciding"
    least: float = 0.0
    most: float = 1.0

    def decide(self, draw, p, shape):
        return keep_mask(shape, min(max(p, self.least), self.most), rng=draw)

    def plan(self, p, shape, keep):
        return Plan(scale=kept_scale(p))


@dataclass(frozen=True)
class RaisesBesideOthers(Free):
    """Raises in all threads except the first."""

    name = "raises-beside-others"

    def forward(self, draw, p, x):
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("not of this thread")
        return super().forward(draw, p, x)


@dataclass(frozen=True)
class MeanMisspelt(Free):
    name = "mean-misspelt"
    mean_scop = "tensor"


@dataclass(frozen=True)
class DomainMisspelt(Free):
    name = "domain-misspelt"
    p_domian = "[0, 1)"


@dataclass(frozen=True)
class UnitMisspelt(Free):
    name = "unit-misspelt"

    def indepedent_unit(self, shape):
        return (1,) * len(shape)


@dataclass(frozen=True)
class Rounds(PlannedVariant):
    name = "rounds"

    def plan(self, p, shape):
        return Plan(scale=kept_scale(round(p, 1)))


UNCLEAR = [
    (
        NoValueAtOne(),
        "p_one",
        r"ZeroDivisionError \(in plan, unclear_variants.py, .*kept_scale\(p\)",
    ),
    (NoAxis(), "zero_d", r"IndexError: .* not accept rank 0, .* must raise ValueError$"),
    (KeepsAtOne(), "p_one", r"x still comes through: y with another x: "),
    (RateOfFree(), "drop_rate", r"drop_rate of a FreeVariant must be None, not 0.1"),
    (Scaled(), "inference", r"y in inference, and `expectation`: .*: declare expectation, or over"),
    (Tanh(), "inference_gradient", r"gradient of infer, which may depend on p and dy only$"),
    (
        NoisyAtZero(),
        "p_zero",
        r"y must be `expectation`, .*; or exclude p = 0 by p_domain = \"\(0, 1\]\"$",
    ),
    (NoisyBelowOne(), "p_zero", r"or exclude p = 0 by p_domain = \"\(0, 1\)\"$"),
    (
        InferenceOfHalf(),
        "p_zero",
        r"gradient of x: .* gradients must equal the gradients of inference; or exc",
    ),
    (InfiniteAtOne(), "p_one", r"y is -?inf .*dropcore.kept_scale\(p\), or exclude p = 1 by "),
    (
        Deciding(least=0.5),
        "p_zero",
        r"shape \(60,\): p = 0 must keep all, not \d+ of 60 decisions$",
    ),
    (
        Deciding(most=0.5),
        "p_one",
        r"shape \(60,\): p = 1 must drop all, not keep \d+ of 60 decisions$",
    ),
    (Deciding(most=0.0), "drop_rate", r"stated is 0.1, more than 1000 standard errors away"),
    (RaisesBesideOthers(), "threads", r"\(in forward, unclear_variants.py, line \d+\)$"),
    (MeanMisspelt(), "declaration", r"mean_scop states nothing: did you mean mean_scope\?"),
    (DomainMisspelt(), "declaration", r"p_domian states nothing: did you mean p_domain\?"),
    (UnitMisspelt(), "declaration", r"indepedent_unit states .* mean independent_unit\?"),
    (Rounds(), "expectation", r"p=0.37, .* y - expectation, where the expectation is \w+, is "),
]
