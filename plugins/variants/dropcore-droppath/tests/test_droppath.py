import doctest
import json
import re
from pathlib import Path

import dropcore_droppath
import numpy as np
import pytest
from dropcore_droppath import linear_rates

import dropcore

DRAW = dropcore.Stream(7).at(3)


def drop(x, p=0.4, **options):
    return dropcore.dropout(x, p, training=True, rng=DRAW, variant="droppath", **options)


@pytest.mark.parametrize("shape", [(50,), (50, 3), (50, 2, 3, 4)])
@pytest.mark.parametrize("batch_axis", [0, -1])
def test_whole_samples_are_dropped_or_scaled(shape, batch_axis):
    x = np.random.default_rng(0).normal(size=shape)
    x = np.moveaxis(x, 0, batch_axis)
    y, mask = drop(x, batch_axis=batch_axis)
    keep = dropcore.keep_mask(50, 0.4, rng=DRAW)  # one decision for each sample, in order
    samples, dropped = np.moveaxis(x, batch_axis, 0), np.moveaxis(y, batch_axis, 0)
    np.testing.assert_array_equal(dropped[keep], samples[keep] * (1 / 0.6))
    assert (dropped[~keep] == 0).all()
    assert mask.keep.size == 50
    np.testing.assert_array_equal(mask.keep.ravel(), keep)
    np.testing.assert_array_equal(mask.backward(x), y)


def test_a_dropped_sample_leaves_no_trace():
    x = np.full((20, 3), np.nan)
    y, mask = drop(x)
    np.testing.assert_array_equal(y == 0, np.broadcast_to(~mask.keep, x.shape))


def test_p_one_drops_everything():
    y, _ = drop(np.ones((4, 3)), p=1)
    assert (y == 0).all()


@pytest.mark.parametrize(("shape", "axis"), [((), 0), ((3,), 1), ((3, 4), -3)])
def test_an_array_without_the_axis_is_refused(shape, axis):
    with pytest.raises(ValueError, match="batch_axis"):
        drop(np.ones(shape), batch_axis=axis)


@pytest.mark.parametrize("axis", [1.0, "0", None, True])
def test_a_bad_option_is_refused_when_it_is_given(axis):
    with pytest.raises(TypeError, match="batch_axis"):
        dropcore.get_variant("droppath", batch_axis=axis)


def test_without_a_scale_kept_samples_stay_as_they_are():
    x = np.random.default_rng(0).normal(size=(50, 3))
    y, mask = drop(x, scale_by_keep=False)
    np.testing.assert_array_equal(mask.keep, drop(x)[1].keep)
    np.testing.assert_array_equal(y, np.where(mask.keep, x, 0))
    np.testing.assert_array_equal(mask.backward(x), y)
    y, _ = dropcore.dropout(x, 0.4, training=False, variant="droppath", scale_by_keep=False)
    np.testing.assert_array_equal(y, x)
    with pytest.raises(TypeError, match="scale_by_keep must be True or False, not 1"):
        drop(x, scale_by_keep=1)


def test_options_of_numpy_are_held_as_pythons():
    variant = dropcore_droppath.DropPath(batch_axis=np.int64(1), scale_by_keep=np.False_)
    _, mask = dropcore.dropout(np.ones((3, 8)), 0.5, training=True, rng=1, variant=variant)
    options = json.loads(json.dumps(mask.record()))["options"]
    assert options == {"batch_axis": 1, "scale_by_keep": False}
    assert linear_rates(np.float32(0.5), np.int64(2)) == [0.25, 0.5]


@pytest.mark.parametrize("p_max", [0, 0.2, 0.3, 1])
@pytest.mark.parametrize("depth", [1, 2, 24, 1001])
def test_linear_rates_are_the_papers(p_max, depth):
    rates = linear_rates(p_max, depth)
    assert len(rates) == depth
    assert rates[-1] == p_max
    survival = [1 - block / depth * (1 - (1 - p_max)) for block in range(1, depth + 1)]
    np.testing.assert_allclose(1 - np.array(rates), survival, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("p_max", "depth", "error", "names"),
    [
        (-0.1, 3, ValueError, "p_max"),
        (1.1, 3, ValueError, "p_max"),
        (float("nan"), 3, ValueError, "p_max"),
        ("0.5", 3, TypeError, "p_max"),
        (0.5, 0, ValueError, "depth"),
        (0.5, 2.0, TypeError, "depth"),
        (0.5, True, TypeError, "depth"),
    ],
)
def test_linear_rates_refuses(p_max, depth, error, names):
    with pytest.raises(error, match=names):
        linear_rates(p_max, depth)


def test_the_examples_run():
    assert doctest.testmod(dropcore_droppath) == (0, 5)
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    exec(example, {})
