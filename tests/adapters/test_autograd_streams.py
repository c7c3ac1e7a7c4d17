"""The streams of a model on the tape: by name, and as part of its state."""

import copy
import json

import numpy as np
import pytest

from dropcore import Draw, Stream
from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import Flatten, Linear, ReLU, Sequential

X = np.random.default_rng(4).standard_normal((6, 3, 4))


def same(a, b):
    """Equal to the bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


# Laws: the streams of a model


def network(**changes):
    parts = {
        "hidden": Linear(12, 8, rng=0),
        "drop": Dropout(0.5),
        "block": Sequential(drop=Dropout(0.5), act=ReLU()),
        "last": Dropout(0.5),
    }
    return Sequential(flat=Flatten(), **{k: m for k, m in (parts | changes).items() if m})


def masks(model):
    model(X)
    modules = model.named_modules()
    return {name: m.mask.packed.tobytes() for name, m in modules if isinstance(m, Dropout)}


def test_names_are_paths():
    model = network()
    seed(model, 42)
    assert model.drop.rng.path == ("drop",)
    assert model.block.drop.rng.path == ("block", "drop")
    alone = Dropout(0.5)
    stream = Stream(42)
    seed(alone, stream)
    assert alone.rng is stream


def test_a_stream_gives_its_children():
    model, stream = network(), Stream(42, ("net",))
    seed(model, stream)
    assert model.block.drop.rng is stream.child("block").child("drop")


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"extra": Dropout(0.5)}, {"extra"}),
        ({"drop": Dropout(0.9)}, {"drop"}),
        ({"drop": Dropout(0)}, {"drop"}),
        ({"drop": None}, {"drop"}),
        ({"block": Sequential(before=Dropout(0.1), drop=Dropout(0.5))}, {"block.before"}),
    ],
    ids=["add", "rate", "rate 0", "remove", "add inside"],
)
def test_a_change_to_one_module_changes_no_other_s_masks(changes, changed):
    before, after = network(), network(**changes)
    seed(before, 42)
    seed(after, 42)
    for _ in range(2):
        old, new = masks(before), masks(after)
        different = {name for name in old | new if old.get(name) != new.get(name)}
        assert different == changed


@pytest.mark.parametrize("rng", [None, Stream(1).at(0), "42"], ids=["none", "draw", "str"])
def test_seed_says_what_it_takes(rng):
    with pytest.raises(TypeError, match="rng must be"):
        seed(network(), rng)


# Laws: state


def test_state_is_small_and_for_json():
    layer = Dropout(0.5, rng=7)
    layer(X)
    (name,) = layer.state_dict()
    assert name == "_extra_state"
    resumed = Dropout(0.5, rng=7)
    resumed.load_state_dict(json.loads(json.dumps(layer.state_dict())))
    assert same(resumed(X).data, layer(X).data)


def test_a_stream_is_moved_for_all_who_hold_it():
    stream = Stream(7)
    layer, other = Dropout(0.5, rng=stream), Dropout(0.5, rng=stream)
    state = layer.state_dict()
    layer(X)
    layer.load_state_dict(state)
    assert layer.rng is other.rng is stream
    assert stream.position == 0


@pytest.mark.parametrize("rng", [Stream(), Stream(7).at(5)], ids=["another seed", "draw"])
def test_a_module_built_otherwise_takes_over_the_saved_source(rng):
    layer, resumed = Dropout(0.5, rng=rng), Dropout(0.5, rng=3)
    layer(X)
    resumed.load_state_dict(json.loads(json.dumps(layer.state_dict())))
    assert type(resumed.rng) is type(rng)
    assert same(resumed(X).data, layer(X).data)


def test_without_a_stream_there_is_no_state():
    assert Dropout(0.5).state_dict() == {}


def test_broken_state_is_refused_and_changes_nothing():
    layer = Dropout(0.5, rng=7)
    for state in ({"seed": 1}, 3, "dc2:0"):
        with pytest.raises((TypeError, ValueError)):
            layer.set_extra_state(state)
    assert layer.rng.seed == 7


def test_copies_carry_the_position():
    model = network()
    seed(model, 42)
    masks(model)
    assert masks(copy.deepcopy(model)) == masks(model)


def test_a_draw_repeats_its_mask():
    draw = Draw.parse(str(Stream(7).at(2)))
    layer = Dropout(0.5, rng=draw)
    assert same(layer(X).data, layer(X).data)


def two_that_share(stream):
    return Sequential(a=Dropout(0.5, rng=stream), b=Dropout(0.5, rng=stream))


def test_modules_that_share_a_stream_share_the_one_that_is_loaded():
    model, x = two_that_share(Stream(1)), np.ones((1, 64))
    model(x)
    state = model.state_dict()
    expected = model(x).data
    for other in (Stream(1), Stream(2), Stream(2, path=("a",))):
        resumed = two_that_share(other)
        for _ in range(2):
            resumed.load_state_dict(state)
            np.testing.assert_array_equal(resumed(x).data, expected)
            assert resumed.a.rng is resumed.b.rng
            assert (resumed.a.mask.keep != resumed.b.mask.keep).any()


@pytest.mark.parametrize("of_state", [1, 2])
def test_a_state_that_is_refused_leaves_the_streams(of_state):
    state = two_that_share(Stream(of_state)).state_dict()
    stream, x = Stream(2), np.ones((1, 64))
    model = two_that_share(stream)
    model(x)
    with pytest.raises((TypeError, ValueError)):
        model.load_state_dict(state | {"b._extra_state": "rubbish"})
    assert model.a.rng is model.b.rng is stream
    assert stream.position == 2


def test_a_seed_that_one_side_forgot_is_named():
    seeded, other = (Sequential(drop=Dropout(0.5)) for _ in range(2))
    seed(seeded, 42)
    for a, b in ((seeded, other), (other, seeded)):
        with pytest.raises(ValueError, match=r"dropout module is its stream.*autograd\.seed"):
            b.load_state_dict(a.state_dict())
    with pytest.raises(ValueError, match="unknown") as raised:
        other.load_state_dict({"weight": 1})
    assert "stream" not in str(raised.value)
