"""The real data: the split, the scaling, and the wrong labels."""

import numpy as np
import pytest
from dropcore_lab.experiments import data

pytest.importorskip("sklearn")


def _digits(rows=300, noise=0.2, seed=0):
    return data.digits(rows, noise, np.random.default_rng(seed))


def test_every_row_lands_in_one_part():
    split = _digits()
    assert split.train_x.shape == (300, data.DIGITS_FEATURES)
    assert split.val_x.shape == (data.DIGITS_ROWS - 300, data.DIGITS_FEATURES)
    other = _digits(rows=1000, seed=1)
    one, two = (sorted(map(bytes, [*s.train_x, *s.val_x])) for s in (split, other))
    assert one == two


def test_pixels_are_scaled():
    split = _digits()
    assert split.train_x.dtype == np.float32
    assert split.train_x.min() == 0
    assert split.train_x.max() == 1


def test_the_seed_decides_everything():
    one, same, other = _digits(), _digits(), _digits(seed=1)
    for field in ("train_x", "train_labels", "val_x", "val_labels", "val_truth"):
        np.testing.assert_array_equal(getattr(one, field), getattr(same, field))
        assert not np.array_equal(getattr(one, field), getattr(other, field))


@pytest.mark.parametrize("noise", [0.0, 0.2, 1.0])
def test_share_of_wrong_labels(noise):
    split = _digits(rows=1, noise=noise)
    wrong = np.mean(split.val_labels != split.val_truth)
    five_errors = 5 * np.sqrt(noise * (1 - noise) / len(split.val_truth))
    assert abs(wrong - noise) <= five_errors
    assert set(split.val_labels) == set(range(data.DIGITS_CLASSES))


def test_noise_leaves_the_rows_alone():
    np.testing.assert_array_equal(_digits(noise=0.0).train_x, _digits(noise=0.5).train_x)


@pytest.mark.parametrize("rows", [0, 1797])
def test_rows_out_of_range(rows):
    with pytest.raises(ValueError, match=rf"rows must be in 1 \.\.\. 1796, not {rows}"):
        _digits(rows=rows)


@pytest.mark.parametrize("noise", [-0.1, 1.5, float("nan")])
def test_noise_out_of_range(noise):
    with pytest.raises(ValueError, match=r"noise must be in \[0, 1\]"):
        _digits(noise=noise)
