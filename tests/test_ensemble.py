"""The ensemble of sub-networks: a sample of sub-networks, and all sub-networks."""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from unplanned_variants import Half, Noise

import dropcore
from dropcore import Stream
from dropcore.adapters.autograd import Dropout, dropout, seed
from dropcore.autograd import (
    BatchNorm,
    Flatten,
    Linear,
    Module,
    ReLU,
    Sequential,
    Tensor,
    softmax,
)
from dropcore.ensemble import mc_predict, subnetworks

RNG = np.random.default_rng(0)
# Small whole numbers and p = 1/2: sums are exact in any order.
ROWS = RNG.integers(-4, 5, (12, 6)).astype(np.float64)


def whole(n_in, n_out):
    layer = Linear(n_in, n_out, dtype=np.float64)
    for parameter in layer.parameters():
        parameter.data[...] = RNG.integers(-3, 4, parameter.shape)
    return layer


def linear(n_in, n_out, start=0):
    return Linear(n_in, n_out, rng=start, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Keep(dropcore.FreeVariant):
    """A free variant with a second input."""

    name: ClassVar[str] = "keep"
    inputs: ClassVar[tuple[str, ...]] = ("x", "previous")

    def forward(self, draw, p, *inputs):
        return np.where(dropcore.keep_mask(inputs[0].shape, p, rng=draw), *inputs), ()

    def backward(self, draw, p, dy, *saved):
        raise NotImplementedError


def network(variant="standard", **options):
    return Sequential(
        hidden=whole(6, 8),
        act=ReLU(),
        drop=Dropout(0.5, variant, **options),
        block=Sequential(linear=whole(8, 8), drop=Dropout(0.5, variant, **options)),
        out=whole(8, 2),
    )


@dataclass(frozen=True, kw_only=True)
class Whole(Half):
    """A deciding variant that decides for the tensor as a whole."""

    mean_scope: ClassVar[str] = "tensor"

    def independent_unit(self, shape):
        return (1,) * len(shape)


VARIANTS = [
    ("standard", {}),
    ("standard", {"shared_axes": 0}),
    (Noise(), {}),
    (Half(), {}),
    (Whole(), {}),
]


# Laws: sampled sub-networks


@pytest.mark.parametrize(("variant", "options"), VARIANTS, ids=str)
def test_batch_size_and_order_do_not_matter(variant, options):
    model = network(variant, **options)
    whole_batch = mc_predict(model, ROWS, 7, rng=3)
    assert (whole_batch.std > 0).any()
    for cuts in ([5], [1, 2, 11], list(range(1, 12))):
        parts = [mc_predict(model, part, 7, rng=3) for part in np.split(ROWS, cuts)]
        for field, axis in (("samples", 1), ("mean", 0), ("std", 0)):
            joined = np.concatenate([getattr(part, field) for part in parts], axis=axis)
            assert (joined == getattr(whole_batch, field)).all()
    order = np.random.default_rng(1).permutation(12)
    shuffled = mc_predict(model, ROWS[order], 7, rng=3)
    assert (shuffled.samples == whole_batch.samples[:, order]).all()


@pytest.mark.parametrize("shape", [(6,), (2, 3, 3)], ids=str)
@pytest.mark.parametrize("p", [0, 0.3, 1])
def test_a_sample_is_one_mask_for_all_rows(p, shape):
    options = {"variant": "spatial", "channel_axis": 1} if len(shape) == 3 else {}
    x = np.ones((5, *shape))
    samples = mc_predict(Dropout(p, **options), x, 50, rng=0).samples
    assert (samples == samples[:, :1]).all()
    assert len(np.unique(samples)) == (2 if 0 < p < 1 else 1)
    assert samples.mean() == pytest.approx(1 if p < 1 else 0, abs=0.2)
    if options:
        assert (samples == samples[..., :1, :1]).all()


def test_mean_and_spread_are_those_of_the_samples():
    model = Sequential(linear(6, 8), ReLU(), Dropout(0.3), linear(8, 2, 1))
    prediction = mc_predict(model, ROWS, 20, rng=0, output="softmax")
    np.testing.assert_allclose(prediction.mean, prediction.samples.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(prediction.std, prediction.samples.std(axis=0, ddof=1), rtol=1e-9)
    np.testing.assert_allclose(prediction.mean.sum(axis=1), 1, rtol=1e-12)
    logits = mc_predict(model, ROWS, 20, rng=0).samples
    np.testing.assert_array_equal(prediction.samples, softmax(Tensor(logits)).data)


def test_the_dtype_is_the_model_s():
    prediction = mc_predict(Sequential(Dropout(0.5), Linear(6, 2)), ROWS.astype("f4"), 3)
    assert prediction.samples.dtype == prediction.mean.dtype == prediction.std.dtype == np.float32


def test_sampling_approaches_the_mean_of_all():
    model = Sequential(linear(6, 4), ReLU(), Dropout(0.4), linear(4, 3, 1))
    every = subnetworks(model, ROWS, output="softmax")
    some = mc_predict(model, ROWS, 4000, rng=1, output="softmax")
    error = some.std / np.sqrt(4000)
    assert (np.abs(some.mean - every.arithmetic_mean) <= 5 * error + 1e-12).all()


def test_a_module_s_decisions_follow_from_its_name():
    model = Sequential(first=Dropout(0.5), second=Dropout(0.5))
    alone = Sequential(other=Flatten(), second=Dropout(0.5))
    both, one = mc_predict(model, ROWS, 9, rng=5), mc_predict(alone, ROWS, 9, rng=5)
    kept = both.samples != 0
    assert ((one.samples != 0) | ~kept).all()
    assert not ((mc_predict(alone, ROWS, 9, rng=6).samples != 0) | ~kept).all()


def test_modules_decide_independently():
    # Two dropouts in a row at p = 0.5 keep a quarter; with one mask for both, a half.
    model = Sequential(first=Dropout(0.5), block=Sequential(second=Dropout(0.5)))
    kept = mc_predict(model, np.ones((1, 40_000)), 2, rng=5).samples != 0
    for sample in kept:
        assert abs(sample.mean() - 0.25) < 5 * (0.25 * 0.75 / 40_000) ** 0.5
    both = (kept[0] & kept[1]).mean()
    assert abs(both - 0.0625) < 5 * (0.0625 / 40_000) ** 0.5


@pytest.mark.parametrize("rng", [3, Stream(3).at(8), Stream(3)], ids=["int", "draw", "stream"])
def test_rng_is_as_everywhere(rng):
    model = network()
    first, second = mc_predict(model, ROWS, 5, rng=rng), mc_predict(model, ROWS, 5, rng=rng)
    assert (first.samples == second.samples).all() == (not isinstance(rng, Stream))
    if isinstance(rng, Stream):
        assert rng.position == 2
    assert not (mc_predict(model, ROWS, 5).samples == first.samples).all()


def test_the_model_is_left_as_it_was():
    model = Sequential(norm=BatchNorm(6, dtype=np.float64), drop=Dropout(0.5), out=linear(6, 2))
    seed(model, 1)
    model.norm.eval()
    before = {name: np.array(value).tolist() for name, value in model.state_dict().items()}
    mc_predict(model, ROWS, 3)
    subnetworks(model, ROWS)
    with pytest.raises(ValueError, match="shape"):
        mc_predict(model, ROWS[:, :3], 3)
    after = {name: np.array(value).tolist() for name, value in model.state_dict().items()}
    assert before == after
    assert (model.training, model.norm.training, model.drop.training) == (True, False, True)
    assert model.drop.mask is None
    model(ROWS)
    assert model.drop.mask.draw.index == 0


def test_further_inputs_are_shared_too():
    class Cell(Module):
        def __init__(self):
            self.zone = Dropout(0.5, Keep())

        def forward(self, x):
            return self.zone(x, previous=-x)

    samples = mc_predict(Cell(), np.ones((4, 30)), 6, rng=0).samples
    assert (samples == samples[:, :1]).all()
    assert set(np.unique(samples)) == {-1, 1}


def test_several_calls_in_a_pass_decide_each_for_itself():
    class Twice(Module):
        def __init__(self):
            self.drop = Dropout(0.5)

        def forward(self, x):
            return self.drop(x) - self.drop(x)

    assert mc_predict(Twice(), np.ones((2, 50)), 3, rng=0).std.any()
    every = subnetworks(Twice(), np.ones((2, 3)))
    assert every.decisions == 6
    assert every.arithmetic_gap < 1e-15


def test_modules_in_containers_take_part():
    class Listed(Module):
        def __init__(self):
            self.layers = [linear(6, 6, k) for k in range(2)]
            self.drops = {"first": Dropout(0.5), "second": (Dropout(0.5),)}

        def forward(self, x):
            h = self.drops["first"](self.layers[0](x))
            return self.drops["second"][0](self.layers[1](h))

    model = Listed()
    same = Sequential(
        a=model.layers[0],
        drops=Sequential(first=model.drops["first"]),
        b=model.layers[1],
        c=Sequential(Dropout(0.5)),
    )
    assert subnetworks(model, ROWS).decisions == 12
    assert (mc_predict(model, ROWS, 5, rng=1).samples == 0).any()
    model.drops["second"][0].p = 0
    same.c[0].p = 0
    np.testing.assert_array_equal(
        mc_predict(model, ROWS, 5, rng=1).samples, mc_predict(same, ROWS, 5, rng=1).samples
    )


def test_results_are_short_to_print():
    model = network()
    prediction = mc_predict(model, ROWS, 300, rng=0)
    assert repr(prediction).startswith("<Prediction: 300 samples of shape (12, 2), std up to ")
    assert len(repr(prediction)) < 100
    assert "no rows" in repr(mc_predict(model, ROWS[:0], 3))
    assert prediction != mc_predict(model, ROWS, 300, rng=0)  # raises no error
    assert "3 decisions, outputs of shape (12, 2), arith" in repr(
        subnetworks(Sequential(linear(6, 3), Dropout(0.5), linear(3, 2)), ROWS)
    )


# Refused


class Calling(Module):
    """Calls a dropout module that is not one of its submodules."""

    def __init__(self, hidden):
        self.drop, self._hidden = Dropout(0.5), hidden

    def forward(self, x):
        return self._hidden(self, self.drop(x))


STREAM = Stream(1)
OUTSIDE = {
    "dropout as a function": lambda self, x: dropout(x, 0.5, training=self.training, rng=STREAM),
    "dropout as a function, always": lambda self, x: dropout(x, 0.5, training=True, rng=STREAM),
    "Dropout(0.25, Standard(shared_axes=()))": lambda self, x: Dropout(0.25, rng=STREAM)(x),
}


@pytest.mark.parametrize("function", [lambda *a: mc_predict(*a, 3), subnetworks])
@pytest.mark.parametrize("what", OUTSIDE)
def test_dropout_that_is_no_module_of_the_model_is_named(function, what):
    model, few = Sequential(inner=Calling(OUTSIDE[what])), ROWS[:, :3]
    expected = re.escape(f"not {what.split(', always')[0]} that module 'inner' calls")
    with pytest.raises(ValueError, match=expected):
        function(model, few)
    assert STREAM.position == 0
    model(few)  # works as before
    assert model.inner.drop.mask is not None
    STREAM.state = Stream(1).state
    off = Sequential(inner=Calling(lambda self, x: dropout(x, 0, training=True, rng=STREAM)))
    function(off, few)
    assert STREAM.position == 0


def test_a_variant_that_cannot_share_is_named():
    model = network()
    model.block.drop.variant = Half(axis=0)
    with pytest.raises(TypeError, match=r"'block\.drop'.*Half\(axis=0\)"):
        mc_predict(model, ROWS, 3)


@pytest.mark.parametrize("function", [lambda *a: mc_predict(*a, 3), subnetworks])
def test_rows_elsewhere_than_along_axis_0_are_refused(function):
    class Turned(Module):
        def __init__(self):
            self.drop = Dropout(0.5)

        def forward(self, x):
            return self.drop(x.T).T

    with pytest.raises(ValueError, match=r"'drop'.*12 rows.*\(6, 12\)"):
        function(Turned(), ROWS)
    with pytest.raises(ValueError, match="must have a Dropout"):
        function(linear(6, 2), ROWS)
    with pytest.raises(ValueError, match="x must have rows"):
        function(network(), np.float64(1))
    with pytest.raises(TypeError, match="model must be"):
        function(3, ROWS)


@pytest.mark.parametrize("function", [lambda m, x: mc_predict(m, x, 2), subnetworks])
def test_wrong_rows_are_named_as_x(function):
    model = Sequential(Linear(4, 10, rng=0), Dropout(0.5), Linear(10, 2, rng=1))
    with pytest.raises(ValueError, match=r"x must have shape \(rows, .* has shape \(4,\)"):
        function(model, np.ones(4, np.float32))
    with pytest.raises(TypeError, match=r"^x must be float32 or float64 .*, not int64"):
        function(model, np.ones((3, 4), np.int64))


def test_nothing_is_drawn_for_what_is_refused():
    stream = Stream(1)
    with pytest.raises(ValueError, match="x must have rows"):
        mc_predict(network(), np.float64(1), 3, rng=stream)
    assert stream.position == 0


@pytest.mark.parametrize("samples", [1, 0, True, 2.0])
def test_samples_are_two_or_more(samples):
    with pytest.raises(ValueError, match="samples"):
        mc_predict(network(), ROWS, samples)
    with pytest.raises(ValueError, match="output"):
        subnetworks(network(), ROWS, output="tanh")
