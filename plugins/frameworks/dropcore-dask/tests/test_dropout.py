"""For any chunks, the result is bit-identical to `dropcore.dropout` on the whole array."""

import json
import pickle

import dask
import dask.array as da
import dropcore_dask
import ml_dtypes
import numpy as np
import pytest
from helpers import DRAW, same_bits, values
from hypothesis import given, settings
from hypothesis import strategies as st

import dropcore

DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]
RATES = [0.0, 2.0**-64, 0.1, 0.25, 3 / 16, 0.5, 2 / 3, 0.9, 1.0]

pytestmark = pytest.mark.usefixtures("in_one_thread")


@pytest.fixture(scope="module")
def in_one_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@st.composite
def chunked_shapes(draw):
    """A shape of at most five axes, and lengths of chunks along each; some may be 0."""
    shape = tuple(draw(st.lists(st.integers(0, 9), max_size=5)))
    cuts = [sorted([0, n, *draw(st.lists(st.integers(0, n), max_size=2))]) for n in shape]
    return shape, tuple(tuple(int(n) for n in np.diff(cut)) for cut in cuts)


@st.composite
def hows(draw, ndim):
    """A planned variant and its options, for arrays of `ndim` axes."""
    names = ["standard", "alpha", *["droppath"][:ndim], *["spatial"][: max(ndim - 2, 0)]]
    variant = draw(st.sampled_from(names))
    if variant == "spatial":
        return {"variant": variant, "channel_axis": draw(st.integers(1, ndim - 1))}
    if variant in ("standard", "alpha"):
        shared = draw(st.sets(st.integers(0, ndim - 1))) if ndim else ()
        return {"variant": variant, "shared_axes": tuple(shared)}
    return {"variant": variant}


@settings(deadline=None)
@given(st.data(), chunked_shapes(), st.sampled_from(RATES), st.sampled_from(DTYPES))
def test_any_chunks(data, chunked, p, dtype):
    shape, chunks = chunked
    how = data.draw(hows(len(shape)))
    with np.errstate(all="ignore"):
        x, dy = values(shape, dtype), values(shape, dtype, seed=1)
    whole, mask = dropcore.dropout(x, p, training=True, rng=DRAW, **how)
    y, lazy = dropcore_dask.dropout(
        da.from_array(x, chunks=chunks), p, training=True, rng=DRAW, **how
    )
    assert (y.chunks, y.dtype) == (chunks, x.dtype)
    assert same_bits(y.compute(), whole)
    for chunks_of_dy in (chunks, shape, 4):
        dx = lazy.backward(da.from_array(dy, chunks=chunks_of_dy))
        assert same_bits(dx.compute(), mask.backward(dy))
    again = dropcore_dask.Mask(
        dropcore.Mask.from_record(json.loads(json.dumps(lazy.whole.record())))
    )
    assert same_bits(again.forward(da.from_array(x, chunks=3)).compute(), whole)
    keep = pickle.loads(pickle.dumps(lazy)).keep(chunks=chunks)
    assert keep.chunks == chunks
    assert same_bits(keep.compute(), np.array(np.broadcast_to(mask.keep, shape)))


@settings(deadline=None)
@given(chunked_shapes(), st.sampled_from(RATES))
def test_masks_alone(chunked, p):
    shape, chunks = chunked
    keep = dropcore_dask.keep_mask(shape, p, rng=DRAW, chunks=chunks)
    assert (keep.shape, keep.chunks, keep.dtype) == (shape, chunks, bool)
    assert same_bits(keep.compute(), dropcore.keep_mask(shape, p, rng=DRAW))


def test_a_mask_by_the_number_of_elements():
    keep = dropcore_dask.keep_mask(1000, 0.1, rng=DRAW, chunks=77)
    assert same_bits(keep.compute(), dropcore.keep_mask(1000, 0.1, rng=DRAW))


@settings(deadline=None, max_examples=40)
@given(chunked_shapes(), st.data())
def test_slices_of_what_was_dropped(chunked, data):
    shape, chunks = chunked
    x = values(shape)
    whole, _ = dropcore.dropout(x, 0.5, training=True, rng=DRAW)
    y, _ = dropcore_dask.dropout(da.from_array(x, chunks=chunks), 0.5, training=True, rng=DRAW)
    some = tuple(
        slice(
            data.draw(st.integers(0, n)),
            data.draw(st.integers(0, n)),
            data.draw(st.sampled_from([1, 2, -1])),
        )
        for n in shape
    )
    assert same_bits(y[some].compute(), np.asarray(whole[some]))
    assert same_bits(y.rechunk(2)[some].compute(), np.asarray(whole[some]))


