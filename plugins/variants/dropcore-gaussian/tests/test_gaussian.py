import doctest
import math
import re
from pathlib import Path

import dropcore_gaussian
import ml_dtypes
import numpy as np
import pytest
import scipy.stats

import dropcore

DRAW = dropcore.Stream(7).at(3)
N = 200_001  # odd, and longer than many pieces


def noise(n, p, draw=DRAW, dtype=np.float64):
    return dropcore.dropout(np.ones(n, dtype), p, training=True, rng=draw, variant="gaussian")[0]


def oracle(n, p):
    """The formula, computed for one pair of elements after the other."""
    words = [int(word) for word in DRAW.words(n + n % 2)]
    out = []
    for first, second in zip(words[0::2], words[1::2], strict=True):
        radius = math.sqrt(-2 * math.log1p(-(first >> 11) * 2.0**-53))
        angle = 2 * math.pi * (second >> 11) * 2.0**-53
        for turned in (math.cos(angle), math.sin(angle)):
            out.append(1 + math.sqrt(p / (1 - p)) * radius * turned)
    return np.array(out[:n])


@pytest.mark.parametrize("n", [0, 1, 2, 999, 40_001])
def test_known_answers_from_the_words(n):
    np.testing.assert_allclose(noise(n, 0.3), oracle(n, 0.3), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_the_noise_is_normal(p):
    z = (noise(N, p) - 1) / math.sqrt(p / (1 - p))
    assert scipy.stats.kstest(z, "norm").pvalue > 1e-4
    for lag in (1, 2, 3):  # elements of one pair, and of neighbouring pairs
        assert abs(np.mean(z[lag:] * z[:-lag])) < 4.5 / math.sqrt(N)
        squares = z**2 - 1
        assert abs(np.mean(squares[lag:] * squares[:-lag])) < 2 * 4.5 / math.sqrt(N)


def test_an_element_depends_on_its_place_alone():
    whole = noise(N, 0.4)
    for n in (1, 17, dropcore_gaussian.PIECE, dropcore_gaussian.PIECE + 1):
        np.testing.assert_allclose(noise(n, 0.4), whole[:n], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_backward_makes_the_same_noise_again(dtype):
    x = np.random.default_rng(0).normal(size=(7, N // 7)).astype(dtype)
    y, mask = dropcore.dropout(x, p=0.3, training=True, rng=DRAW, variant="gaussian")
    np.testing.assert_array_equal(mask.backward(x), y)
    record = mask.record()
    np.testing.assert_array_equal(dropcore.Mask.from_record(record).forward(x), y)
    draw = dropcore.Draw.parse(record["draw"])  # the draw alone is enough
    np.testing.assert_array_equal(mask.variant.backward(draw, 0.3, x), y)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_types_round_the_float32_result_once(dtype):
    x = np.random.default_rng(0).normal(size=1000).astype(dtype)
    y, _ = dropcore.dropout(x, p=0.3, training=True, rng=DRAW, variant="gaussian")
    wide = x.astype(np.float32) * noise(1000, 0.3, dtype=np.float32)
    np.testing.assert_array_equal(y, wide.astype(dtype))


def test_infinities_and_nans_stay():
    x = np.array([np.inf, -np.inf, np.nan, 1.0] * 50)
    y, _ = dropcore.dropout(x, p=0.5, training=True, rng=DRAW, variant="gaussian")
    assert np.isinf(y[0::4]).all()
    np.testing.assert_array_equal(y[1::4] > 0, noise(200, 0.5)[1::4] < 0)
    assert np.isnan(y[2::4]).all()
    assert np.isfinite(y[3::4]).all()


def test_an_overflow_is_an_infinity_without_a_warning():
    x = np.full(1000, 3e38, np.float32)
    y, _ = dropcore.dropout(x, p=0.5, training=True, rng=DRAW, variant="gaussian")
    assert np.isinf(y).any()


def test_p_zero_changes_nothing_and_p_one_is_refused():
    x = np.random.default_rng(0).normal(size=100)
    y, _ = dropcore.dropout(x, p=0, training=True, rng=DRAW, variant="gaussian")
    np.testing.assert_array_equal(y, x)
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\)"):
        dropcore.dropout(x, p=1, training=True, rng=DRAW, variant="gaussian")
    nearly, _ = dropcore.dropout(x, p=1 - 2**-53, training=True, rng=DRAW, variant="gaussian")
    assert np.isfinite(nearly).all()


def test_there_are_no_keep_decisions():
    _, mask = dropcore.dropout(np.ones(3), p=0.5, training=True, rng=DRAW, variant="gaussian")
    with pytest.raises(TypeError, match="gaussian"):
        mask.keep  # noqa: B018


def test_the_examples_run():
    assert doctest.testmod(dropcore_gaussian) == (0, 5)
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    exec(example, {})
