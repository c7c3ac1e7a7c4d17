"""The decisions are independent, and drop what p says: judged by scipy.stats, with fixed seeds.

    rate          dropped elements ~ Binomial(n, P / 2^64)
    neighbours    pairs of which both are dropped ~ Hypergeometric, given the count of each side
    positions     dropped elements at each place of a group: chi-square with known p
    words         dropped elements among 64 neighbours ~ Binomial(64, p): chi-square

More than 2 * 10^9 decisions are judged. Every p-value is two-sided and compared with one threshold,
so that a correct core would be rejected by one choice of seeds in a million.
"""

from functools import cache

import numpy as np
import pytest
from scipy import stats

import dropcore

N = 2**25  # decisions of a draw, in the tests of single draws
MANY, FEW = 128, 2**18  # the number of draws, and the decisions of each draw

# Drops slightly more than half of the elements with u == 0.
JUST_ABOVE = float(np.nextafter(2.0**-9, 1))
RATES = (1e-4, 0.003, 0.1, 1 / 3, 0.5, 0.9, 0.25, 3 / 16, JUST_ABOVE, 3 / 512)
PLANES = {0.5: 1, 0.25: 2, 3 / 16: 4}  # the number of planes; any other p needs eight
TIED = [p for p in RATES if p not in PLANES]
LAGS = (1, 2, 8, 31, 32, 33, 64, 256, 512, 1024, 8192)
FAMILIES = {
    "neighbouring draws": lambda i: dropcore.Stream(101).at(i),
    "numbered siblings": lambda i: dropcore.Stream(102).child(i).at(0),
    "named siblings": lambda i: dropcore.Stream(103).child(f"layer{i}").at(0),
    "neighbouring seeds": lambda i: dropcore.Stream(i).at(0),
}
CELLS = ("places", "words", "bits")

# Bonferroni: the family-wise error, divided by the number of p-values that are judged below.
TESTS = len(RATES) * (2 + len(LAGS) + len(CELLS) + len(FAMILIES)) + len(TIED) + 3
THRESHOLD = 1e-6 / TESTS


def judge(pvalue, what):
    assert pvalue > THRESHOLD, f"{what}: a p-value of {pvalue:.3g}"


# ------------------------------------------------------------------ p-values


def two_sided(law, value):
    return min(1.0, 2 * min(law.cdf(value), law.sf(value)))


def two_sided_count(law, count):
    return min(1.0, 2 * min(law.cdf(count), law.sf(count - 1)))


def count(words):
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def pairs(a, b):
    """Whether element i of `a` and element i of `b` are dropped independently."""
    law = stats.hypergeom(64 * a.size, count(a), count(b))
    return two_sided_count(law, count(a & b))


def even(counts, trials, p):
    """Whether each of `counts` is Binomial(trials, p)."""
    statistic = np.sum((counts - trials * p) ** 2) / (trials * p * (1 - p))
    return two_sided(stats.chi2(counts.size), statistic)


def dispersion(words, p):
    """Whether the number dropped among 64 neighbours is Binomial(64, p)."""
    law = stats.binom(64, p)
    (likely,) = np.nonzero(words.size * law.pmf(np.arange(65)) >= 10)
    low, high = likely[0], likely[-1]
    observed = np.bincount(np.bitwise_count(words).clip(low, high).ravel())[low:]
    share = law.pmf(np.arange(low, high + 1))
    share[0], share[-1] = law.cdf(low), law.sf(high - 1)
    statistic = stats.chisquare(observed, words.size * share).statistic
    return two_sided(stats.chi2(observed.size - 1), statistic)


# -------------------------------------------------------------------- samples


def dropped(draw, p, n):
    """The dropped ones of n elements, 64 in a word; the first element is the lowest bit."""
    return ~dropcore.keep_mask(n, p, rng=draw, packed=True).view("<u8")


@cache
def sample(p):
    return dropped(dropcore.Stream(2024, ("statistics", RATES.index(p))).at(7), p, N)


def later(words, lag):
    """The elements, each moved by `lag` places."""
    skipped, shift = divmod(lag, 64)
    words = words[skipped:]
    return (words[:-1] >> shift) | (words[1:] << (64 - shift)) if shift else words


# ----------------------------------------------------------------- the judge


