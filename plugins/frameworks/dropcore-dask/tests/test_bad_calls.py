"""Bad calls raise before they take a draw, and before any computation."""

from dataclasses import dataclass

import dask.array as da
import dropcore_dask
import numpy as np
import pytest
import xarray
from helpers import DRAW

import dropcore

ONES = da.ones((4, 6), chunks=(2, 3))


def unknown():
    """An array of 24 elements whose chunk sizes are known only after a computation."""
    flat = da.ones(24, chunks=5)
    return flat[flat > 0]


BAD = [
    (
        {"x": np.ones((4, 6))},
        TypeError,
        r"^x must be a dask.array.Array, not numpy.ndarray: .*from_array",
    ),
    (
        {"x": xarray.DataArray(ONES)},
        TypeError,
        r"^x must be a dask.array.Array, not xarray.*DataArray: .*apply_ufunc",
    ),
    ({"x": [1.0, 2.0]}, TypeError, r"^x must be a dask.array.Array, not builtins.list"),
    (
        {"x": unknown()},
        ValueError,
        r"^x must have chunks of known sizes, not .*nan.*x\.compute_chunk_sizes\(\)",
    ),
    ({"x": ONES.astype(int)}, TypeError, r"^x must .*not .*int64"),
    ({"x": ONES.astype("complex64")}, TypeError, r"^x must .*not .*complex64"),
    ({"x": ONES.astype(">f4")}, TypeError, "^x must .*native byte order, not .*>f4"),
    (
        {"x": ONES.map_blocks(np.ma.masked_invalid)},
        TypeError,
        r"^x must have chunks that are NumPy arrays, not numpy.ma",
    ),
    ({"p": 1.5}, ValueError, r"^p must be in \[0, 1\], .*not 1\.5"),
    ({"p": float("nan")}, ValueError, r"^p must be in \[0, 1\], .*not nan"),
    ({"p": da.ones(())}, TypeError, "^p must be"),
    ({"training": 1}, TypeError, "^training must be True or False, not 1"),
    ({"training": None}, TypeError, "^training must be True or False, not None"),
    ({"rng": "42"}, TypeError, "^rng must be .*not '42'"),
    ({"rng": -1}, ValueError, "^rng must be .*not -1"),
    ({"rng": np.random.RandomState(1)}, TypeError, "^rng must be .*not a RandomState"),
    ({"variant": "standart"}, LookupError, "standart.*standard"),
    ({"variant": "spatial"}, TypeError, "channel_axis must be given"),
    ({"variant": "spatial", "channel_axis": 5}, ValueError, "axis"),
    (
        {"variant": "gaussian"},
        TypeError,
        "not 'gaussian' with training=True: it may need",
    ),
    (
        {"variant": "exactcount"},
        TypeError,
        "not 'exactcount' with training=True: it may need",
    ),
    (
        {"variant": "zoneout"},
        TypeError,
        "not 'zoneout' with training=True: it may need",
    ),
    (
        {"variant": "exactcount", "training": False},
        TypeError,
        "not 'exactcount' with training=False",
    ),
    ({"shared_axes": 2}, ValueError, "shared_axes"),
    ({"out": np.ones((4, 6))}, TypeError, "options of variant 'standard' must be .*not 'out'"),
    ({"store": "bits"}, TypeError, "options of variant 'standard' must be .*not 'store'"),
    ({"shard": 7}, TypeError, "^shard must be .global_shape, offsets., not 7"),
    ({"shard": ((8,), (0, 0))}, ValueError, r"global_shape must be 2 integers.*not \(8,\)"),
    ({"shard": ((8, 6), (0, 0, 0))}, ValueError, r"offsets must be 2 integers.*not \(0, 0, 0\)"),
    ({"shard": ((8, 6), (-1, 0))}, ValueError, "along axis 0 x has 4 elements from offset -1"),
    ({"shard": ((8, 6), (5, 0))}, ValueError, "along axis 0 x has 4 elements from offset 5"),
    ({"shard": ((3, 6), (0, 0))}, ValueError, "along axis 0 x has 4 elements from offset 0"),
    ({"shard": ((8, 6), (0, 0.5))}, TypeError, "offsets must be an integer, not 0.5"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), BAD, ids=lambda value: str(value)[:40])
def test_a_bad_call(wrong, error, message):
    stream = dropcore.Stream(1)
    source = DRAW if "shard" in wrong else stream
    arguments = {"x": ONES, "p": 0.5, "training": True, "rng": source} | wrong
    with pytest.raises(error, match=message):
        dropcore_dask.dropout(**arguments)
    assert stream.position == 0