def test_long_rows_in_chunks_that_fit_nothing():
    x = values((37, 50, 6100))
    whole, mask = dropcore.dropout(x, 0.1, training=True, rng=DRAW, variant="alpha", shared_axes=1)
    for chunks in [(37, 50, 6100), (10, 7, 999), ((1, 30, 6), 13, (1, 4096, 2003))]:
        y, lazy = dropcore_dask.dropout(
            da.from_array(x, chunks=chunks),
            0.1,
            training=True,
            rng=DRAW,
            variant="alpha",
            shared_axes=1,
        )
        assert same_bits(y.compute(), whole)
        assert same_bits(lazy.backward(y).compute(), mask.backward(whole))


def test_chunks_in_any_order_of_memory():
    x = np.asfortranarray(values((60, 70)))
    whole, _ = dropcore.dropout(x, 0.1, training=True, rng=DRAW)
    y, _ = dropcore_dask.dropout(da.from_array(x, chunks=33), 0.1, training=True, rng=DRAW)
    flipped, _ = dropcore_dask.dropout(
        da.from_array(x[::-1].T, chunks=33).T[::-1], 0.1, training=True, rng=DRAW
    )
    assert same_bits(y.compute(), whole)
    assert same_bits(flipped.compute(), whole)


def test_inference_is_the_array_itself():
    x = da.ones((4, 5), chunks=2)
    stream = dropcore.Stream(1)
    y, mask = dropcore_dask.dropout(x, 0.5, training=False, rng=stream)
    assert y is x
    assert mask.backward(x) is x
    assert mask.keep(chunks=3).compute().all()
    assert (mask.whole.training, stream.position) == (False, 0)


def test_places_beyond_32_bits():
    y, mask = dropcore_dask.dropout(
        da.ones((3, 1000), chunks=(2, 300), dtype="float32"),
        0.1,
        training=True,
        rng=DRAW,
        shard=((2**40, 1000), (2**39, 0)),
    )
    keep = dropcore.keep_mask(3000, 0.1, rng=DRAW, start=2**39 * 1000).reshape(3, 1000)
    assert np.array_equal(y.compute() != 0, keep)
    assert np.array_equal(mask.keep(chunks=700).compute(), keep)


@pytest.mark.parametrize("variant", ["standard", "droppath"])
def test_a_dask_array_that_is_a_block_of_a_larger_one(variant):
    x = values((40, 50))
    how = {"training": True, "rng": DRAW, "variant": variant}
    whole, mask = dropcore.dropout(x, 0.3, **how)
    for rows in (slice(0, 13), slice(13, 40)):
        shard = ((40, 50), (rows.start, 0))
        y, lazy = dropcore_dask.dropout(da.from_array(x[rows], chunks=7), 0.3, shard=shard, **how)
        assert same_bits(y.compute(), whole[rows])
        assert same_bits(
            lazy.backward(da.from_array(x[rows], chunks=11)).compute(), mask.backward(x)[rows]
        )
    keep = dropcore_dask.keep_mask((27, 50), 0.3, rng=DRAW, chunks=7, shard=((40, 50), (13, 0)))
    assert same_bits(keep.compute(), dropcore.keep_mask((40, 50), 0.3, rng=DRAW)[13:])


# ------------------------------------------------------------ sources of the draw


def test_a_stream_gives_one_draw_a_call_however_often_it_is_computed():
    stream = dropcore.Stream(7)
    x = da.ones((100, 100), chunks=30, dtype="float32")
    y, mask = dropcore_dask.dropout(x, 0.5, training=True, rng=stream)
    other, _ = dropcore_dask.dropout(x, 0.5, training=True, rng=stream)
    assert stream.position == 2
    assert mask.whole.draw == dropcore.Stream(7).at(0)
    assert same_bits(y.compute(), y.compute())
    assert not same_bits(y.compute(), other.compute())
    assert stream.position == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: 7,
        lambda: np.random.SeedSequence(7),
        lambda: np.random.default_rng(7),
        lambda: np.random.PCG64(7),
        lambda: DRAW,
    ],
)
def test_every_source_gives_the_mask_that_it_gives_in_numpy(make):
    y, _ = dropcore_dask.dropout(da.ones(1000, chunks=99), 0.5, training=True, rng=make())
    assert same_bits(
        y.compute(), dropcore.dropout(np.ones(1000), 0.5, training=True, rng=make())[0]
    )


def test_without_a_source_each_call_has_its_own_mask():
    a, _ = dropcore_dask.dropout(da.ones(1000, chunks=99), 0.5, training=True)
    b, _ = dropcore_dask.dropout(da.ones(1000, chunks=99), 0.5, training=True)
    assert same_bits(a.compute(), a.compute())
    assert not same_bits(a.compute(), b.compute())
