"""Masks: their decisions in forward and backward, as arrays, saved, and in other processes."""

import json
import pickle
import subprocess
import sys
from itertools import product

import ml_dtypes
import numpy as np
import oracle
import pytest
from unplanned_variants import Half, Noise, Scaled

import dropcore
from dropcore import Draw, Mask, Stream

DTYPES = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16]
SHAPE = (3, 4, 5)
AXES = [(), (0,), (2,), (-1, 0), (1,), (0, 1, 2)]
X = np.random.default_rng(2).standard_normal(SHAPE)


def dropped(x=X, p=0.4, training=True, rng=11, **options):
    return dropcore.dropout(x, p, training=training, rng=rng, **options)


def same(a, b):
    """Equal to the bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def masks():
    """A mask of every kind, by name."""
    kinds = {
        f"{store} {axes}": dropped(store=store, shared_axes=axes)[1]
        for store, axes in product(("bits", "draw"), AXES[:3])
    }
    kinds["all kept"] = dropped(p=0)[1]
    kinds["none kept"] = dropped(p=1)[1]
    kinds["inference"] = dropped(training=False)[1]
    kinds["from_keep"] = Mask.from_keep(X > 0, 0.4)
    kinds["from_keep shared"] = Mask.from_keep(X[:, :1] > 0, 0.4, shape=SHAPE)
    return kinds


KINDS = masks()
RECORDABLE = [name for name in KINDS if not name.startswith("from_keep")]
any_kind = pytest.mark.parametrize("mask", KINDS.values(), ids=KINDS)


def assert_same_mask(again, mask):
    for name in ("draw", "p", "shape", "variant", "training"):
        assert getattr(again, name) == getattr(mask, name), name
    assert same(again.keep, mask.keep)
    assert same(again.packed, mask.packed)
    assert same(again.forward(X), mask.forward(X))
    assert same(again.backward(X), mask.backward(X))
    assert repr(again) == repr(mask)


# Laws: what a mask holds


@any_kind
def test_a_split_mask_is_joined_again(mask):
    held, join = mask.split()
    assert_same_mask(join(held), mask)
    assert_same_mask(join(held), mask)
    if held:
        (bits,) = held
        assert bits.flags.owndata or bits.base is not None  # the array keeps its memory alive
        assert same(bits, mask.packed)
        for wrong in (bits[:-1], bits.view(np.int8), np.repeat(bits, 2)[::2]):
            with pytest.raises(ValueError, match="bits must be uint8 of shape"):
                join((wrong,))
    for wrong in (None, "a", 5, [1], bytes(held[0]) if held else b""):
        with pytest.raises(TypeError, match="held must be "):
            join(wrong)
        if held:
            with pytest.raises(TypeError, match=r"held must be \(bits,\)"):
                join((wrong,))


def test_a_split_mask_of_every_variant_holds_what_it_cannot_make_again():
    x = np.random.default_rng(0).normal(size=(6, 8))
    for variant, count in ((Half(), 1), (Noise(), 0), (Scaled(), 1), ("alpha", 1)):
        _, mask = dropped(x, variant=variant)
        held, join = mask.split()
        assert len(held) == count
        assert same(join(held).backward(x), mask.backward(x))
        assert join(held).draw == mask.draw
    _, mask = dropped(x, variant=Half())
    for wrong in ((), (held[0], held[0]), (None,)):
        with pytest.raises(TypeError, match=r"held must be \(bits,\)"):
            mask.split()[1](wrong)


@any_kind
def test_packed_is_keep_packed_and_both_are_new(mask):
    before = mask.packed.copy()
    assert mask.keep.dtype == bool
    assert same(mask.packed, np.packbits(mask.keep, bitorder="little"))
    assert np.broadcast_shapes(mask.keep.shape, SHAPE) == mask.shape
    mask.keep[...] = False
    mask.packed[...] = 7
    assert same(mask.packed, before)


@any_kind
def test_forward_and_backward_select_by_keep(mask):
    p = mask.p if mask.training else 0
    assert same(mask.forward(X), oracle.forward(X, mask.keep, p))
    assert same(mask.backward(X), oracle.forward(X, mask.keep, p))


@any_kind
def test_a_mask_does_not_change(mask):
    for name in ("p", "shape", "variant", "training", "draw", "keep", "packed", "new"):
        with pytest.raises(AttributeError):
            setattr(mask, name, None)


@pytest.mark.parametrize("axes", AXES, ids=str)
def test_keep_has_the_masks_own_shape(axes):
    _, mask = dropped(shared_axes=axes)
    shared = {axis % 3 for axis in axes}
    own = tuple(1 if axis in shared else length for axis, length in enumerate(SHAPE))
    assert mask.keep.shape == own
    assert mask.shape == SHAPE
    assert mask.packed.shape == ((np.prod(own) + 7) // 8,)
    assert same(mask.keep, dropcore.keep_mask(own, 0.4, rng=11))
    assert same(mask.packed, dropcore.keep_mask(own, 0.4, rng=11, packed=True))


@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("p", [0, 0.4, 0.5, 1])
def test_both_stores_give_the_same_bits(p, axes):
    results = []
    for store in ("bits", "draw"):
        y, mask = dropped(p=p, store=store, shared_axes=axes)
        results.append([y, mask.keep, mask.packed, mask.forward(-X), mask.backward(-X)])
    assert all(map(same, *results))


def test_stored_bits_are_an_eighth_of_a_byte_each():
    x = np.zeros(80_000, np.float32)
    of = {store: len(pickle.dumps(dropped(x, store=store)[1])) for store in ("bits", "draw")}
    assert of["bits"] == of["draw"] < 1000  # a pickle holds the draw, not the bits
    assert len(pickle.dumps(Mask.from_keep(x == 0, 0.5))) < 11_000


# Laws: forward and backward again


@pytest.mark.parametrize("store", ["bits", "draw"])
@pytest.mark.parametrize("axes", AXES[:3], ids=str)
def test_forward_again_is_the_same_as_at_first(store, axes):
    y, mask = dropped(store=store, shared_axes=axes)
    assert same(mask.forward(X), y)
    again, _ = dropped(2 * X, rng=mask.draw, shared_axes=axes)
    assert same(mask.forward(2 * X), again)


@any_kind
@pytest.mark.parametrize("dtype", DTYPES)
def test_dy_may_have_another_dtype_than_x(mask, dtype):
    dy = X.astype(dtype)
    dx = mask.backward(dy)
    assert same(dx, oracle.forward(dy, mask.keep, mask.p if mask.training else 0))
    assert same(mask.forward(dy), dx)


@any_kind
@pytest.mark.parametrize("method", ["forward", "backward"])
def test_out_is_what_is_returned(mask, method):
    run = getattr(mask, method)
    expected = run(X)
    given, in_place = np.full(SHAPE, np.nan), X.copy()
    strided = np.full((3, 4, 10), np.nan)[..., ::2]
    for dy, out in ((X, given), (in_place, in_place), (X, strided)):
        assert run(dy, out=out) is out
        assert same(out, expected)
    assert same(run(in_place[:], out=in_place[:]), run(expected))  # x and out: views of one array


@any_kind
def test_results_share_no_memory(mask):
    assert not np.shares_memory(mask.forward(X), X)
    assert not np.shares_memory(mask.backward(X), X)


@any_kind
def test_any_strides_of_dy_give_the_same(mask):
    expected = mask.backward(X)
    for dy in (np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X[::-1].copy()[::-1]):
        assert same(mask.backward(dy), expected)
    ones = np.broadcast_to(1.0, SHAPE)
    assert same(mask.backward(ones), mask.backward(ones.copy()))


def test_backward_asks_the_mask_not_the_zeros_of_y():
    x = np.zeros(1000)
    y, mask = dropped(x, p=0.5)
    assert not y.any()
    dx = mask.backward(np.ones(1000))
    np.testing.assert_array_equal(dx, 2.0 * mask.keep)
    assert 0 < mask.keep.sum() < 1000


# Laws: draws


@pytest.mark.parametrize("x", [X, np.zeros((0, 3)), np.array(1.5)], ids=["full", "empty", "0-d"])
@pytest.mark.parametrize("p", [0, 0.3, 1])
def test_every_training_call_takes_one_draw_and_nothing_else_takes_any(x, p):
    stream = Stream(6)
    layer = dropcore.Dropout(p, rng=stream)
    taken = []
    for _ in range(2):
        taken.append(dropcore.dropout(x, p, training=True, rng=stream, store="draw")[1])
        layer(x)
        taken.append(layer.mask)
        dropcore.keep_mask(x.shape, p, rng=stream)
        inference = dropcore.dropout(x, p, training=False, rng=stream)[1]
        for mask in (taken[-1], inference):
            mask.backward(mask.forward(x))
            assert mask.keep.size == x.size
            assert len(mask.packed) == (x.size + 7) // 8
        layer.eval()(x)
        layer.train()
        assert inference.draw is None
    assert [mask.draw for mask in taken] == [stream.at(i) for i in (0, 1, 3, 4)]
    assert stream.position == 6


def test_inference_has_no_draw_and_keeps_all():
    y, mask = dropped(training=False)
    assert mask.draw is None
    assert mask.training is False
    assert mask.keep.all()
    assert same(y, X)
    assert same(mask.backward(X), X)
    assert dropped()[1].training is True


# Laws: from_keep


@pytest.mark.parametrize("kind", [bool, int, np.uint8, float], ids=lambda kind: kind.__name__)
def test_from_keep_takes_bools_and_zeros_and_ones(kind):
    keep = X > 0
    mask = Mask.from_keep(keep.astype(kind), 0.25)
    assert same(mask.keep, keep)
    assert same(Mask.from_keep(keep.astype(kind).tolist(), 0.25).keep, keep)
    assert mask.draw is None
    assert (mask.shape, mask.p, mask.training) == (SHAPE, 0.25, True)


def test_from_keep_copies():
    keep = X > 0
    mask = Mask.from_keep(keep, 0.5)
    keep[...] = True
    assert same(mask.keep, X > 0)


@pytest.mark.parametrize("own", [(3, 4, 5), (3, 1, 1), (1, 4, 1), (1, 1, 1), (3, 1, 5)], ids=str)
def test_from_keep_shares_where_a_length_is_one(own):
    keep = np.random.default_rng(1).random(own) < 0.5
    mask = Mask.from_keep(keep, 0.5, shape=SHAPE)
    assert (mask.shape, mask.keep.shape) == (SHAPE, own)
    assert same(mask.keep, keep)
    np.testing.assert_array_equal(mask.forward(X), np.where(keep, 2 * X, 0))


def test_from_keep_of_no_axes_and_no_elements():
    assert Mask.from_keep(True, 0.5).forward(np.array(3.0)) == 6
    assert Mask.from_keep(np.ones((0, 2), bool), 0.5).forward(np.zeros((0, 2))).shape == (0, 2)


# Laws: saved, and sent to another process


@pytest.mark.parametrize("name", RECORDABLE)
def test_records_make_the_same_mask_after_json(name):
    mask = KINDS[name]
    record = json.loads(json.dumps(mask.record()))
    assert record == mask.record()
    assert_same_mask(Mask.from_record(record), mask)


def test_a_p_that_the_variant_has_not_makes_no_mask():
    class HalfOpen(type(dropcore.get_variant("standard"))):
        name = "half-open"
        p_domain = "[0, 1)"

    for p in (0, 0.5):
        Mask.from_keep([1, 0], p, variant=HalfOpen())
    rebuild, arguments = dropped(variant=HalfOpen())[1].__reduce__()
    saved = [1 if value == 0.4 else value for value in arguments]  # p is changed to 1
    for make in (
        lambda: Mask.from_keep([1, 0], 1, variant=HalfOpen()),
        lambda: dropped(p=1, variant=HalfOpen()),
        lambda: dropped(p=1, variant=HalfOpen(), training=False),
        lambda: rebuild(*saved),
    ):
        with pytest.raises(ValueError, match=r"^p must be in \[0, 1\) for variant 'half-o.*not 1$"):
            make()


@any_kind
def test_pickles_make_the_same_mask(mask):
    assert_same_mask(pickle.loads(pickle.dumps(mask)), mask)


def test_a_pickle_holds_what_a_free_variant_saved():
    # The copy cannot compute the saved values again, because a mask does not keep x.
    mask = dropcore.dropout(X, 0.5, training=True, rng=3, variant=Scaled())[1]
    (saved,) = mask.split()[0]
    copy = pickle.loads(pickle.dumps(mask))
    assert same(copy.backward(X), X * saved)
    assert same(copy.split()[0][0], saved)


REPLAY = """
import json, pickle, sys
import numpy as np
import dropcore

