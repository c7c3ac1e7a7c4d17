"""`shard=`: blocks of a larger array, put together, are the whole array, bit for bit."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shards import blocks, cut_shapes, same_bits, shard_of, values
from unplanned_variants import Half, Noise

import dropcore
from dropcore import Dropout, Mask, Stream
from dropcore._core import dispatch, nontemporal
from dropcore.adapters import autograd

DRAW = Stream(42, path=("shards",)).at(2**40)
DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]
RATES = [0.0, 2.0**-64, 0.1, 0.25, 3 / 16, 0.5, 2 / 3, 0.9, 1.0]


@st.composite
def hows(draw, ndim):
    """A planned variant and its options, for arrays with this number of axes."""
    shared = draw(st.sets(st.integers(0, ndim - 1))) if ndim else set()
    kinds = ["standard", "alpha"] + (["spatial"] if ndim > 2 else [])
    if "droppath" in dropcore.variant_names() and ndim:
        kinds.append("droppath")
    variant = draw(st.sampled_from(kinds))
    if variant == "spatial":
        return {"variant": variant, "channel_axis": draw(st.integers(1, ndim - 1))}
    if variant == "droppath":
        return {"variant": variant}
    return {"variant": variant, "shared_axes": tuple(shared)}


def drop(x, p, shard=None, rng=DRAW, **how):
    return dropcore.dropout(x, p, training=True, rng=rng, shard=shard, **how)


@settings(deadline=None)
@given(st.data(), cut_shapes(), st.sampled_from(RATES), st.sampled_from(DTYPES))
def test_blocks_put_together_are_the_whole(data, cut, p, dtype):
    shape, places = cut
    how = data.draw(hows(len(shape)))
    store = data.draw(st.sampled_from(["bits", "draw"]))
    x, dy = values(shape, dtype), values(shape, dtype)[..., ::-1] if shape else values(shape, dtype)
    whole, mask = drop(x, p, **how)
    y, dx, again, dx_again = (np.full(shape, 7, dtype) for _ in range(4))
    for block in blocks(places):
        shard = shard_of(shape, block)
        y[block], part = drop(x[block], p, shard, store=store, **how)
        dx[block] = part.backward(dy[block])
        assert (part.shard, part.shape) == (shard, x[block].shape)
        assert np.array_equal(
            np.broadcast_to(part.keep, part.shape), np.broadcast_to(mask.keep, shape)[block]
        )
        assert np.array_equal(part.packed, np.packbits(part.keep, bitorder="little"))
        replayed = Mask.from_record(json.loads(json.dumps(part.record())))
        again[block] = replayed.forward(x[block])
        dx_again[block] = pickle.loads(pickle.dumps(part)).backward(dy[block])
        assert replayed.shard == shard
    assert same_bits(y, whole)
    assert same_bits(again, whole)
    assert same_bits(dx, mask.backward(dy))
    assert same_bits(dx_again, dx)


@settings(deadline=None, max_examples=40)
@given(cut_shapes(), st.sampled_from(RATES))
def test_masks_alone(cut, p):
    shape, places = cut
    whole = dropcore.keep_mask(shape, p, rng=DRAW)
    for block in blocks(places):
        options = {"rng": DRAW, "shard": shard_of(shape, block)}
        keep = dropcore.keep_mask(whole[block].shape, p, **options)
        assert np.array_equal(keep, whole[block])
        packed = dropcore.keep_mask(whole[block].shape, p, packed=True, **options)
        assert np.array_equal(packed, np.packbits(keep, bitorder="little"))


# Rows from one decision to several groups of the cipher, beside each other and far apart.
LONG = [
    ((40, 50, 60), (3, 7, 11), (30, 20, 37)),
    ((3000, 14), (5, 3), (2900, 7)),
    ((700, 128), (1, 64), (600, 64)),
    ((5, 90000), (1, 40000), (3, 43210)),
    ((60, 2000), (10, 1000), (50, 1000)),
    ((12, 8192), (2, 4096), (9, 4096)),
    ((12, 8192), (2, 1024), (9, 2048)),
    ((9, 40000), (0, 17), (9, 20000)),
    ((60000, 3), (0, 1), (50000, 1)),
    ((8, 16, 32, 64), (2, 3, 0, 0), (5, 11, 32, 64)),
    ((8, 16, 32, 64), (2, 3, 5, 0), (5, 11, 20, 64)),
    ((400, 4096), (3, 2000), (390, 64)),
]


def block_of(offsets, lengths):
    return tuple(slice(o, o + n) for o, n in zip(offsets, lengths, strict=True))


def wrong_long_blocks():
    """The blocks of LONG that differ from the whole array, for each p, dtype, count of threads."""
    wrong = []
    for shape, offsets, lengths in LONG:
        block = block_of(offsets, lengths)
        for p in RATES:
            keep = dropcore.keep_mask(shape, p, rng=DRAW)[block]
            for dtype in DTYPES:
                x = values(lengths, dtype)
                expected = Mask.from_keep(keep, p).forward(x)
                y, mask = drop(x, p, shard_of(shape, block))
                right = same_bits(y, expected) and np.array_equal(mask.keep, keep)
                dx = drop(x, p, shard_of(shape, block), store="draw")[1].backward(x)
                if not (right and same_bits(dx, expected)):
                    wrong.append((shape, p, dtype))
    return wrong


@pytest.mark.parametrize("threads", [1, 3])
def test_long_blocks(threads, monkeypatch):
    monkeypatch.setattr(dropcore._core.threads, "PIECE", 5000)
    with dropcore.num_threads(threads):
        assert wrong_long_blocks() == []


@pytest.mark.parametrize("isa", dispatch.isas_available())
def test_long_blocks_of_every_instruction_set(isa):
    done = subprocess.run(
        [sys.executable, "-c", "import test_shards; print(test_shards.wrong_long_blocks())"],
        env=os.environ | {"DROPCORE_ISA": isa, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_stored_past_the_caches():
    before = nontemporal.set_nontemporal_from(0)
    try:
        assert wrong_long_blocks() == []
    finally:
        nontemporal.set_nontemporal_from(before)


# A shape of at most 2^63 - 1 elements, and the offsets of a block.
FAR = [
    ((2**40, 64), (2**30, 3)),
    ((2**20, 2**20, 2**22), (2**19, 7, 2**22 - 100)),
    ((2**33,), (2**32 - 50,)),
    ((2**62,), (2**62 - 300,)),
    ((3, 2**61 // 3), (1, 2**58 + 9)),
    ((2**21, 2**21, 2**20), (2**21 - 4, 2**21 - 1, 2**20 - 100)),
]


@pytest.mark.parametrize(("shape", "offsets"), FAR)
def test_places_beyond_32_bits(shape, offsets):
    length = {1: (300,), 2: (2, 60), 3: (4, 1, 100)}[len(shape)]
    y, _ = drop(np.ones(length, np.float32), 0.1, (shape, offsets))
    for row in np.ndindex(length[:-1]):
        start = 0
        for offset, index, n in zip(offsets, (*row, 0), shape, strict=True):
            start = start * n + offset + index
        keep = dropcore.keep_mask(length[-1], 0.1, rng=DRAW, start=start)
        assert np.array_equal(y[row] != 0, keep)


@pytest.mark.parametrize("out", ["new", "itself", "strided", "transposed"])
def test_any_strides(out):
    shape, block = (30, 40, 50), block_of((3, 10, 20), (20, 25, 27))
    x = values(shape)
    whole, mask = drop(x, 0.1, shared_axes=(1,))
    for base in (x, np.asfortranarray(x), x[::-1].copy()[::-1], x.transpose(1, 0, 2).copy()):
        view = base if base.shape == shape else base.transpose(1, 0, 2)
        source = view[block].copy(order="K") if out == "itself" else view[block]
        target = {
            "new": None,
            "itself": source,
            "strided": np.empty((20, 25, 54), np.float32)[..., ::2],
            "transposed": np.empty((27, 25, 20), np.float32).transpose(2, 1, 0),
        }[out]
        y, part = drop(source, 0.1, shard_of(shape, block), out=target, shared_axes=(1,))
        assert target is None or y is target
        assert same_bits(y, whole[block])
        assert same_bits(part.backward(view[block]), mask.backward(x)[block])


# ------------------------------------------------------------ what a variant sees


@dataclass(frozen=True, kw_only=True)
class OfShape(dropcore.PlannedVariant):
    """Scales by the length of axis 0, and shares decisions along the longest axis."""

    name: ClassVar[str] = "of-shape"

    def plan(self, p, shape):
        return dropcore.Plan(scale=float(shape[0]), shared_axes=int(np.argmax(shape)))


def test_a_plan_is_made_for_the_whole():
    x = np.ones((7, 9))
    whole, mask = drop(x, 0.5, variant=OfShape())
    for block in blocks([[0, 3, 7], [0, 2, 9]]):
        y, part = drop(x[block], 0.5, shard_of(x.shape, block), variant=OfShape())
        assert same_bits(y, whole[block])
        assert same_bits(part.backward(x[block]), mask.backward(x)[block])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(2, 9), min_size=2, max_size=4), st.data())
def test_a_deciding_variant_decides_for_the_whole(shape, data):
    variant = Half(axis=data.draw(st.integers(0, len(shape) - 1)))
    x = values(shape)
    whole, mask = drop(x, 0.5, variant=variant)
    cut = [sorted({0, n, data.draw(st.integers(0, n))}) for n in shape]
    for block in blocks(cut):
        y, part = drop(x[block], 0.5, shard_of(shape, block), variant=variant)
        assert same_bits(y, whole[block])
        assert same_bits(part.backward(x[block]), mask.backward(x)[block])
        again = pickle.loads(pickle.dumps(part))
        assert same_bits(again.forward(x[block]), y)
        assert np.array_equal(again.keep, mask.keep[block])


OPTIONS = {
    "spatial": {"channel_axis": 1},
    "dropblock": {"block_size": 3, "channel_axis": 1},
}


@pytest.mark.parametrize("name", sorted(dropcore.variant_names()))
def test_every_installed_variant(name):
    how = {"variant": name, **OPTIONS.get(name, {})}
    x = np.random.default_rng(3).normal(size=(6, 4, 12))
    cut = [[0, 1, 6], [0, 4], [0, 5, 7, 12]]
    if isinstance(variant_of(**how), dropcore.FreeVariant):
        with pytest.raises(TypeError, match=f"^shard must be None for variant '{name}'"):
            drop(x[:3], 0.3, ((6, 4, 12), (0, 0, 0)), **how, **further(name, x[:3]))
        return
    whole, mask = drop(x, 0.3, **how)
    for block in blocks(cut):
        y, part = drop(x[block], 0.3, shard_of(x.shape, block), **how)
        assert same_bits(y, whole[block])
        assert same_bits(part.backward(x[block]), mask.backward(x)[block])
        assert same_bits(Mask.from_record(part.record()).forward(x[block]), y)


def variant_of(variant, **options):
    return dropcore.get_variant(variant, **options)


def further(name, x):
    return {other: np.zeros_like(x) for other in variant_of(name).inputs[1:]}


@pytest.mark.parametrize("training", [True, False])
def test_a_free_variant_is_refused_by_name(training):
    with pytest.raises(TypeError, match=r"^shard must be None for variant 'noise'"):
        dropcore.dropout(
            np.ones(4), 0.5, training=training, rng=DRAW, variant=Noise(), shard=((8,), (4,))
        )


def test_inference_by_the_default_rule():
    x = values((4, 5))
    y, mask = dropcore.dropout(x, 0.5, training=False, shard=((8, 5), (4, 0)))
    assert same_bits(y, x)
    assert mask.shard == ((8, 5), (4, 0))
    assert mask.keep.all()
    assert Mask.from_record(mask.record()).shard == mask.shard
    with pytest.raises(
        TypeError, match=r"^shard must be None for variant 'halved', training=False"
    ):
        dropcore.dropout(x, 0.5, training=False, variant=Halved(), shard=((8, 5), (4, 0)))


class Halved(type(dropcore.get_variant("standard"))):
    """Standard dropout with an inference rule of its own."""

    name = "halved"

    def infer(self, p, *inputs):
        return inputs[0] * (1 - p)


# ------------------------------------------------------------ other processes


def test_a_mask_of_a_block_in_another_process(tmp_path):
    x = values((200, 300))
    shape, block = (400, 900), block_of((100, 450), (200, 300))
    y, mask = drop(x, 0.1, shard_of(shape, block), variant="alpha")
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "record.json").write_text(json.dumps(mask.record()))
    (tmp_path / "mask.pickle").write_bytes(pickle.dumps(mask))
    script = """
