import doctest
import itertools
import json
import math
import re
import threading
from pathlib import Path

import dropcore_exactcount
import numpy as np
import pytest
import scipy.stats
from dropcore_exactcount import _subsets

import dropcore

STREAM = dropcore.Stream(7)
DRAW = STREAM.at(3)


def keep_rows(k, rows, n, draw=DRAW):
    keep = np.full((rows, n), 7, np.uint8)
    _subsets.drop_in_rows(draw, k, keep)
    return keep


def bounded(words, bound):
    """Lemire's rule, with integers of any size."""
    while True:
        high, low = divmod(next(words) * bound, 2**64)
        if low >= 2**64 % bound:
            return high


def oracle(k, rows, n):
    """Floyd's algorithm with the words of the draw."""
    words = map(int, DRAW.words(2 * rows * n))
    few, mark = (k, 0) if k <= n - k else (n - k, 1)
    keep = np.full((rows, n), 1 - mark)
    for row in keep:
        for j in range(n - few, n):
            t = bounded(words, j + 1)
            row[j if row[t] == mark else t] = mark
    return keep


# ------------------------------------------------------------------- subsets


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 1), (2, 5), (3, 5), (5, 5), (70, 300)])
def test_known_answers_from_the_words(k, n):
    keep = keep_rows(k, 9, n)
    np.testing.assert_array_equal(keep, oracle(k, 9, n))
    np.testing.assert_array_equal(keep.sum(axis=1), n - k)


@pytest.mark.parametrize(("k", "n"), [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6)])
def test_all_subsets_are_equally_likely(k, n):
    rows = 60_000
    codes = keep_rows(k, rows, n) @ (1 << np.arange(n))
    subsets = [sum(1 << i for i in kept) for kept in itertools.combinations(range(n), n - k)]
    counts = np.array([np.count_nonzero(codes == subset) for subset in subsets])
    assert counts.sum() == rows
    assert scipy.stats.chisquare(counts).pvalue > 1e-4


def test_rows_are_independent():
    kept = keep_rows(3, 40_000, 7)[:, 0]
    table = np.histogram2d(kept[:-1], kept[1:], bins=2)[0]
    assert scipy.stats.chi2_contingency(table).pvalue > 1e-4


@pytest.mark.parametrize("bound", [1, 3, 2**32 + 1, 2**63 + 1, 3 * 2**62 + 5, 2**64 - 1])
def test_bounded_integers_with_the_rejections(bound):
    integers = np.empty(500, np.uint64)
    _subsets.integers_below(DRAW, bound, integers)
    words = map(int, DRAW.words(4000))
    assert integers.tolist() == [bounded(words, bound) for _ in range(500)]


def test_a_bound_of_three_quarters_rejects_often():
    """This shows that the test above includes rejections."""
    lows = [int(word) * (2**63 + 1) % 2**64 for word in DRAW.words(500)]
    assert sum(low < 2**64 % (2**63 + 1) for low in lows) > 100


@pytest.mark.parametrize(
    ("draw", "k", "error"), [(DRAW, 4, ValueError), (DRAW, -1, ValueError), ("draw", 1, TypeError)]
)
def test_bad_calls_write_nothing(draw, k, error):
    keep = np.full((2, 3), 7, np.uint8)
    with pytest.raises(error):
        _subsets.drop_in_rows(draw, k, keep)
    assert (keep == 7).all()


def test_threads_do_not_disturb_each_other():
    found = {}

    def work(index):
        found[index] = keep_rows(300, 200, 1000, STREAM.at(index))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in range(4):
        np.testing.assert_array_equal(found[index], keep_rows(300, 200, 1000, STREAM.at(index)))


# -------------------------------------------------------------- the variant


@pytest.mark.parametrize("p", [0, 0.05, 0.1, 0.25, 0.5, 0.8, 0.95, 1])
@pytest.mark.parametrize(("shape", "axis"), [((40,), 0), ((6, 10), -1), ((10, 4, 3), 0)])
def test_k_of_each_row_are_dropped_and_the_rest_scaled(p, shape, axis):
    x = np.random.default_rng(0).normal(size=shape)
    y, mask = dropcore.dropout(x, p, training=True, rng=DRAW, variant="exactcount", axis=axis)
    n = shape[axis]
    k = round(p * n)
    np.testing.assert_array_equal((~mask.keep).sum(axis=axis), k)
    scale = n / (n - k) if k < n else 0
    np.testing.assert_array_equal(y, np.where(mask.keep, x * scale, 0))
    np.testing.assert_array_equal(mask.backward(x), y)


@pytest.mark.parametrize(("n", "p", "k"), [(5, 0.5, 2), (7, 0.5, 4), (10, 0.25, 2), (3, 0.1, 0)])
def test_a_half_goes_to_the_even_neighbour(n, p, k):
    _, mask = dropcore.dropout(np.ones(n), p, training=True, rng=DRAW, variant="exactcount")
    assert np.count_nonzero(~mask.keep) == k


def test_the_mean_is_exact_over_all_subsets():
    n, k = 5, 2
    x = np.random.default_rng(0).normal(size=n)
    subsets = list(itertools.combinations(range(n), k))
    total = np.zeros(n)
    for dropped in subsets:
        keep = ~np.isin(np.arange(n), dropped)
        total += np.where(keep, x * (n / (n - k)), 0)
    np.testing.assert_allclose(total / math.comb(n, k), x, rtol=1e-14)


def test_nothing_kept_gives_zeros():
    x = np.full((3, 4), np.nan)
    for p in (1, 0.95):
        y, mask = dropcore.dropout(x, p, training=True, rng=DRAW, variant="exactcount")
        np.testing.assert_array_equal(y, np.zeros_like(x))
        np.testing.assert_array_equal(mask.backward(x), np.zeros_like(x))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3)])
def test_empty_arrays(shape):
    y, mask = dropcore.dropout(np.ones(shape), 0.5, training=True, rng=DRAW, variant="exactcount")
    assert y.shape == mask.keep.shape == shape


@pytest.mark.parametrize(("shape", "axis"), [((), -1), ((3,), 1), ((3, 4), -3)])
def test_an_array_without_the_axis_is_refused(shape, axis):
    with pytest.raises(ValueError, match="axis"):
        dropcore.dropout(
            np.ones(shape), 0.5, training=True, rng=DRAW, variant="exactcount", axis=axis
        )


@pytest.mark.parametrize("axis", [1.0, "0", None, True])
def test_a_bad_option_is_refused_when_it_is_given(axis):
    with pytest.raises(TypeError, match="axis"):
        dropcore.get_variant("exactcount", axis=axis)


def test_an_axis_of_numpy_is_held_as_pythons():
    variant = dropcore_exactcount.ExactCount(axis=np.int64(-2))
    _, mask = dropcore.dropout(np.ones((3, 8)), 0.5, training=True, rng=1, variant=variant)
    assert json.loads(json.dumps(mask.record()))["options"] == {"axis": -2}


def test_the_examples_run():
    assert doctest.testmod(dropcore_exactcount) == (0, 3)
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    exec(example, {})
