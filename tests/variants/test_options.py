"""Options are stored as JSON values; other parts of the contract for authors of variants."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import dropcore
from dropcore import plugins

X = np.ones((2, 3, 4))


@dataclass(frozen=True)
class Mine(dropcore.PlannedVariant):
    """A variant that checks no option."""

    name = "mine"
    option: Any = None

    def plan(self, p, shape):
        return dropcore.Plan(scale=dropcore.kept_scale(p))


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(plugins.registry()._classes, "mine", Mine)


def record(**how):
    """The record of a mask after JSON; checks that the record makes the mask again."""
    y, mask = dropcore.dropout(X, 0.5, training=True, rng=1, **how)
    saved = json.loads(json.dumps(mask.record(), allow_nan=False))
    again = dropcore.Mask.from_record(saved)
    assert again.variant == mask.variant
    np.testing.assert_array_equal(again.forward(X), y)
    return saved["options"]


@pytest.mark.parametrize(
    ("given", "held"),
    [
        (np.int64(3), 3),
        (np.uint8(3), 3),
        (np.float32(0.5), 0.5),
        (np.float64(0.1), 0.1),
        (np.True_, True),
        (np.str_("a"), "a"),
        ([1, np.int8(2)], (1, 2)),
        ((1.5, [None, np.False_]), (1.5, (None, False))),
        (None, None),
        (2**70, 2**70),
    ],
    ids=repr,
)
def test_an_option_given_by_name_is_pythons(given, held):
    option = dropcore.get_variant("mine", option=given).option
    assert option == held
    assert type(option) is type(held)
    assert record(variant="mine", option=given) == json.loads(json.dumps({"option": held}))


BAD = [
    np.array(3),
    np.array([1, 2]),
    {1},
    {"a": 1},
    1j,
    np.complex64(1),
    float("nan"),
    float("inf"),
    b"a",
    object(),
    (1, np.zeros(2)),
]


@pytest.mark.parametrize("value", BAD, ids=lambda value: type(value).__name__)
def test_an_option_that_json_has_not_is_refused_when_it_is_given(value):
    stream = dropcore.Stream(1)
    message = r"option of variant 'mine' must be None, a bool, .* or a tuple of such values, not "
    for refused in (
        lambda: dropcore.get_variant("mine", option=value),
        lambda: dropcore.dropout(X, 0.5, training=True, rng=stream, variant="mine", option=value),
        lambda: dropcore.dropout(X, 0.5, training=True, rng=stream, variant=Mine(value)),
        lambda: dropcore.Dropout(0.5, "mine", option=value),
        lambda: dropcore.Dropout(0.5, Mine(value)),
    ):
        with pytest.raises(TypeError, match=message):
            refused()
    assert stream.position == 0


def test_a_variant_that_holds_numpys_integer_is_refused():
    with pytest.raises(TypeError, match=r"option of variant 'mine' must be .*int64"):
        dropcore.Dropout(0.5, Mine(np.int64(3)))


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ("standard", {"shared_axes": np.int64(1)}),
        ("standard", {"shared_axes": [np.int8(0), np.uint16(2)]}),
        ("alpha", {"fixed_mean": np.float32(0.5), "fixed_var": np.int64(2), "shared_axes": [0]}),
        ("spatial", {"channel_axis": np.int64(1), "batch_axis": np.int32(0)}),
        ("spatial", {"channel_axis": np.int64(1), "batch_axis": None}),
    ],
    ids=str,
)
def test_built_in_variants_take_numpys_integers(variant, options):
    record(variant=variant, **options)
    built = type(dropcore.get_variant(variant, **options))(**options)  # without get_variant
    assert built == dropcore.get_variant(variant, **options)
    assert record(variant=built) == record(variant=variant, **options)


# ------------------------------------------------------------ what is public


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integer_option(value):
    assert type(dropcore.integer_option("width", value)) is int
    assert dropcore.integer_option("width", value, least=3) == 3
    with pytest.raises(ValueError, match="width must be at least 4, not 3"):
        dropcore.integer_option("width", value, least=4)


@pytest.mark.parametrize("value", [3.0, True, np.True_, "3", None, np.array(3), [3]], ids=repr)
def test_integer_option_refuses(value):
    for name, check in (("width", dropcore.integer_option), ("width", dropcore.axis_option)):
        with pytest.raises(TypeError, match="width must be an integer, not "):
            check(name, value)


def test_bool_option():
    assert dropcore.bool_option("scaled", np.True_) is True
    for value in (1, 0.0, None, "yes", np.array(True)):
        with pytest.raises(TypeError, match="scaled must be True or False, not "):
            dropcore.bool_option("scaled", value)


@pytest.mark.parametrize("p", [0, 5e-324, 2.0**-65, 0.1, 0.5, 1 - 2.0**-53, 1, np.float32(0.3)])
def test_kept_scale_is_that_of_standard_dropout(p):
    y, mask = dropcore.dropout(np.ones(1 << 12), p, training=True, rng=1)
    assert np.isfinite(dropcore.kept_scale(p))
    assert set(y[mask.keep]) <= {dropcore.kept_scale(p)}
    assert dropcore.kept_scale(1) == 0


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_kept_scale_refuses(p):
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\], not "):
        dropcore.kept_scale(p)


def test_has_default_inference():
    @dataclass(frozen=True)
    class Halved(Mine):
        def infer(self, p, *inputs):
            return inputs[0] / 2

    @dataclass(frozen=True)
    class Slope(Mine):
        def infer_backward(self, p, dy):
            return dy

    assert [v.has_default_inference for v in (Mine(), Halved(), Slope())] == [True, False, False]


def test_rnglike_is_what_rng_takes():
    good = (None, 3, np.uint32(3), dropcore.Stream(1), dropcore.Stream(1).at(2))
    numpys = (np.random.SeedSequence(1), np.random.default_rng(1), np.random.PCG64(1))
    for rng in (*good, *numpys):
        assert isinstance(rng, dropcore.RNGLike)
        dropcore.keep_mask(3, 0.5, rng=rng)
    for rng in ("3", 1.5, np.random.RandomState(1)):
        assert not isinstance(rng, dropcore.RNGLike)
        with pytest.raises(TypeError, match=r"^rng must be None, a Stream, a Draw, an integer"):
            dropcore.keep_mask(3, 0.5, rng=rng)


def test_stream_of():
    stream = dropcore.Stream(5)
    assert dropcore.stream_of(None) is None
    assert dropcore.stream_of(stream) is stream
    for rng in (5, np.int64(5)):
        assert dropcore.stream_of(rng).at(0) == stream.at(0)
    sequence = np.random.SeedSequence(5)
    assert dropcore.stream_of(sequence).at(0) == dropcore.Stream(sequence).at(0)
    generator = np.random.default_rng(5)
    first, second = dropcore.stream_of(generator), dropcore.stream_of(generator)
    assert first.at(0) != second.at(0)
    assert first.seed == np.random.default_rng(5).bytes(32)
    with pytest.raises(TypeError, match="more than one draw is taken, not the Draw dc1:"):
        dropcore.stream_of(stream.at(0))
    old = np.random.RandomState(1)
    with pytest.raises(TypeError, match=r"a RandomState: pass dropcore.Stream\(rng.bytes\(32\)\)"):
        dropcore.stream_of(old)