import json, pickle, sys, numpy as np, dropcore
from pathlib import Path
here = Path(sys.argv[1])
x = np.load(here / "x.npy")
record = dropcore.Mask.from_record(json.loads((here / "record.json").read_text()))
mask = pickle.loads((here / "mask.pickle").read_bytes())
np.savez(here / "out.npz", y=record.forward(x), dx=mask.backward(x), packed=record.packed)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)
    out = np.load(tmp_path / "out.npz")
    assert same_bits(out["y"], y)
    assert same_bits(out["dx"], mask.backward(x))
    assert np.array_equal(out["packed"], mask.packed)


# ------------------------------------------------------------ layers


@pytest.mark.parametrize("training", [True, False])
def test_the_layer(training):
    x = values((6, 50))
    layer = Dropout(0.3, rng=DRAW)
    layer.train() if training else layer.eval()
    y = layer(x).copy()
    dx = layer.backward(x).copy()
    for rows in (slice(0, 2), slice(2, 6)):
        assert same_bits(layer(x[rows], shard=((6, 50), (rows.start, 0))), y[rows])
        assert same_bits(layer.backward(x[rows], layer.mask), dx[rows])


@pytest.mark.parametrize("training", [True, False])
def test_the_autograd_adapter(training):
    x = np.ones((6, 50), np.float32)
    module = autograd.Dropout(0.3, rng=DRAW)
    module.train(training)
    y = module(x).data
    for rows in (slice(0, 2), slice(2, 6)):
        shard = ((6, 50), (rows.start, 0))
        by_function = autograd.dropout(x[rows], 0.3, training=training, rng=DRAW, shard=shard)
        part = autograd.Tensor(x[rows], requires_grad=True)
        by_module = module(part, shard=shard)
        by_module.sum().backward()
        assert same_bits(by_module.data, y[rows])
        assert same_bits(by_function.data, y[rows])
        assert same_bits(part.grad, y[rows])