def test_the_judge_accepts_independent_elements_and_sees_planted_faults():
    rng = np.random.default_rng(5)
    n, p = 2**20, 0.1
    sound = np.packbits(rng.random(n) < p, bitorder="little").view("<u8")
    other = np.packbits(rng.random(n) < p, bitorder="little").view("<u8")
    assert pairs(sound, other) > THRESHOLD
    assert dispersion(sound, p) > THRESHOLD
    shared = other.copy()
    shared[:160] = sound[:160]  # 1 % of the elements equal those of `sound`
    assert pairs(sound, shared) < THRESHOLD
    repeated = sound.copy()
    repeated[1::32] = sound[::32]  # one word in 32 repeats the word before it
    assert pairs(repeated[:-1], repeated[1:]) < THRESHOLD
    clumped = np.where(rng.random(sound.size) < 0.5, sound & other, sound | other)
    assert dispersion(clumped, p) < THRESHOLD
    tilted = rng.random((n // 1024, 1024)) < p * (1 + 0.2 * (np.arange(1024) // 32 % 16 == 3))
    assert even(tilted.sum(0), n // 1024, p) < THRESHOLD
    assert even(np.full(1024, round(n // 1024 * p)), n // 1024, p) < THRESHOLD  # too even


# --------------------------------------------------------------------- rates


@pytest.mark.parametrize("p", RATES)
def test_dropped_elements_are_as_many_as_p_says(p):
    judge(stats.binomtest(count(sample(p)), N, p).pvalue, "rate")


def test_a_p_of_0_003_drops_0_003_and_not_1_256th():
    # An 8-bit p would be 0 or 1/256. The test of the rate rejects both with certainty.
    law = stats.binom(N, 0.003)
    low, high = law.isf(1 - THRESHOLD / 2), law.isf(THRESHOLD / 2)
    for quantised in (0.0, 1 / 256):
        seen_as_right = stats.binom.cdf(high, N, quantised) - stats.binom.cdf(low - 1, N, quantised)
        assert seen_as_right < 1e-12
    assert low <= count(sample(0.003)) <= high
    assert not low <= count(dropped(dropcore.Stream(1).at(0), 1 / 256, N)) <= high


@pytest.mark.parametrize("p", TIED)
def test_ties_are_settled_at_the_rate_of_the_remainder(p):
    # Eight bits leave one element in 256 open: T/256 keeps it, and (T+1)/256 drops it.
    draw = dropcore.Stream(2025, (RATES.index(p),)).at(0)
    T, rest = divmod(p * 256, 1)
    below, here, above = (dropped(draw, q, N) for q in (eight_bits(T), p, eight_bits(T + 1)))
    assert not count(below & ~here)
    assert not count(here & ~above)
    judge(stats.binomtest(count(here & ~below), count(above & ~below), rest).pvalue, "ties")


def eight_bits(T):
    # A p with the threshold T at eight planes: T/256, or the next float64 if T/256 needs fewer.
    return T / 256 if T == 0 or T % 2 else float(np.nextafter(T / 256, 1))


# ---------------------------------------------------------------- neighbours


@pytest.mark.parametrize("p", RATES)
def test_elements_do_not_know_their_neighbours(p):
    words = sample(p)
    for lag in LAGS:
        ahead = later(words, lag)
        judge(pairs(words[: ahead.size], ahead), f"lag {lag}")
    judge(dispersion(words, p), "64 neighbours")


@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("family", FAMILIES)
def test_draws_do_not_know_each_other(family, p):
    masks = np.stack([dropped(FAMILIES[family](i), p, FEW) for i in range(MANY)])
    judge(pairs(masks[:-1], masks[1:]), family)


# ----------------------------------------------------------------- positions


@pytest.mark.parametrize("p", RATES)
def test_no_place_in_a_group_is_dropped_more_often(p):
    places = 8192 // PLANES.get(p, 8)
    groups = N // places
    elements = np.unpackbits(sample(p).view(np.uint8), bitorder="little").reshape(-1, places)
    at = elements.sum(axis=0, dtype=np.int64).reshape(-1, 32)
    cells = {"places": at.ravel(), "words": at.sum(axis=1), "bits": at.sum(axis=0)}
    for what in CELLS:
        counts = cells[what]
        trials = groups * places // counts.size
        if trials * p >= 20:  # otherwise the chi-square distribution is not accurate
            judge(even(counts, trials, p), f"{counts.size} {what}")
