"""The layer of a NumPy loop."""

import json
import pickle

import numpy as np
import pytest

import dropcore
from dropcore import Draw, Dropout, Mask, Stream

X = np.random.default_rng(4).standard_normal((8, 5)).astype(np.float32)
DY = np.random.default_rng(5).standard_normal((8, 5)).astype(np.float32)


def same(a, b):
    """Equal to the bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


# Laws: forward


@pytest.mark.parametrize("p", [0, 0.3, 1])
@pytest.mark.parametrize("options", [{}, {"shared_axes": 0}, {"store": "draw"}], ids=str)
def test_a_layer_is_the_function_with_the_next_draw(p, options):
    layer = Dropout(p, rng=7, **options)
    for index in range(3):
        draw = Stream(7).at(index)
        y, mask = dropcore.dropout(X, p, training=True, rng=draw, **options)
        assert same(layer(X), y)
        assert layer.mask.record() == mask.record()
        assert same(layer.mask.keep, mask.keep)


@pytest.mark.parametrize("options", [{}, {"shared_axes": (0, 1)}], ids=str)
def test_a_variant_may_be_given_by_name_or_whole(options):
    whole = Dropout(0.5, dropcore.get_variant("standard", **options), rng=7)
    by_name = Dropout(0.5, "standard", 7, **options)
    assert whole.variant == by_name.variant
    assert same(whole(X), by_name(X))


def test_inference_gives_a_copy_and_takes_no_draw():
    layer = Dropout(0.9, rng=Stream(7)).eval()
    y = layer(X)
    assert same(y, X)
    assert not np.shares_memory(y, X)
    assert layer.mask.draw is None
    assert same(layer.backward(DY), DY)
    assert layer.rng.position == 0


def test_train_and_eval_give_the_layer():
    layer = Dropout(0.5, rng=7)
    assert layer.training is True
    assert layer.eval() is layer
    assert layer.training is False
    assert layer.train() is layer
    assert layer.training is True
    assert same(layer(X), Dropout(0.5, rng=7)(X))


@pytest.mark.parametrize("training", [True, False])
def test_out(training):
    layer, again = Dropout(0.5, rng=7), Dropout(0.5, rng=7)
    layer.training = again.training = training
    expected, out = again(X), X.copy()
    assert layer(out, out=out) is out
    assert same(out, expected)
    dx = DY.copy()
    assert layer.backward(dx, out=dx) is dx
    assert same(dx, again.backward(DY))


def test_p_can_be_set_between_calls():
    layer = Dropout(0.5, rng=7)
    layer(X)
    layer.p = 0.25
    assert layer.p == 0.25
    y, _ = dropcore.dropout(X, 0.25, training=True, rng=Stream(7).at(1))
    assert same(layer(X), y)


def test_a_layers_own_mask_is_not_moved_by_a_new_p():
    layer, again = Dropout(0.5, rng=7), Dropout(0.5, rng=7)
    layer(X), again(X)
    layer.p = 0.1
    assert same(layer.backward(DY), again.backward(DY))


@pytest.mark.parametrize("bad", [-0.1, 1.5, float("nan")])
def test_a_bad_p_changes_nothing(bad):
    layer = Dropout(0.5, rng=7)
    with pytest.raises(ValueError, match="p must be"):
        layer.p = bad
    assert layer.p == 0.5


# Laws: several layers


@pytest.mark.parametrize("p", [0, 0.9, 1])
def test_another_p_of_one_layer_shifts_no_others_masks(p):
    def masks(first_p):
        stream = Stream(9)  # one stream for both layers
        first, second = Dropout(first_p, rng=stream), Dropout(0.5, rng=stream)
        own = Dropout(0.5, rng=stream.child("own"))
        found = []
        for x in (X, X[:0], X[:3]):  # an empty batch takes a draw too
            second(first(x)), own(x)
            found += [second.mask.record(), own.mask.record()]
        return found

    assert masks(p) == masks(0.3)


def test_layers_share_a_stream_call_by_call():
    stream = Stream(9)
    layers = [Dropout(0.5, rng=stream) for _ in range(3)]
    for layer in layers * 2:
        layer(X)
    assert [layer.mask.draw for layer in layers] == [stream.at(3), stream.at(4), stream.at(5)]
    assert stream.position == 6


def test_a_stream_that_is_set_back_makes_an_epoch_again():
    stream = Stream(9)
    layer = Dropout(0.5, rng=stream.child("drop"))
    layer(X)
    state = json.dumps(stream.state)
    epoch = [layer(X) for _ in range(3)]
    stream.state = json.loads(state)
    assert all(map(same, epoch, [layer(X) for _ in range(3)]))


def test_layers_without_rng_drop_differently():
    x = np.ones(200)
    assert not same(Dropout(0.5)(x), Dropout(0.5)(x))


def test_a_draw_is_the_same_mask_in_each_call():
    layer = Dropout(0.5, rng=Draw.parse(str(Stream(7).at(3))))
    assert same(layer(X), layer(X))
    assert layer.mask.draw == Stream(7).at(3)


# Laws: backward


def test_backward_needs_a_call_before_it():
    for layer in (Dropout(0.5), Dropout(0.5).eval()):
        with pytest.raises(RuntimeError, match="needs a call"):
            layer.backward(DY)


def test_one_call_is_for_one_backward():
    layer = Dropout(0.5, rng=7)
    for _ in range(2):
        y = layer(X)
        assert same(layer.backward(X), y)
    with pytest.raises(RuntimeError, match="needs a call"):
        layer.backward(DY)


def test_after_several_calls_backward_must_be_told_the_mask():
    layer = Dropout(0.5, rng=7)
    calls = [(layer(X), layer.mask) for _ in range(3)]
    with pytest.raises(RuntimeError, match="mask=, because 3 calls have"):
        layer.backward(X)
    for y, mask in reversed(calls):
        assert same(layer.backward(X, mask), y)
    assert same(layer.backward(X, mask=calls[1][1]), calls[1][0])
    y = layer(X)  # the next training step
    assert same(layer.backward(X), y)


def test_backward_takes_any_mask():
    mask = Mask.from_keep([True, False], 0.5)
    np.testing.assert_array_equal(Dropout(0.1).backward(np.ones(2), mask), [2, 0])


@pytest.mark.parametrize("switch", ["train", "eval"])
def test_switching_the_mode_begins_anew(switch):
    layer = Dropout(0.5, rng=7)
    layer(X)
    getattr(layer, switch)()
    with pytest.raises(RuntimeError, match="needs a call"):
        layer.backward(DY)
    y = layer(X)
    assert same(layer.backward(X), y)


def test_failed_calls_do_not_count():
    layer = Dropout(0.5, rng=7)
    y, mask = layer(X), layer.mask
    with pytest.raises(TypeError, match="x must"):
        layer(np.arange(3))
    with pytest.raises(ValueError, match="dy must"):
        layer.backward(DY[:2])
    assert layer.mask is mask
    assert same(layer.backward(X), y)
    assert layer.rng.position == 1


# Laws: saved


def test_a_pickled_layer_goes_on_where_it_was():
    layer = Dropout(0.5, rng=7, shared_axes=1)
    layer(X)
    again = pickle.loads(pickle.dumps(layer))
    assert same(again.backward(DY), layer.backward(DY))
    for _ in range(2):
        assert same(again(X), layer(X))


# Examples


def test_representation():
    assert repr(Dropout(0.5, shared_axes=1)) == "Dropout(0.5, Standard(shared_axes=(1,)))"


def test_an_explicit_mask_leaves_the_other_calls_waiting():
    layer = dropcore.Dropout(0.5, rng=1)
    x = np.ones(8)
    layer(x)
    first = layer.mask
    second = layer(x)
    np.testing.assert_array_equal(layer.backward(x, first), first.backward(x))
    np.testing.assert_array_equal(layer.backward(x), second)  # the last call, and the only open one
    layer(x)
    layer(x)
    layer.backward(x, layer.mask)
    with pytest.raises(RuntimeError, match="mask="):  # the earlier call is still open
        layer.backward(x)
