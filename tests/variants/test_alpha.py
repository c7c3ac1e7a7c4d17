"""Alpha dropout: the output has the moments of the input."""

import numpy as np
import pytest

import dropcore


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
@pytest.mark.parametrize(("mean", "var"), [(0, 1), (1, 1), (0, 3), (2, 0.5)])
@pytest.mark.parametrize("shared_axes", [(), (2, 3)])
def test_mean_and_variance_are_kept_within_one_percent(mean, var, p, shared_axes):
    shape = (1000, 1000, 2, 2)
    x = np.random.default_rng(1).normal(mean, var**0.5, shape).astype(np.float32)
    y, mask = dropcore.dropout(
        x,
        p,
        training=True,
        rng=dropcore.Stream(1).at(0),
        variant="alpha",
        fixed_mean=mean,
        fixed_var=var,
        shared_axes=shared_axes,
    )
    assert abs(y.mean(dtype=float) - mean) < 0.01 * var**0.5
    assert abs(y.var(dtype=float) / var - 1) < 0.01
    assert mask.keep.shape == tuple(1 if a in shared_axes else n for a, n in enumerate(shape))


def test_the_formula_at_one_half():
    limit, p, q = -1.7580993408473766, 0.5, 0.5
    a = (q * (limit**2 * p + 1)) ** -0.5
    b = -a * p * limit
    x = np.array([1.0, -2.0, 0.25, 3.0])
    y, mask = dropcore.dropout(x, p, training=True, rng=3, variant="alpha")
    np.testing.assert_allclose(y, np.where(mask.keep, a * x + b, a * limit + b), rtol=1e-15)
    np.testing.assert_array_equal(mask.backward(x), np.where(mask.keep, a * x, 0))


def test_p_of_one_gives_zeros():
    y, mask = dropcore.dropout(np.ones(5), 1.0, training=True, rng=1, variant="alpha")
    assert y.tobytes() == bytes(40)
    assert mask.backward(np.ones(5)).tobytes() == bytes(40)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"fixed_var": 0}, ValueError),
        ({"fixed_var": -1.0}, ValueError),
        ({"fixed_mean": float("nan")}, ValueError),
        ({"fixed_mean": "0"}, TypeError),
        ({"fixed_mean": True}, TypeError),
    ],
)
def test_options_are_checked_when_it_is_built(options, error):
    with pytest.raises(error, match=next(iter(options))):
        dropcore.get_variant("alpha", **options)
