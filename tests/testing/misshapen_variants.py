"""Variants whose methods return a form that the core cannot read, and the kit's message."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from testing.right_variants import Exact, Feature, Standard, Zoneout

from dropcore import DecidingVariant, FreeVariant, Plan, PlannedVariant
from dropcore.variants.base import Variant

MISSHAPEN: list[tuple[Any, str]] = []


def told(says, *options):
    """Register a variant, and the end of the message."""

    def register(variant):
        MISSHAPEN.append((variant(*options), says))
        return variant

    return register


# ------------------------------------------------------------------ classes


@told(
    "NoKind must derive from one of PlannedVariant, DecidingVariant, FreeVariant, "
    "not from none of them"
)
@dataclass(frozen=True)
class NoKind(Variant):
    name = "no-kind"


@told("NoPlan must define plan, as each PlannedVariant must")
@dataclass(frozen=True)
class NoPlan(PlannedVariant):
    name = "no-plan"


@told("NothingDecided must define decide and plan, as each DecidingVariant must")
@dataclass(frozen=True)
class NothingDecided(DecidingVariant):
    name = "nothing-decided"


@told("ForwardAlone must define backward, as each FreeVariant must")
@dataclass(frozen=True)
class ForwardAlone(FreeVariant):
    name = "forward-alone"

    def forward(self, draw, p, x):
        return x.copy(), ()


@told("a tuple of such values, not array([1., 2.])", np.array([1.0, 2.0]))
@told("a tuple of such values, not [1, 2]", [1, 2])
@dataclass(frozen=True)
class Weighted(Feature):
    weights: Any = None


# ----------------------------------------------------------- plans, decisions


@told(
    "NothingPlaned must define plan, as each PlannedVariant must; did you misspell it as planned?"
)
@dataclass(frozen=True)
class NothingPlaned(PlannedVariant):
    name = "nothing-planed"

    def planned(self, p, shape):
        return Plan(scale=1.0)


UNIT = (
    "independent_unit must give a tuple with the length of each axis, or 1 for an axis along which "
    "elements depend on each other, not "
)


@told(f"{UNIT}(1, 1)")
@dataclass(frozen=True)
class UnitOfAnotherRank(Feature):
    name = "unit-of-another-rank"

    def independent_unit(self, shape):
        return (1,) * (len(shape) + 1)


@told(f"{UNIT}(30,)")
@dataclass(frozen=True)
class CountsPairs(Feature):
    name = "counts-pairs"

    def independent_unit(self, shape):
        return ((shape[0] + 1) // 2, *shape[1:])


@told("p=0.1, shape (60,): plan must give a dropcore.Plan, not None")
class ForgottenReturn(Feature):
    def plan(self, p, shape):
        super().plan(p, shape)


@told(
    "plan(p, shape) raises TypeError: scale of a Plan must be a real number, the same for all "
    "elements, not an array of float64 of shape (6, 10); for per-element values write a FreeVariant"
)
class ScaleOfEachElement(Feature):
    def plan(self, p, shape):
        if not shape[1:]:
            raise ValueError("needs two axes")
        return Plan(scale=np.ones(shape), shared_axes=-1)


@told(
    "plan(p, shape) raises TypeError: ArgumentMissing.plan() takes 2 positional arguments but 3 "
    "were given"
)
class ArgumentMissing(Feature):
    def plan(self, p):
        return Plan(scale=self.factor)


@told("decide must give an array of bool, not an array of float64 of shape (60,)")
class DecidesInNumbers(Exact):
    def decide(self, draw, p, shape):
        return super().decide(draw, p, shape).astype(float)


@told(
    "decide must give an array of shape (60,), or with 1 for a shared axis, "
    "not an array of bool of shape (1, 60)"
)
class DecidesAnAxisTooMany(Exact):
    def decide(self, draw, p, shape):
        return super().decide(draw, p, shape)[None]


# ------------------------------------------------------ forward and backward


@told(
    "forward must give a pair, y and a tuple of what backward needs, "
    "not an array of float64 of shape (60,)"
)
class Unpaired(Standard):
    def forward(self, draw, p, x):
        return super().forward(draw, p, x)[0]


@told("what forward saves must be a tuple, such as (keep,), not an array of bool of shape (60,)")
class SavesAnArray(Standard):
    def forward(self, draw, p, x):
        return super().forward(draw, p, x)[0], self.keep(draw, p, x.shape)


@told(
    "backward(draw, p, dy, saved[0], saved[1]) raises TypeError: SavedAsOne.backward() takes 5 "
    "positional arguments but 6 were given"
)
class SavedAsOne(Standard):
    def forward(self, draw, p, x):
        keep = self.keep(draw, p, x.shape)
        return self.select(keep, x, self.scale(p)), (keep, np.array(self.scale(p)))

    def backward(self, draw, p, dy, saved):
        keep, scale = saved
        return self.select(keep, dy, scale)


@told("forward must give an array of shape (60,), not an array of float64 of shape (59,)")
class OneShort(Standard):
    def forward(self, draw, p, x):
        y, saved = super().forward(draw, p, x)
        return y[..., 1:], saved


@told("backward must give an array of shape (60,), not a tuple of 1")
class GradientInATuple(Standard):
    def backward(self, draw, p, dy):
        return (super().backward(draw, p, dy),)


@told(
    "backward must give a tuple of gradients, of x, previous, "
    "not an array of float64 of shape (60,)"
)
class OneGradientOfTwo(Zoneout):
    def backward(self, draw, p, dy):
        return super().backward(draw, p, dy)[0]


@told(
    "infer_backward must give a tuple of gradients, of x, previous, "
    "not an array of float64 of shape (60,)"
)
class InferenceOfOneInput(Zoneout):
    def infer_backward(self, p, dy):
        return dy


@told("infer must give an array of shape (60,), not None")
class NoInference(Feature):
    def infer(self, p, x):
        pass


# --------------------------------------------------------- what they write to


@told("forward must not write to x")
class WritesX(Standard):
    def forward(self, draw, p, x):
        x *= 2
        return super().forward(draw, p, x)


@told("forward must not write to previous")
class WritesASecondInput(Zoneout):
    def forward(self, draw, p, x, previous):
        y, saved = super().forward(draw, p, x, previous)
        previous[...] = 0
        return y, saved


@told("backward must not write to dy")
class WritesDy(Standard):
    def backward(self, draw, p, dy):
        dx = super().backward(draw, p, dy)
        dy[...] = 0
        return dx