# ------------------------------------------------------------ bad calls

BAD = [
    (((4, 6), (0, 0), 1), TypeError, "^shard must be .global_shape, offsets., not"),
    ([(4, 6), (0, 0)], TypeError, "^shard must be"),
    (7, TypeError, "^shard must be .*not 7"),
    (((4,), (0, 0)), ValueError, r"global_shape must be 2 integers.*not \(4,\)"),
    (((4, 6, 1), (0, 0)), ValueError, r"global_shape must be 2 integers.*not \(4, 6, 1\)"),
    ((24, (0, 0)), TypeError, r"global_shape must be 2 integers.*not 24"),
    (((4, 6.0), (0, 0)), TypeError, r"global_shape must be 2 integers.*6\.0"),
    (((4, True), (0, 0)), TypeError, r"global_shape must be 2 integers.*True"),
    (((4, 6), (0,)), ValueError, r"offsets must be 2 integers.*not \(0,\)"),
    (((4, 6), (0, 0, 0)), ValueError, r"offsets must be 2 integers.*not \(0, 0, 0\)"),
    (((4, 6), 0), ValueError, "offsets must be 2 integers.*not 0"),
    (((4, 6), (0, 1.0)), TypeError, r"offsets must be an integer, not 1\.0"),
    (((4, 6), (0, True)), TypeError, "offsets must be an integer, not True"),
    (((4, 6), (-1, 0)), ValueError, "within global_shape .*along axis 0 .*offset -1"),
    (((4, 6), (2, 4)), ValueError, "along axis 1 .* has 3 elements from offset 4"),
    (((4, 6), (2**70, 0)), ValueError, "along axis 0 .* has 2 elements from offset 1180"),
    (((1, 6), (0, 0)), ValueError, "along axis 0 .* has 2 elements from offset 0"),
    (((-4, 6), (0, 0)), ValueError, "along axis 0 .* has 2 elements from offset 0"),
    (((2**40, 2**23), (0, 0)), ValueError, r"global_shape must have fewer than 2\*\*63 elements"),
]