x, *sent = pickle.load(sys.stdin.buffer)
masks = [dropcore.Mask.from_record(json.loads(m)) if isinstance(m, str) else m for m in sent]
pickle.dump([mask.forward(x) for mask in masks], sys.stdout.buffer)
"""


def test_masks_are_the_same_in_another_process():
    records = [json.dumps(KINDS[name].record()) for name in RECORDABLE]
    done = subprocess.run(
        [sys.executable, "-c", REPLAY],
        input=pickle.dumps([X, *KINDS.values(), *records]),
        stdout=subprocess.PIPE,
        check=True,
    )
    masks = [*KINDS.values(), *map(KINDS.get, RECORDABLE)]
    for mask, y in zip(masks, pickle.loads(done.stdout), strict=True):
        assert same(y, mask.forward(X))


def test_a_record_says_all_in_plain_words():
    mask = dropped(np.ones((2, 3)), p=0.25, shared_axes=-1)[1]
    assert mask.record() == {
        "stream_version": 1,
        "draw": str(Stream(11).at(0)),
        "p": 0.25,
        "shape": [2, 3],
        "variant": "standard",
        "options": {"shared_axes": [-1]},
    }


# Examples


def test_replay_by_address():
    stream = Stream(42)
    dropcore.dropout(X, 0.5, training=True, rng=stream)
    y, mask = dropcore.dropout(X, 0.5, training=True, rng=stream)
    for draw in (stream.at(1), Stream(42).at(1), Draw.parse(str(mask.draw)), mask.draw):
        assert same(dropcore.dropout(X, 0.5, training=True, rng=draw)[0], y)


def test_representations():
    mask = dropped(np.ones(3))[1]
    assert repr(mask) == f"<Mask {mask.variant!r} p=0.4 shape=(3,) draw='{mask.draw}'>"
    assert repr(dropped(training=False)[1]).endswith("shape=(3, 4, 5) training=False>")
