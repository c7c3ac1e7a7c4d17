import doctest
import itertools
import json
import re
from pathlib import Path

import dropcore_dropblock
import numpy as np
import pytest
import scipy.stats

import dropcore

STREAM = dropcore.Stream(7)
DRAW = STREAM.at(3)


def block(size, **options):
    return dropcore.get_variant("dropblock", block_size=size, **{"channel_axis": 1, **options})


def keep_of(shape, p, variant, draw=DRAW):
    return np.broadcast_to(variant.decide(draw, p, shape), shape)


def paper(shape, p, size):
    """Algorithm 1 with the seeds at the corners of the blocks, for batch and channel first."""
    lengths = shape[2:]
    widths = [min(size, length) for length in lengths]
    places = [length - width + 1 for length, width in zip(lengths, widths, strict=True)]
    gamma = p / np.prod(widths) * np.prod(lengths) / np.prod(places)
    seeds = ~dropcore.keep_mask((*shape[:2], *places), gamma, rng=DRAW)
    keep = np.ones(shape, bool)
    for n, c, *corner in itertools.product(*map(range, seeds.shape)):
        if seeds[(n, c, *corner)]:
            box = tuple(slice(at, at + width) for at, width in zip(corner, widths, strict=True))
            keep[(n, c, *box)] = False
    return keep


SHAPES = [(3, 2, 20), (2, 3, 9, 11), (2, 1, 3, 12), (2, 2, 5, 6, 7)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("size", [1, 2, 4, 7])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5])
def test_blocks_are_the_papers(shape, size, p):
    np.testing.assert_array_equal(keep_of(shape, p, block(size)), paper(shape, p, size))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_rest_is_scaled_by_what_was_kept(shape):
    x = np.random.default_rng(0).normal(size=shape)
    variant = block(3)
    y, mask = dropcore.dropout(x, 0.2, training=True, rng=DRAW, variant=variant)
    keep = keep_of(shape, 0.2, variant)
    assert 0 < keep.sum() < keep.size
    np.testing.assert_array_equal(y, np.where(keep, x * (keep.size / keep.sum()), 0))
    np.testing.assert_array_equal(mask.backward(x), y)


@pytest.mark.parametrize("share", [False, True])
def test_the_mean_of_equal_elements_is_theirs_in_every_draw(share):
    x = np.full((4, 3, 10, 10), 3.0)
    variant = block(4, share_channels=share)
    for index in range(20):
        y, mask = dropcore.dropout(x, 0.3, training=True, rng=STREAM.at(index), variant=variant)
        assert not mask.keep.all()
        assert y.mean() == pytest.approx(3, rel=1e-12)


def test_the_border_is_dropped_less_often():
    keep = np.mean([keep_of((1, 1, 9), 0.3, block(5), STREAM.at(i))[0, 0] for i in range(4000)], 0)
    gamma = 0.3 / 5 * 9 / 5
    expected = 1 - (1 - gamma) ** np.array([1, 2, 3, 4, 5, 4, 3, 2, 1])
    np.testing.assert_allclose(1 - keep, expected, atol=4.5 * 0.5 / np.sqrt(4000))


@pytest.mark.parametrize("size", [1, 6, 100])
def test_without_overlap_the_rate_is_p(size):
    shape = (100, 100, 6, 6)
    dropped = ~keep_of(shape, 0.3, block(size))
    units = 100 * 100 * (36 if size == 1 else 1)
    assert abs(dropped.mean() - 0.3) < 4.5 * np.sqrt(0.21 / units)


def test_shared_channels_have_the_same_blocks():
    x = np.ones((5, 7, 8, 8))
    variant = block(3, share_channels=True)
    _, mask = dropcore.dropout(x, 0.3, training=True, rng=DRAW, variant=variant)
    assert mask.keep.shape == (5, 1, 8, 8)
    assert not mask.keep.all()