@pytest.mark.parametrize(("shard", "error", "message"), BAD)
def test_a_bad_shard(shard, error, message):
    x, out = np.ones((2, 3)), np.full((2, 3), 9.0)
    for training in (True, False):
        with pytest.raises(error, match=message):
            dropcore.dropout(x, 0.5, training=training, rng=DRAW, shard=shard, out=out)
    with pytest.raises(error, match=message):
        dropcore.keep_mask((2, 3), 0.5, rng=DRAW, shard=shard)
    with pytest.raises(error, match=message):
        Dropout(0.5, rng=DRAW)(x, shard=shard)
    assert (out == 9).all()


def generators():
    return [None, Stream(1), np.random.default_rng(3), np.random.PCG64(3)]


@pytest.mark.parametrize("rng", generators(), ids=lambda rng: type(rng).__name__)
def test_what_gives_each_block_a_mask_of_its_own_is_refused(rng):
    x, shard = np.ones((2, 3)), ((4, 3), (2, 0))
    message = r"^rng must be a Draw .*where shard is given, not .*pass the same Draw"
    with pytest.raises(TypeError, match=message):
        drop(x, 0.5, shard, rng=rng)
    with pytest.raises(TypeError, match=message):
        dropcore.keep_mask((2, 3), 0.5, rng=rng, shard=shard)
    with pytest.raises(TypeError, match=message):
        Dropout(0.5, rng=rng)(x, shard=shard)
    with pytest.raises(TypeError, match=message):
        autograd.Dropout(0.5, rng=rng)(x, shard=shard)
    if isinstance(rng, Stream):
        assert rng.position == 0


