"""Counts of decisions over 10^10 elements, compared with their exact expectations.

Each test gives a z-score: the distance of a count from its expectation for independent decisions
with probability P / 2^64, in standard errors. For a covariance of decisions d and e, each 1 if
dropped,

    z = sum (d - p)(e - p) / sqrt(n p^2 (1-p)^2)

The terms of the sum are uncorrelated for any two different elements, even if pairs overlap.
"""

from fractions import Fraction
from math import floor, sqrt

import numpy as np

from dropcore import Stream, keep_mask
from dropcore.feed import kept_ties

RATES = (2.0**-20, 2.0**-9, 0.003, 0.05, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.75, 0.9, 1 - 2.0**-9)
LAGS = (1, 2, 3, 8, 31, 32, 33, 64, 255, 256, 512, 1024, 8192)
PIECE = 2**26  # decisions that are made at a time


def exact(p):
    """The promised probability, P / 2^64."""
    return floor(Fraction(p) * 2**64) / 2**64


def dropped(draw, p, start=0, n=PIECE):
    """The dropped elements as 64-bit words, one bit for each element."""
    return ~keep_mask(n, p, rng=draw, packed=True, start=start).view(np.uint64)


def ones(words):
    """The number of 1 bits."""
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def later(words, lag):
    """The bits, each moved `lag` elements towards the beginning; the last words are lost."""
    whole, bits = divmod(lag, 64)
    moved = words[whole:]
    if bits:
        moved = moved[:-1] >> np.uint64(bits) | moved[1:] << np.uint64(64 - bits)
    return moved


class Covariance:
    """The covariance of two sets of decisions, over any number of pieces."""

    def __init__(self, p):
        self.p, self.n, self.sum = exact(p), 0, 0.0

    def add(self, one, other):
        """Add a piece: words of equal length."""
        n = 64 * one.size
        both, singly = ones(one & other), ones(one) + ones(other)
        self.sum += both - self.p * singly + n * self.p**2
        self.n += n

    @property
    def z(self):
        """The covariance in standard errors."""
        return self.sum / sqrt(self.n) / (self.p * (1 - self.p))


def rates(elements):
    """The rate of dropped elements for each p; most starts are above 2^32."""
    for p in RATES:
        stream, count, n = Stream(1, ("rates",)), 0, 0
        while n < elements:
            draw = stream.draw()
            count += ones(dropped(draw, p, start=draw.index * 2**40))
            n += PIECE
        q = exact(p)
        yield f"rate at p = {p:.6g}", (count - n * q) / sqrt(n * q * (1 - q))


def lags(elements):
    """Elements of one mask, a lag apart."""
    for p in (0.05, 0.1, 0.5, 0.9):
        stream, tests = Stream(2, ("lags",)), {lag: Covariance(p) for lag in LAGS}
        n = 0
        while n < elements:
            words = dropped(stream.draw(), p)
            for lag, test in tests.items():
                moved = later(words, lag)
                test.add(words[: moved.size], moved)
            n += PIECE
        for lag, test in tests.items():
            yield f"lag {lag} at p = {p:g}", test.z


def pairs(elements):
    """The same elements of two masks whose addresses differ in one thing."""
    for p in (0.1, 0.5):
        for name, two_draws in PAIRS.items():
            test, n = Covariance(p), 0
            while n < elements:
                one, other = two_draws(n // PIECE)
                test.add(dropped(one, p), dropped(other, p))
                n += PIECE
            yield f"{name} at p = {p:g}", test.z


PAIRS = {
    "neighbouring draws": lambda k: (Stream(3).at(k), Stream(3).at(k + 1)),
    "draws 2^32 apart": lambda k: (Stream(3).at(k), Stream(3).at(k + 2**32)),
    "sibling paths": lambda k: (Stream(4, (k,)).at(0), Stream(4, (k + 1,)).at(0)),
    "parent and child": lambda k: (Stream(k).at(0), Stream(k, ("a",)).at(0)),
    "seeds of one bit": lambda k: (Stream(5).at(k), Stream(5 ^ 1 << k % 128).at(k)),
}


def ties(elements):
    """The outcomes of ties, for a p at which all other elements are kept."""
    stream, count, n = Stream(6, ("ties",)), 0, 0
    covariance, last = Covariance(0.5), None
    while n < elements:
        bits = 1 - kept_ties(stream.draw(), PIECE // 8)  # 1: dropped
        count += int(bits.sum()) * 2 - bits.size
        n += bits.size
        words = np.packbits(bits[: bits.size // 64 * 64]).view(np.uint64)
        covariance.add(words[1:], words[:-1])
        if last is not None:
            size = min(last.size, words.size)
            covariance.add(words[:size], last[:size])
        last = words
    yield "rate of ties", count / sqrt(n)
    yield "neighbouring ties, and draws", covariance.z


def run(elements):
    """All tests: pairs of a name and a z-score."""
    yield from rates(elements)
    yield from lags(elements // 4)
    yield from pairs(elements // 10)
    yield from ties(elements // 256)


def raw_words(size):
    """Ones and equal neighbouring bits in `size` bytes of raw words."""
    draw, n, start, bits, equal = Stream(7).at(0), PIECE // 64, 0, 0, 0
    while start * 8 < size:
        piece = draw.words(n, start=start)
        bits += ones(piece)
        equal += ones(piece[:-1] ^ later(piece, 1))
        start += n
    if start:
        total, compared = start * 64, start // n * (n - 1) * 64
        yield "ones in raw words", (bits - total / 2) / sqrt(total / 4)
        yield "changes in raw words", (equal - compared / 2) / sqrt(compared / 4)
