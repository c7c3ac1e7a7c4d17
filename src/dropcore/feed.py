"""The mask stream as bytes, for test batteries that read a pipe: ``dropcore stream``.

Each kind of bytes comes from one part of the mask stream, so a fault that a battery finds is a
fault of that part. All kinds are uniform random bits if the stream is ideal.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from dropcore.draw import Draw
from dropcore.functional import keep_mask
from dropcore.stream import Stream

Bytes = NDArray[np.uint8]

PIECE = 2**24  # decisions in one piece; a piece of raw words has as many bits: 2**18 words
SIDE_BY_SIDE = 1024  # draws, or streams, whose words are interleaved


def raw(seed: int, p: float) -> Iterator[Bytes]:
    """Give the raw words of draw 0, in order."""
    draw, n = Stream(seed).at(0), PIECE // 64
    for start in count(0, n):
        yield draw.words(n, start=start).astype("<u8").view(np.uint8)


def masks(seed: int, p: float) -> Iterator[Bytes]:
    """Give the packed masks of draws 0, 1, 2, ..., PIECE decisions of each.

    For p other than 0.5, von Neumann's extractor makes the bits uniform: it takes the decisions in
    pairs, and uses the first decision of each pair whose decisions differ. For independent
    decisions the bits are exactly fair.
    """
    for draw in _draws(seed):
        packed = keep_mask(PIECE, p, rng=draw, packed=True)
        if p != 0.5:
            pairs = np.unpackbits(packed, bitorder="little").reshape(-1, 2)
            packed = _packed(pairs[pairs[:, 0] != pairs[:, 1], 0])
        yield packed


def draws(seed: int, p: float) -> Iterator[Bytes]:
    """Give raw words of 1024 draws in turn: word 0 of each draw, then word 1 of each draw, ..."""
    stream = Stream(seed)
    return _interleaved([stream.at(index) for index in range(SIDE_BY_SIDE)])


def siblings(seed: int, p: float) -> Iterator[Bytes]:
    """Give raw words of the first draws of 1024 sibling streams in turn."""
    stream = Stream(seed)
    return _interleaved([stream.child(part).at(0) for part in range(SIDE_BY_SIDE)])


def ties(seed: int, p: float) -> Iterator[Bytes]:
    """Give the outcomes of ties, one bit for each tie; one element in 256 is a tie."""
    for draw in _draws(seed):
        yield _packed(kept_ties(draw, PIECE))


def kept_ties(draw: Draw, n: int) -> Bytes:
    """Give a 0 or 1 for each tie among the first `n` elements, in order: 1 if the tie is kept.

    At p = 2**-8 the elements whose eight bits are 0 are dropped; at p = 2**-9 the same elements
    are ties, and each is dropped with probability 1/2.
    """
    tied = ~keep_mask(n, 2.0**-8, rng=draw, packed=True)
    kept = keep_mask(n, 2.0**-9, rng=draw, packed=True)
    some = np.flatnonzero(tied)  # few bytes have a tie; only these are unpacked
    bits = np.unpackbits(kept[some], bitorder="little")
    at_ties: Bytes = bits[np.unpackbits(tied[some], bitorder="little").view(bool)]
    return at_ties


KINDS = {"raw": raw, "masks": masks, "draws": draws, "siblings": siblings, "ties": ties}


def write(
    out: BinaryIO, kind: str, seed: int = 0, p: float = 0.5, limit: int | None = None
) -> None:
    """Write `limit` bytes of a kind to `out`; if `limit` is None, until writing raises."""
    left = limit
    for piece in KINDS[kind](seed, p):
        if left is not None:
            piece = piece[:left]
            left -= piece.size
        out.write(piece.data)
        if left == 0:
            break
    out.flush()


def _draws(seed: int) -> Iterator[Draw]:
    return map(Stream(seed).at, count())


def _packed(bits: Bytes) -> Bytes:
    # Only whole bytes: the zeros that fill up the last byte would not be random.
    return np.packbits(bits[: bits.size // 8 * 8], bitorder="little")


def _interleaved(sources: list[Draw]) -> Iterator[Bytes]:
    n = PIECE // 64 // len(sources)
    for start in count(0, n):
        words = np.stack([draw.words(n, start=start) for draw in sources], axis=1)
        yield words.astype("<u8").reshape(-1).view(np.uint8)
