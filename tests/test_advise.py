"""Advice: for each finding, a model with it and a similar model without it."""

import numpy as np
import pytest

import dropcore
from dropcore import Stream, advise
from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import (
    SELU,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
)

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((64, 6)).astype(np.float32)
IMAGES = RNG.standard_normal((8, 1, 5, 5)).astype(np.float32)


class Custom(Module):
    """Not a `Sequential`: only a call with x shows in which order the modules run."""

    def __init__(self, inside):
        self.inside = inside

    def forward(self, x):
        for module in self.inside:
            x = module(x)
        return x


def dense(**changes):
    """A model without mistakes."""
    parts = {
        "hidden": Linear(6, 32, rng=0),
        "norm": BatchNorm(32),
        "act": ReLU(),
        "drop": Dropout(0.5),
        "out": Linear(32, 2, rng=1),
    }
    return Sequential(**{name: m for name, m in (parts | changes).items() if m is not None})


def convolutional(**changes):
    parts = {
        "conv": Conv2d(1, 4, 3, rng=0),
        "norm": BatchNorm(4),
        "act": ReLU(),
        "drop": Dropout(0.2, "spatial", channel_axis=1),
        "flat": Flatten(),
        "hidden": Linear(36, 32, rng=0),
        "act2": ReLU(),
        "drop2": Dropout(0.5),
        "out": Linear(32, 2, rng=1),
    }
    return Sequential(**{name: m for name, m in (parts | changes).items() if m is not None})


def selu_net(act=None, **drop):
    return Sequential(
        hidden=Linear(6, 32, rng=0),
        act=act or SELU(),
        drop=Dropout(0.1, **(drop or {"variant": "alpha"})),
        out=Linear(32, 2, rng=1),
    )


def found(model, x=None, **known):
    return {(f.mistake, f.modules) for f in advise(model, x, **known).findings}


def two_streams(one, other):
    return Sequential(
        a=Dropout(0.1, rng=one),
        mid=Linear(6, 6, rng=0),
        b=Dropout(0.2, rng=other),
        out=Linear(6, 2, rng=0),
    )


def three(first, second, third):
    mid, out = Linear(6, 6, rng=0), Linear(6, 2, rng=1)
    return Sequential(
        mid, Dropout(first), mid, Dropout(second), mid, Dropout(third), out
    )  # fmt: skip


def starting(*first):
    return Sequential(*first, Linear(6, 6, rng=0), ReLU(), Linear(6, 2))


def in_a_row(*between):
    """A network whose two dropouts have only the modules `between` between them."""
    return Sequential(Linear(6, 6, rng=0), Dropout(0.2), *between, Dropout(0.5), Linear(6, 2))


OUTPUTS = "dropout on the outputs"
CONVOLUTION = "element-wise dropout behind a convolution"
NORM = "dropout in front of batch normalisation"
ROW = "two dropouts in a row"
PARAMETER = "dropout on a parameter"
INPUT = "p of 0.5 or more on the input"
HIGH = "p above 0.7"
ALL = "p is 1"
ONE_P = "one p everywhere"
ALPHA = "alpha dropout without selu"
SELU_ALONE = "selu without alpha dropout"
FEW = "few rows"
PREDICTING = "training mode while predicting"
STREAM = "one stream for two modules"
NO_STREAM = "dropout without a stream"
NOT_REACHED = "dropout that eval() does not reach"


@pytest.mark.parametrize("model", [dense, convolutional, selu_net])
@pytest.mark.parametrize("wrap", [Sequential, Custom])
@pytest.mark.parametrize("predicting", [True, False])
def test_a_good_model_gets_no_finding(model, wrap, predicting):
    model = wrap(model())
    seed(model, 1)
    x = IMAGES if any(isinstance(m, Conv2d) for _, m in model.named_modules()) else ROWS
    model.train(not predicting)
    advice = advise(model, x, n_samples=1000, predicting=predicting)
    assert advice.findings == ()
    assert [s.mistake for s in advice.not_checked] == [PREDICTING] * (not predicting)
    assert str(advice).startswith("no findings")


