"""Advice on models that are no `Sequential`: what reaches what is read from the tape."""

import numpy as np

from dropcore import advise
from dropcore.adapters.autograd import Dropout
from dropcore.autograd import BatchNorm, Conv2d, Flatten, Linear, Module, Sequential, relu

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((64, 6)).astype(np.float32)
IMAGES = RNG.standard_normal((8, 1, 5, 5)).astype(np.float32)

OUTPUTS = "dropout on the outputs"
CONVOLUTION = "element-wise dropout behind a convolution"


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


def test_branches_are_followed():
    class Residual(Module):
        def __init__(self):
            self.a, self.drop, self.b = Linear(6, 6, rng=0), Dropout(0.5), Linear(6, 2, rng=1)
            self.norm = BatchNorm(6)

        def forward(self, x):
            return self.b(self.norm(x) + self.drop(self.a(x)))

    assert not found(Residual(), ROWS)


def test_a_module_in_two_places_is_seen_in_both():
    drop = Dropout(0.5)
    model = Sequential(drop, Linear(6, 6, rng=0), drop)
    assert advise(model).findings[0].check == OUTPUTS
    assert found(model, ROWS) == {(OUTPUTS, ("0",))}
