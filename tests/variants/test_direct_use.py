"""Variants outside the kit: errors name the method, the variant and what is accepted."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import dropcore


class Planned(dropcore.PlannedVariant):
    name = "p1"


class Deciding(dropcore.DecidingVariant):
    name = "d1"

    def decide(self, draw, p, shape):
        return dropcore.keep_mask(shape, p, rng=draw)

    def plan(self, p, shape, keep):
        return dropcore.Plan(scale=2.0)


class Free(dropcore.FreeVariant):
    name = "f1"

    def forward(self, draw, p, x):
        return x * 2, ()

    def backward(self, draw, p, dy):
        return dy * 2


class NoPlan(Planned):
    def plan(self, p, shape):
        return None


class PairOfPlans(Deciding):
    def plan(self, p, shape, keep):
        return (dropcore.Plan(scale=2.0), keep)


class NothingDecided(Deciding):
    def decide(self, draw, p, shape):
        return None


class NumbersDecided(Deciding):
    def decide(self, draw, p, shape):
        return np.ones(shape)


class YAlone(Free):
    def forward(self, draw, p, x):
        return x * 2


class Nothing(Free):
    def forward(self, draw, p, x):
        return None


class SavedArray(Free):
    def forward(self, draw, p, x):
        return x * 2, x > 0


class AnotherShape(Free):
    def forward(self, draw, p, x):
        return x[0] * 2, ()


class Whole(Free):
    def forward(self, draw, p, x):
        return x.astype(np.int64), ()


class NoGradient(Free):
    def backward(self, draw, p, dy):
        return None


class WritesX(Free):
    def forward(self, draw, p, x):
        x *= 2
        return x, ()


class WritesDy(Free):
    def backward(self, draw, p, dy):
        dy[...] = 2
        return dy


class WritesInInference(Free):
    def infer(self, p, x):
        x += 1
        return x


def forward_and_backward(x, variant, training):
    _, mask = dropcore.dropout(x, 0.5, training=training, rng=0, variant=variant)
    mask.backward(x)


WRONG = [
    (NoPlan, TypeError, "plan of variant 'p1' must give a dropcore.Plan, not None"),
    (PairOfPlans, TypeError, "plan of variant 'd1' must give a dropcore.Plan, not a tuple of 2"),
    (NothingDecided, TypeError, "decide of variant 'd1' must give an array of bool, not None"),
    (
        NumbersDecided,
        TypeError,
        "decide of variant 'd1' must give an array of bool, not an array of float64 of shape .4, 6",
    ),
    (
        YAlone,
        TypeError,
        "forward of variant 'f1' must give a pair, y and a tuple of what .* not an array",
    ),
    (Nothing, TypeError, "forward of variant 'f1' must give a pair, .* not None"),
    (
        SavedArray,
        TypeError,
        r"what forward of variant 'f1' saves must be a tuple, such as \(keep,\), not an array",
    ),
    (
        AnotherShape,
        TypeError,
        r"forward of variant 'f1' must give an array of shape \(4, 6\), not an array of float32 of",
    ),
    (Whole, TypeError, "forward of variant 'f1' must give an array of the dtype it was given, not"),
    (
        NoGradient,
        TypeError,
        "backward of variant 'f1' must give an array of shape .4, 6., not None",
    ),
    (WritesX, ValueError, "forward of variant 'f1' must not write to its arguments: .*read-only"),
    (WritesDy, ValueError, "backward of variant 'f1' must not write to its arguments: .*read-only"),
    (
        WritesInInference,
        ValueError,
        "infer of variant 'f1' must not write to its arguments: .*read-only",
    ),
]


@pytest.mark.parametrize(
    ("kind", "error", "says"), WRONG, ids=[kind.__name__ for kind, *_ in WRONG]
)
def test_what_a_method_gives_is_refused_by_its_name(kind, error, says):
    x = np.ones((4, 6), np.float32)
    with pytest.raises(error, match=f"^{says}"):
        forward_and_backward(x, kind(), training=kind is not WritesInInference)
    assert (x == 1).all()


def test_an_error_of_the_variants_own_is_left_as_it_is():
    class Own(Free):
        def forward(self, draw, p, x):
            raise ValueError("x must have rows")

    with pytest.raises(ValueError, match=r"^x must have rows$"):
        dropcore.dropout(np.ones(4), 0.5, training=True, rng=0, variant=Own())


# ------------------------------------------------------------ the class itself


class Misspelt(Planned):
    def plann(self, p, shape):
        return dropcore.Plan(scale=2.0)


@pytest.mark.parametrize("use", ["dropout", "get_variant", "Dropout", "from_keep"])
def test_a_misspelt_method_is_told_before_anything_is_drawn(use):
    stream, says = dropcore.Stream(0), "Misspelt must define plan, .*did you misspell it as plann"
    calls = {
        "dropout": lambda v: dropcore.dropout(
            np.ones(4), 0.5, training=True, rng=stream, variant=v
        ),
        "get_variant": dropcore.get_variant,
        "Dropout": lambda v: dropcore.Dropout(0.5, v),
        "from_keep": lambda v: dropcore.Mask.from_keep([True, False], 0.5, variant=v),
    }
    with pytest.raises(TypeError, match=says):
        calls[use](Misspelt())
    assert stream.position == 0


def test_a_class_in_the_place_of_an_instance_is_told_so():
    with pytest.raises(TypeError, match=r"not the class Free: pass an instance, Free\(\)"):
        dropcore.dropout(np.ones(4), 0.5, training=True, rng=0, variant=Free)
    with pytest.raises(TypeError, match="variant must be a name or a Variant, not <class 'int'>"):
        dropcore.get_variant(int)


@pytest.mark.parametrize("name", ["name", "inputs", "p_domain", "mean_scope", "variance", "plan"])
def test_an_attribute_of_the_contract_is_no_option(name):
    body = {"__annotations__": {name: str}, name: "[0, 1)"}
    with pytest.raises(
        TypeError, match=f"^{name} of class Mine must have no annotation, or ClassVar"
    ):
        type("Mine", (dropcore.PlannedVariant,), body)


def test_class_variables_and_options_are_annotated():
    @dataclass(frozen=True, kw_only=True)
    class Mine(Free):
        name: ClassVar[str] = "mine"
        p_domain: "ClassVar[Any]" = "[0, 1)"
        length: int = 2

    assert Mine().options() == {"length": 2}