@pytest.mark.parametrize(
    ("bad", "twin", "check", "modules", "x"),
    [
        (dense(end=Dropout(0.5)), dense(end=Dropout(0)), OUTPUTS, ("end",), ROWS),
        (
            dense(drop=None, end=Dropout(0.5), act2=Sigmoid()),
            dense(end=Sigmoid()),
            OUTPUTS,
            ("end",),
            ROWS,
        ),
        (convolutional(drop=Dropout(0.2)), convolutional(), CONVOLUTION, ("drop",), IMAGES),
        (
            convolutional(drop=Dropout(0.2)),
            convolutional(drop=Dropout(0.2, shared_axes=(2, 3))),
            CONVOLUTION,
            ("drop",),
            IMAGES,
        ),
        (
            convolutional(drop=Dropout(0.2)),
            convolutional(drop=Flatten(), flat=Dropout(0.2)),
            CONVOLUTION,
            ("drop",),
            IMAGES,
        ),
        (
            dense(hidden=Sequential(d=Dropout(0.2), l=Linear(6, 32, rng=0))),
            dense(),
            NORM,
            ("hidden.d",),
            ROWS,
        ),
        (dense(drop=Dropout(0.71)), dense(drop=Dropout(0.7)), HIGH, ("drop",), ROWS),
        (
            three(0.3, 0.3, 0.3),
            three(0.3, 0.3, 0.2),
            ONE_P,
            ("1", "3", "5"),
            ROWS,
        ),
        (in_a_row(), in_a_row(Linear(6, 6)), ROW, ("1", "2"), ROWS),
        (in_a_row(Sigmoid(), Flatten()), in_a_row(ReLU(), Linear(6, 6)), ROW, ("1", "4"), ROWS),
        (in_a_row(Dropout(0)), in_a_row(Dropout(0), Linear(6, 6)), ROW, ("1", "3"), ROWS),
        (starting(Dropout(0.5)), starting(Dropout(0.4)), INPUT, ("0",), ROWS),
        (
            starting(Flatten(), Dropout(0.6)),
            starting(Linear(6, 6), Dropout(0.6)),
            INPUT,
            ("1",),
            ROWS,
        ),
        (dense(drop=Dropout(1.0)), dense(drop=Dropout(0.7)), ALL, ("drop",), ROWS),
        (selu_net(ReLU()), selu_net(), ALPHA, ("drop",), ROWS),
        (selu_net(variant="standard"), selu_net(), SELU_ALONE, ("drop",), ROWS),
        (two_streams(3, 3), two_streams(3, 4), STREAM, ("a", "b"), ROWS),
        (
            two_streams(Stream(1).at(0), Stream(1).at(0)),
            two_streams(Stream(1).at(0), Stream(1).at(1)),
            STREAM,
            ("a", "b"),
            ROWS,
        ),
    ],
)
def test_a_finding_and_its_twin(bad, twin, check, modules, x):
    assert found(bad) == {(check, modules)}
    assert found(bad, x) == {(check, modules)}
    inside = tuple(f"inside.{name}" for name in modules)
    assert found(Custom(bad), x) == {(check, inside)}
    for model in (twin, Custom(twin)):
        assert not found(model, x)


def test_a_stream_that_two_take_turns_on():
    shared = Stream(1)
    (finding,) = advise(two_streams(shared, shared)).findings
    assert "take turns" in finding.why
    assert not found(two_streams(shared.child("a"), shared.child("b")))
    assert not found(two_streams(None, None))


@pytest.mark.parametrize("rows", [0, 999])
def test_few_rows(rows):
    assert found(dense(), n_samples=rows) == {(FEW, ("drop",))}
    assert not found(dense(), n_samples=1000)
    assert not found(dense(drop=None), n_samples=rows)


def test_what_two_in_a_row_drop_together():
    (finding,) = advise(in_a_row()).findings
    assert "p = 0.6." in finding.why
    drop = Dropout(0.5)

    class Twice(Module):
        def __init__(self):
            self.a, self.drop, self.out = Linear(6, 6), drop, Linear(6, 2)

        def forward(self, x):
            return self.out(self.drop(self.drop(self.a(x))))

    assert found(Twice(), ROWS) == {(ROW, ("drop",))}


def test_training_mode_while_predicting():
    model = dense()
    assert found(model, predicting=True) == {(PREDICTING, ("norm", "drop"))}
    model.norm.eval()
    assert found(model, predicting=True) == {(PREDICTING, ("drop",))}
    assert not found(model.eval(), predicting=True)
    assert not found(dense(norm=None, drop=Dropout(0)), predicting=True)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_the_variance_shift_is_measured(p):
    # If x has mean 0, the variance of x * keep / (1 - p) is the variance of x divided by 1 - p.
    x = RNG.standard_normal((20_000, 6))
    same = Linear(6, 6, dtype=np.float64)
    same.weight.data[...], same.bias.data[...] = np.eye(6), 0
    model = Sequential(same=same, drop=Dropout(p), norm=BatchNorm(6), out=Linear(6, 2))
    (finding,) = advise(model, x).findings
    ratio = float(finding.why.split(" times ")[0].split()[-1])
    assert ratio == pytest.approx(1 / (1 - p), rel=0.02)
    (finding,) = advise(model).findings
    assert "needs x" in finding.why
    (finding,) = advise(model, x[:1]).findings
    assert "not measured" in finding.why


