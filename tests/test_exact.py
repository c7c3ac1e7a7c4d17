"""Cases that depend on one bit: ties at the edge of p, counters above 2^32, scales of tiny p."""

import numpy as np
import oracle
import pytest

import dropcore
from dropcore import core, keep_mask

DRAW = dropcore.Stream(42, ("exact", 1)).at(2**33 + 5)
KEY = tuple(np.frombuffer(DRAW.key, "<u4").tolist())
FIRST = 2**23  # elements that are searched: s of one in 2^19 ends in 19 zero bits


def settling(n):
    """s(i) of the first n elements, by the oracle's formula, as an array."""
    t = oracle.block(KEY, DRAW.index, oracle.TIE_BLOCK)
    t0, t1 = np.uint64(oracle.word64(t, 0)), np.uint64(oracle.word64(t, 1))
    z = t0 + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ t1
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ z >> np.uint64(shift)) * np.uint64(factor)
    return z ^ z >> np.uint64(31)


def plane_value(i):
    """u of element i at eight planes."""
    g, e = divmod(i, 1024)
    words = [oracle.group_word(KEY, DRAW.index, g, 32 * j + e // 32) for j in range(8)]
    return sum((word >> e % 32 & 1) << 7 - j for j, word in enumerate(words))


def edges():
    """Elements, each with the p at which R = s(i): kept at this p, dropped at the next float64."""
    s = settling(FIRST)
    for i in np.flatnonzero(s & np.uint64(2**19 - 1) == 0).tolist():
        P = plane_value(i) << 56 | int(s[i]) >> 8
        if P:
            yield i, P / 2**64, P


EDGES = list(edges())


def test_there_are_elements_to_try():
    assert len(EDGES) >= 8
    for i, p, P in EDGES:
        assert oracle.threshold(p) == P
        assert oracle.tie(KEY, DRAW.index, i) == (P << 8) % 2**64
        assert not oracle.dropped(KEY, DRAW.index, p, i)


@pytest.mark.parametrize(("i", "p"), [(i, p) for i, p, _ in EDGES])
def test_an_element_whose_s_is_the_remainder_is_kept_and_dropped_at_the_next_p(i, p):
    # Once alone, and once in whole groups, for which the kernels have other code.
    group = i // 1024 * 1024
    for rate, kept in ((p, True), (float(np.nextafter(p, 1)), False)):
        assert oracle.dropped(KEY, DRAW.index, rate, i) is not kept
        assert keep_mask(1, rate, rng=DRAW, start=i)[0] == kept
        assert keep_mask(4096, rate, rng=DRAW, start=group)[i - group] == kept
        y = np.empty(4096)
        core.forward(DRAW, rate, np.ones(4096), y, None, group)
        assert (y[i - group] != 0) == kept


def test_a_p_far_below_2_to_the_minus_32_is_exact():
    # Elements with u = 0 are dropped if s is below R. P has 53 significant bits.
    s = settling(FIRST)
    dropped = ~keep_mask(FIRST, 2.0**-8, rng=DRAW)
    lowest = np.flatnonzero(dropped)[np.argsort(s[dropped])[:50]]
    for place in range(1, 50):
        here = int(s[lowest[place]])
        p = (here >> 8) / 2**64
        P = oracle.threshold(p)
        some = np.sort(lowest[: place + 1])
        right = [int(s[i]) >= P << 8 for i in some]
        assert [bool(keep_mask(1, p, rng=DRAW, start=int(i))[0]) for i in some] == right


@pytest.mark.parametrize("p", [0.1, 0.5, 0.25, 3 / 16])
@pytest.mark.parametrize("past", [32, 34])
def test_decisions_go_on_where_the_block_counter_passes_32_bits(p, past):
    # Block b of a draw decides elements from 512 b / K on, sixteen blocks at a time.
    planes = oracle.planes(oracle.threshold(p))
    start = 2**past * 512 // planes - 2048
    right = oracle.keep(KEY, DRAW.index, p, start, 4096)
    np.testing.assert_array_equal(keep_mask(4096, p, rng=DRAW, start=start), right)
    x, y, bits = np.arange(1.0, 4097), np.empty(4096), np.zeros(512, np.uint8)
    core.forward(DRAW, p, x, y, bits, start)
    np.testing.assert_array_equal(y, oracle.forward(x, right, p))
    np.testing.assert_array_equal(bits, oracle.packed(right))
    for first in (0, 1, 2047, 2048, 2049, 4095):
        assert keep_mask(1, p, rng=DRAW, start=start + first)[0] == right[first]


@pytest.mark.parametrize("past", [2**35, 2**39, 2**62])
def test_raw_words_go_on_where_the_block_counter_passes_32_bits(past):
    start = past - 200
    right = oracle.words(KEY, DRAW.index, 400, start)
    np.testing.assert_array_equal(DRAW.words(400, start), right)
    for first in (0, 199, 200, 399):
        assert DRAW.words(1, start + first)[0] == right[first]


@pytest.mark.parametrize("p", [np.nextafter(2.0**-54, 1), 2.0**-53 * 1.5, 3 * 2.0**-54, 2.0**-60])
def test_the_scale_is_that_of_the_probability_in_64_bits(p):
    # 1 - p and 1 - P/2^64 are rounded differently.
    p = float(p)
    assert keep_mask(1, p, rng=DRAW)[0]
    y, _ = dropcore.dropout(np.ones(1), p, training=True, rng=DRAW)
    assert y[0] == dropcore.kept_scale(p) == oracle.scale(p, np.float64)
