"""Advice on models that are no `Sequential`: what reaches what is read from the tape."""

import numpy as np
import pytest

from dropcore import advise
from dropcore.adapters.autograd import Dropout
from dropcore.autograd import (
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    Module,
    Sequential,
    Tensor,
    no_grad,
    relu,
)

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((64, 6)).astype(np.float32)
IMAGES = RNG.standard_normal((8, 1, 5, 5)).astype(np.float32)

OUTPUTS = "dropout on the outputs"
CONVOLUTION = "element-wise dropout behind a convolution"


class Parts(Module):
    def __init__(self):
        self.a, self.drop, self.b = Linear(6, 6, rng=0), Dropout(0.5), Linear(6, 2, rng=1)
        self.norm = BatchNorm(6)


def found(model, x):
    return {(f.check, f.modules) for f in advise(model, x).findings}


def test_functions_between_modules_are_gone_through():
    class Functional(Module):
        def __init__(self, drop, last):
            self.conv, self.drop, self.last = Conv2d(1, 4, 3, rng=0), drop, last

        def forward(self, x):
            h = self.drop(relu(self.conv(x)))
            return self.last(h.reshape(len(x.data), -1))

    drop, last = Dropout(0.2), Linear(36, 2, rng=0)
    assert found(Functional(drop, last), IMAGES) == {(CONVOLUTION, ("drop",))}
    assert found(Functional(drop, Flatten()), IMAGES) == {
        (CONVOLUTION, ("drop",)),
        (OUTPUTS, ("drop",)),
    }
    alpha = Dropout(0.2, "alpha", shared_axes=(2, 3))
    assert not found(Functional(alpha, last), IMAGES)  # the function may be selu


def test_a_parameter_used_by_a_function_is_one():
    class Tied(Module):
        def __init__(self):
            self.embed, self.drop = Linear(6, 8, rng=0), Dropout(0.5)

        def forward(self, x):
            return self.drop(self.embed(x)) @ self.embed.weight.T

    assert not found(Tied(), ROWS)


def test_a_parameter_may_be_computed():
    class Scaled(Module):
        def __init__(self):
            self.drop = Dropout(0.5)
            self.w = Tensor(RNG.standard_normal((6, 3)), requires_grad=True)
            self.g = Tensor(np.ones(3), requires_grad=True)

        def forward(self, x):
            return self.drop(x) @ (self.w / (self.w * self.w).sum(0, True) ** 0.5 * self.g * 0.5)

    assert not found(Scaled(), ROWS)


def test_a_norm_may_be_called_by_keyword():
    class Named(Parts):
        def forward(self, x):
            return self.b(self.norm(x=self.drop(self.a(x))))

    assert found(Named(), ROWS) == {("dropout in front of batch normalisation", ("drop",))}


def test_no_grad_around_it_changes_nothing():
    model = Sequential(Linear(6, 6, rng=0), Dropout(0.5), BatchNorm(6), Linear(6, 2), Dropout(0.3))
    expected = found(model, ROWS)
    assert len(expected) == 2
    with no_grad():
        assert found(model, ROWS) == expected


def test_one_output_is_asked_for():
    class Two(Module):
        def __init__(self):
            self.a = Linear(6, 6, rng=0)

        def forward(self, x):
            return self.a(x), x

    with pytest.raises(TypeError, match="model must return one Tensor, not tuple"):
        advise(Two(), ROWS)


def test_branches_are_followed():
    class Residual(Parts):
        def forward(self, x):
            return self.b(self.norm(x) + self.drop(self.a(x)))

    assert not found(Residual(), ROWS)


def test_a_module_in_two_places_is_seen_in_both():
    drop = Dropout(0.5)
    model = Sequential(drop, Linear(6, 6, rng=0), drop)
    assert advise(model).findings[0].check == OUTPUTS
    assert found(model, ROWS) == {(OUTPUTS, ("0",))}