def test_the_shift_is_that_of_the_module_alone():
    x = RNG.standard_normal((20_000, 6))
    model = Sequential(Dropout(0.2), Dropout(0.5), BatchNorm(6), Linear(6, 2))
    found = [finding for finding in advise(model, x).findings if finding.mistake == NORM]
    ratios = [float(f.why.split(" times ")[0].split()[-1]) for f in found]
    assert ratios == pytest.approx([1.25, 2], rel=0.02)


def test_dropout_of_the_input_is_not_told_to_stand_behind_the_norm():
    model = Sequential(Dropout(0.2), Linear(6, 6), Dropout(0.5), BatchNorm(6), Linear(6, 2))
    of_input, hidden = (f for f in advise(model).findings if f.mistake == NORM)
    assert of_input.remedy.startswith("Remove the dropout or the normalisation: ")
    assert "always in front of" in of_input.remedy
    assert hidden.remedy.startswith("Put dropout behind the last batch normalisation")
    assert "BatchNorm '3' learns" in of_input.why


def test_what_cannot_be_looked_at_is_skipped():
    advice = advise(Custom(dense(end=Dropout(0.9))))
    assert [f.mistake for f in advice.findings] == [HIGH]
    skipped = {s.mistake: s.reason for s in advice.not_checked}
    order = {OUTPUTS, CONVOLUTION, NORM, ROW, PARAMETER, INPUT, ALPHA, SELU_ALONE}
    assert skipped.keys() == order | {FEW, PREDICTING, NOT_REACHED, NO_STREAM}
    assert skipped[NO_STREAM] == "needs resuming=True"
    assert "needs x" in skipped[OUTPUTS]
    assert skipped[FEW] == "needs n_samples"
    assert all(str(s) in str(advice) for s in advice.not_checked)


def test_dropout_without_a_stream():
    model = Sequential(
        first=Dropout(0.2), a=Linear(6, 6), off=Dropout(0), drop=Dropout(0.5), b=Linear(6, 2)
    )
    assert found(model, resuming=True) == {(NO_STREAM, ("first", "drop"))}
    assert not found(model)  # resuming is False
    model.first.rng = Stream(1)
    assert found(model) == {(NO_STREAM, ("drop",))}  # only drop has no stream
    seed(model, 1)
    assert not found(model, resuming=True)


def test_a_model_without_dropout_is_said():
    advice = advise(dense(drop=Dropout(0)))
    assert str(advice).startswith("no findings; the model has no Dropout module with p above 0\n")
    assert advice.dropouts == ()
    assert advise(dense()).dropouts == ("drop",)


def test_the_layer_for_arrays_names_the_module_when_it_gets_a_tensor():
    y = Linear(6, 2)(ROWS)
    with pytest.raises(TypeError, match=r"dropcore\.adapters\.autograd has dropout"):
        dropcore.Dropout(0.5)(y)


def test_the_layer_for_arrays_is_no_module():
    layer = dropcore.Dropout(0.5)
    for call in (lambda: advise(layer), lambda: Sequential(layer)):
        with pytest.raises(TypeError, match=r"the layer for NumPy arrays; .*adapters\.autograd"):
            call()


def test_the_model_is_left_as_it_was():
    model = dense(hidden=Sequential(d=Dropout(0.2), l=Linear(6, 32, rng=0)))
    seed(model, 1)
    model.norm.eval()
    state = {name: np.array(value).tolist() for name, value in model.state_dict().items()}
    advise(model, ROWS)
    assert state == {name: np.array(value).tolist() for name, value in model.state_dict().items()}
    assert (model.training, model.norm.training) == (True, False)
    assert model.drop.mask is None
    assert all(parameter.grad is None for parameter in model.parameters())


def test_advice_says_which_why_and_what_to_do():
    advice = advise(dense(end=Dropout(0.9)), n_samples=10)
    text = str(advice)
    assert text.startswith("3 findings\n")
    for finding in advice.findings:
        assert finding.why.endswith(".")
        assert finding.remedy.endswith(".")
        plural = "s" * (len(finding.modules) > 1)
        assert f"\nmodule{plural} {', '.join(finding.modules)}: {finding.mistake}" in text
        assert finding.why in text
        assert finding.remedy in text
    assert "\n(the model): p above" in str(advise(Dropout(0.9)))


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"n_samples": 1.5}, TypeError, "n_samples"),
        ({"n_samples": True}, TypeError, "n_samples"),
        ({"n_samples": -1}, ValueError, "n_samples"),
        ({"predicting": 1}, TypeError, "predicting"),
        ({"resuming": 1}, TypeError, "resuming"),
        ({"model": dropcore.Dropout(0.5)}, TypeError, "model"),
    ],
)
def test_bad_arguments(arguments, error, text):
    with pytest.raises(error, match=text):
        advise(**{"model": dense(), **arguments})


def test_the_name_is_the_function():
    import dropcore.findings

    assert dropcore.advise is dropcore.findings.advise
    assert dropcore.ensemble.__name__ == "dropcore.ensemble"