@pytest.mark.parametrize(
    "rng",
    [None, dropcore.Stream(1), np.random.default_rng(3), np.random.PCG64(3)],
    ids=lambda rng: type(rng).__name__,
)
def test_what_gives_each_block_a_mask_of_its_own_is_refused(rng):
    message = r"^rng must be a Draw .*where shard is given, not .*pass the same Draw"
    shard = ((8, 6), (4, 0))
    with pytest.raises(TypeError, match=message):
        dropcore_dask.dropout(ONES, 0.5, training=True, rng=rng, shard=shard)
    with pytest.raises(TypeError, match=message):
        dropcore_dask.keep_mask((4, 6), 0.5, rng=rng, shard=shard)
    if isinstance(rng, dropcore.Stream):
        assert rng.position == 0


BAD_MASKS = [
    ({"shape": (4, -1)}, ValueError, r"shape must be .*\(4, -1\)"),
    ({"shape": (4, 2.0)}, TypeError, r"shape must be .*\(4, 2\.0\)"),
    ({"shape": (float("nan"),)}, TypeError, r"shape must be .*nan"),
    ({"p": -0.1}, ValueError, r"^p must be in \[0, 1\], .*not -0\.1"),
    ({"rng": "42"}, TypeError, "^rng must be .*not '42'"),
    ({"chunks": (2, 2, 2)}, ValueError, "[Cc]hunks"),
    ({"chunks": ((2, 1), 6)}, ValueError, "[Cc]hunks"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), BAD_MASKS, ids=str)
def test_a_bad_call_of_keep_mask(wrong, error, message):
    with pytest.raises(error, match=message):
        dropcore_dask.keep_mask(**{"shape": (4, 6), "p": 0.5, "rng": DRAW, "chunks": 2} | wrong)


def test_a_gradient_that_does_not_fit():
    _, mask = dropcore_dask.dropout(ONES, 0.5, training=True, rng=DRAW)
    with pytest.raises(
        ValueError, match=r"^dy must have the shape of the mask, \(4, 6\), not \(6, 4\)"
    ):
        mask.backward(ONES.T)
    with pytest.raises(TypeError, match=r"^dy must be a dask.array.Array, not numpy.ndarray"):
        mask.backward(np.ones((4, 6)))
    with pytest.raises(
        ValueError, match=r"^dy must have chunks of known sizes.*dy\.compute_chunk_sizes"
    ):
        mask.backward(unknown())
    with pytest.raises(TypeError, match=r"^dy must .*int64"):
        mask.backward(ONES.astype(int))


def test_unknown_chunks_are_taken_once_their_sizes_are_computed():
    x = unknown()
    x.compute_chunk_sizes()
    y, _ = dropcore_dask.dropout(x, 0.5, training=True, rng=DRAW)
    assert np.array_equal(y.compute() != 0, dropcore.keep_mask(24, 0.5, rng=DRAW))


def test_a_chunk_that_is_not_what_dask_was_told():
    short = ONES.map_blocks(lambda block: block[:1], dtype=float, meta=np.empty((0, 0)))
    y, _ = dropcore_dask.dropout(short, 0.5, training=True, rng=DRAW)
    with pytest.raises(ValueError, match=r"shape.*\(2, 3\).*\(1, 3\)|shape.*\(1, 3\).*\(2, 3\)"):
        y.compute()


@dataclass(frozen=True, kw_only=True)
class Halved(type(dropcore.get_variant("standard"))):
    """Standard dropout with another inference rule; the variant is not registered."""

    name = "standard"

    def infer(self, p, *inputs):
        return inputs[0] * (1 - p)


def test_a_variant_that_workers_cannot_look_up():
    with pytest.raises(TypeError, match="must be registered under its name"):
        dropcore_dask.dropout(ONES, 0.5, training=True, rng=DRAW, variant=Halved())


def test_an_inference_rule_of_its_own():
    with pytest.raises(TypeError, match="not 'standard' with training=False: it may need"):
        dropcore_dask.dropout(ONES, 0.5, training=False, variant=Halved())


def test_masks_that_no_worker_can_make():
    with pytest.raises(TypeError, match=r"^whole must be a dropcore.Mask, not dict"):
        dropcore_dask.Mask({})
    with pytest.raises(ValueError, match=r"^whole must have a draw"):
        dropcore_dask.Mask(dropcore.Mask.from_keep([1, 0], p=0.5))
    _, whole = dropcore.dropout(
        np.ones((2, 10)), 0.5, training=True, rng=DRAW, variant="exactcount"
    )
    with pytest.raises(TypeError, match="not 'exactcount' with training=True: it may need"):
        dropcore_dask.Mask(whole)