@pytest.mark.parametrize(
    ("channel_axis", "batch_axis", "order"),
    [(-1, 0, (0, 2, 3, 1)), (0, 1, (1, 0, 2, 3)), (-2, -1, (2, 3, 1, 0))],
)
def test_any_order_of_axes(channel_axis, batch_axis, order):
    shape = tuple((4, 3, 8, 8)[axis] for axis in order)
    variant = block(3, channel_axis=channel_axis, batch_axis=batch_axis)
    keep = np.transpose(keep_of(shape, 0.3, variant), np.argsort(order))
    assert keep.shape == (4, 3, 8, 8)
    for image in keep.reshape(12, 8, 8):  # each dropped element is in a whole block
        corners = np.lib.stride_tricks.sliding_window_view(~image, (3, 3)).all(axis=(2, 3))
        covered = np.zeros((8, 8), bool)
        for i, j in np.argwhere(corners):
            covered[i : i + 3, j : j + 3] = True
        np.testing.assert_array_equal(covered, ~image)
    assert len({image.tobytes() for image in keep.reshape(12, 8, 8)}) > 6


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 8)])
def test_a_single_sample_has_no_batch_axis(shape):
    single = keep_of(shape, 0.3, block(2, channel_axis=0, batch_axis=None))
    np.testing.assert_array_equal(single, keep_of((1, *shape), 0.3, block(2))[0])


def test_blocks_of_samples_and_channels_are_independent():
    keep = keep_of((40, 50, 8, 8), 0.3, block(3))
    whole = keep.reshape(40, 50, 64).all(axis=2)  # maps without dropped elements
    for one, other in ((whole[:-1], whole[1:]), (whole[:, :-1], whole[:, 1:])):
        table = np.histogram2d(one.ravel(), other.ravel(), bins=2)[0]
        assert scipy.stats.chi2_contingency(table).pvalue > 1e-4


def test_nothing_kept_gives_zeros():
    x = np.full((1, 1, 4, 4), np.nan)
    for p, variant in [(1, block(2)), (1 - 2**-60, block(4))]:
        y, mask = dropcore.dropout(x, p, training=True, rng=DRAW, variant=variant)
        np.testing.assert_array_equal(y, np.zeros_like(x))
        np.testing.assert_array_equal(mask.backward(x), np.zeros_like(x))


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4), (2, 3, 0, 4)])
def test_empty_arrays(shape):
    for share in (False, True):
        variant = block(2, share_channels=share)
        y, mask = dropcore.dropout(np.ones(shape), 0.5, training=True, rng=DRAW, variant=variant)
        assert y.shape == mask.backward(y).shape == shape


@pytest.mark.parametrize("shape", [(), (4,), (4, 3)])
def test_an_array_without_a_spatial_axis_is_refused(shape):
    with pytest.raises(ValueError, match=r"channel_axis|batch_axis"):
        dropcore.dropout(np.ones(shape), 0.5, training=True, rng=DRAW, variant=block(2))


def test_channel_and_batch_must_be_two_axes():
    with pytest.raises(ValueError, match="must be two"):
        keep_of((2, 3, 4), 0.5, block(2, batch_axis=-2))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"block_size": 0}, ValueError),
        ({"block_size": 2.0}, TypeError),
        ({"channel_axis": "C"}, TypeError),
        ({"batch_axis": 0.0}, TypeError),
        ({"share_channels": 1}, TypeError),
    ],
)
def test_bad_options_are_refused_when_they_are_given(options, error):
    with pytest.raises(error, match=next(iter(options))):
        dropcore.get_variant("dropblock", **{"block_size": 2, "channel_axis": 1, **options})


def test_options_of_numpy_are_held_as_pythons():
    given = {"block_size": np.int64(3), "channel_axis": np.int8(1), "batch_axis": np.uint8(0)}
    for share_channels in (True, np.True_):
        options = {**given, "share_channels": share_channels}
        y, mask = dropcore.dropout(
            np.ones((2, 3, 9)), 0.3, training=True, rng=1, variant="dropblock", **options
        )
        again = dropcore.Mask.from_record(json.loads(json.dumps(mask.record())))
        np.testing.assert_array_equal(again.forward(np.ones((2, 3, 9))), y)
        held = dropcore_dropblock.DropBlock(**options).options()
        assert [type(value) for value in held.values()] == [int, int, int, bool]


def test_the_examples_run():
    assert doctest.testmod(dropcore_dropblock) == (0, 5)
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    exec(example, {})
