"""Advice on models that are not a `Sequential`: the tape shows which modules reach which."""

import numpy as np
import pytest

from dropcore import Stream, advise
from dropcore.adapters.autograd import Dropout, dropout
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
PARAMETER = "dropout on a parameter"
PREDICTING = "training mode while predicting"
NOT_REACHED = "dropout that eval() does not reach"
CONVOLUTION = "element-wise dropout behind a convolution"


class Parts(Module):
    def __init__(self):
        self.a, self.drop, self.b = Linear(6, 6, rng=0), Dropout(0.5), Linear(6, 2, rng=1)
        self.norm = BatchNorm(6)


def found(model, x):
    return {(f.mistake, f.modules) for f in advise(model, x).findings}


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
    assert not found(Functional(alpha, last), IMAGES)  # the function before alpha may be selu


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
            self.drop = Dropout(0.4)
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
    drop = Dropout(0.4)
    model = Sequential(drop, Linear(6, 6, rng=0), drop)
    assert advise(model).findings[0].mistake == OUTPUTS
    assert found(model, ROWS) == {(OUTPUTS, ("0",))}


def weight(*shape, requires_grad=True):
    return Tensor(RNG.standard_normal(shape).astype(np.float32), requires_grad)


class DropConnect(Module):
    def __init__(self, computed=False):
        self.weight, self.drop = weight(6, 2), Dropout(0.5)
        self.computed = computed

    def forward(self, x):
        return x @ self.drop(self.weight * 2.0 if self.computed else self.weight)


@pytest.mark.parametrize("computed", [True, False])
def test_dropout_on_a_parameter_is_seen_as_that(computed):
    assert found(DropConnect(computed), ROWS) == {(PARAMETER, ("drop",))}
    behind = Sequential(Linear(6, 6, rng=0), Dropout(0.5), DropConnect(computed))
    assert found(behind, ROWS) == {(PARAMETER, ("2.drop",))}


@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_frozen_parameter_is_one(requires_grad):
    class Raw(Module):
        def __init__(self):
            self.a, self.drop = Linear(6, 6, rng=0), Dropout(0.5)
            self.weight = weight(6, 2, requires_grad=requires_grad)

        def forward(self, x):
            return self.drop(self.a(x)) @ self.weight

    model = Raw()
    assert not found(model, ROWS)
    assert model.weight.requires_grad is requires_grad
    for parameter in model.parameters():
        parameter.requires_grad = requires_grad
    assert not found(model, ROWS)
    model.weight = np.ones((6, 2), np.float32)  # not a parameter: it is not learned
    assert found(model, ROWS) == {(OUTPUTS, ("drop",))}


def test_modules_in_containers_are_followed():
    class Listed(Module):
        def __init__(self):
            self.blocks = [(Linear(6, 6, rng=k), Dropout(0.5)) for k in range(2)]

        def forward(self, x):
            for linear, drop in self.blocks:
                x = drop(linear(x))
            return x

    assert found(Listed(), ROWS) == {(OUTPUTS, ("blocks.1.1",))}


def test_modules_of_several_results():
    class Split(Module):
        def forward(self, x):
            return x[:, :3], {"rest": x[:, 3:]}

    class Two(Module):
        def __init__(self):
            self.split, self.drop, self.out = Split(), Dropout(0.4), Linear(3, 2, rng=0)

        def forward(self, x):
            first, others = self.split(x)
            return self.out(first) + self.drop(others["rest"])[:, :2]

    assert found(Two(), ROWS) == {(OUTPUTS, ("drop",))}


# Dropout that is not a module of the model


class Functional(Module):
    """Calls dropout as a function, and a module that is not one of its submodules."""

    def __init__(self, training=None, p=0.5, hidden=None):
        self.a, self.b = Linear(6, 6, rng=0), Linear(6, 2, rng=1)
        self.of_call, self.p, self._hidden = training, p, hidden

    def forward(self, x):
        training = self.training if self.of_call is None else self.of_call
        h = dropout(self.a(x), self.p, training=training, rng=STREAM)
        return self.b(h if self._hidden is None else self._hidden(h))


STREAM = Stream(1)


def predicting(model, x=ROWS):
    advice = advise(model, x, predicting=True)
    skipped = {skipped.mistake for skipped in advice.not_checked}
    return {f.modules: f.why for f in advice.findings if f.mistake == PREDICTING}, skipped


def test_dropout_as_a_function_while_predicting():
    model = Sequential(block=Functional())
    (modules,) = predicting(model)[0]
    assert modules == ("block",)
    assert not predicting(model.eval())[0]
    assert not predicting(Sequential(block=Functional(p=0)))[0]
    assert not predicting(Sequential(block=Functional(False)).eval())[0]
    assert STREAM.position == 0


def not_reached(model, x=ROWS):
    advice = advise(model, x)
    skipped = {skipped.mistake for skipped in advice.not_checked}
    return {f.modules: f.why for f in advice.findings if f.mistake == NOT_REACHED}, skipped


@pytest.mark.parametrize("training", [True, False])
def test_dropout_that_eval_does_not_reach(training):
    ((modules, why),) = not_reached(Sequential(block=Functional(True)).train(training))[0].items()
    assert modules == ("block",)
    assert "calls dropout, which model.eval() does not reach" in why
    assert not not_reached(Sequential(block=Functional()).train(training))[0]
    ((modules, why),) = not_reached(Functional(False, hidden=Dropout(0.3)).eval())[0].items()
    assert modules == ("",)
    assert "calls Dropout(0.3" in why
    assert STREAM.position == 0


def test_dropout_as_a_function_is_only_seen_with_x():
    found, skipped = predicting(Functional().eval(), None)
    assert not found
    assert {PREDICTING, NOT_REACHED} <= skipped
    found, skipped = predicting(Sequential(Linear(6, 6), Dropout(0.4), Linear(6, 2)), None)
    assert ("1",) in found
    assert not {PREDICTING, NOT_REACHED} & skipped


def test_a_shift_is_measured_beside_dropout_as_a_function():
    model = Sequential(
        block=Functional(True), drop=Dropout(0.5), norm=BatchNorm(2), out=Linear(2, 2)
    )
    before = model.block.p
    findings = [f for f in advise(model, ROWS).findings if "batch normalisation" in f.mistake]
    assert "On x the variance" in findings[0].why
    assert (STREAM.position, before) == (0, 0.5)
