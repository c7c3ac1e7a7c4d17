"""Wrong variants whose message once left the author with a question, and what it says now."""

from dataclasses import dataclass

import numpy as np

from dropcore import FreeVariant, Plan, PlannedVariant, keep_mask, kept_scale


class Free(FreeVariant):
    """Standard dropout by a free variant."""

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
    (NoAxis(), "zero_d", r"IndexError: .* rank 0 is not accepted, .* must raise a ValueError$"),
    (KeepsAtOne(), "p_one", r"x still comes through: y with another x: "),
    (RateOfFree(), "drop_rate", r"drop_rate of a FreeVariant must be None, not 0.1"),
    (Scaled(), "inference", r"y in inference, and `expectation`: "),
    (MeanMisspelt(), "declaration", r"mean_scop states nothing: did you mean mean_scope\?"),
    (DomainMisspelt(), "declaration", r"p_domian states nothing: did you mean p_domain\?"),
    (UnitMisspelt(), "declaration", r"indepedent_unit states .* mean independent_unit\?"),
    (Rounds(), "expectation", r"p=0.37, .* y - expectation, where the expectation is \w+, is "),
]