@pytest.mark.parametrize("rng", [7, np.int64(7), np.random.SeedSequence(7)])
def test_what_repeats_its_mask_is_taken(rng):
    x = np.ones((4, 3))
    whole, _ = drop(x, 0.5, rng=rng)
    assert same_bits(drop(x[2:], 0.5, ((4, 3), (2, 0)), rng=rng)[0], whole[2:])


def test_start_and_shard_exclude_each_other():
    with pytest.raises(ValueError, match=r"^start must be 0 where shard is given, not 5"):
        dropcore.keep_mask((2, 3), 0.5, rng=DRAW, start=5, shard=((4, 6), (0, 0)))


@pytest.mark.parametrize("shard", [None, 5, [[4, 6]], [[4, 6], [3, 0]], [[4, 6], [0, 0], [0, 0]]])
def test_a_record_with_a_bad_shard(shard):
    record = drop(np.ones((2, 3)), 0.5, ((4, 6), (0, 0)))[1].record()
    assert record["shard"] == [[4, 6], [0, 0]]
    if shard is None:
        del record["shard"]
        assert Mask.from_record(record).shard is None
        return
    with pytest.raises((TypeError, ValueError), match="shard"):
        Mask.from_record({**record, "shard": shard})


def test_the_text_of_a_mask_names_its_shard():
    mask = drop(np.ones((2, 3)), 0.5, ((4, 6), (0, 0)))[1]
    assert "shard=((4, 6), (0, 0))" in repr(mask)
    assert "shard" not in repr(drop(np.ones((2, 3)), 0.5)[1])
