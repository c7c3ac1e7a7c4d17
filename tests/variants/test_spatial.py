"""Spatial dropout drops whole channels, on any axis."""

import numpy as np
import pytest

import dropcore


@pytest.mark.parametrize(
    ("shape", "channel_axis", "batch_axis"),
    [
        ((8, 16, 5, 7), 1, 0),
        ((8, 5, 7, 16), -1, 0),
        ((16, 5, 7), 0, None),
        ((5, 7, 16), -1, None),
        ((9, 4, 16), 2, 1),
    ],
)
def test_whole_channels_are_dropped(shape, channel_axis, batch_axis):
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    y, _ = dropcore.dropout(
        x,
        0.5,
        training=True,
        rng=1,
        variant="spatial",
        channel_axis=channel_axis,
        batch_axis=batch_axis,
    )
    own = [axis % x.ndim for axis in (channel_axis, batch_axis) if axis is not None]
    channels = np.moveaxis(y, own, range(len(own))).reshape(-1, x.size // _product(x, own))
    kept = channels.any(axis=1)
    assert 0 < kept.sum() < len(kept)
    scaled = np.moveaxis(x * np.float32(2), own, range(len(own))).reshape(channels.shape)
    np.testing.assert_array_equal(channels, np.where(kept[:, None], scaled, 0))


def _product(x, axes):
    return int(np.prod([x.shape[axis] for axis in axes]))


def test_both_layouts_make_the_same_decisions():
    x = np.ones((4, 6, 3, 5), np.float32)
    draw = dropcore.Stream(1).at(0)
    first, _ = dropcore.dropout(x, 0.5, training=True, rng=draw, variant="spatial", channel_axis=1)
    last, _ = dropcore.dropout(
        np.moveaxis(x, 1, -1), 0.5, training=True, rng=draw, variant="spatial", channel_axis=-1
    )
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), last)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4,), {"channel_axis": 1}, "channel_axis"),
        ((4, 5), {"channel_axis": 1}, "x must have an axis besides"),
        ((4, 5, 6), {"channel_axis": 0}, "which are one axis"),
        ((4, 5, 6), {"channel_axis": 1, "batch_axis": 3}, "batch_axis"),
        ((4, 5, 6), {"channel_axis": -3}, "which are one axis"),
    ],
)
def test_a_rank_that_it_cannot_read_is_an_error(shape, options, message):
    stream = dropcore.Stream(1)
    with pytest.raises(ValueError, match=message):
        dropcore.dropout(
            np.ones(shape), 0.5, training=True, rng=stream, variant="spatial", **options
        )
    assert stream.position == 0
