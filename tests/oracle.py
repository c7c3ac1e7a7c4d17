"""A slow, plain version of the mask stream, version 1, with which the compiled core is compared.

    key        blake2b(item(seed) + item(part) + ..., 32 bytes), eight little-endian words
    block      ChaCha8 over  constants | key | 64-bit counter | 64-bit draw index
    group g    blocks 16g ... 16g+15;  W[16*w + lane] = word w of block 16g + lane
    P          floor(p * 2^64)
    K          least of 1, 2, 4, 8 with P divisible by 2^(64-K), else 8
    E          8192 / K elements in a group: element i is element e = i mod E of group g = i div E
    plane_j    bit e mod 32 of W[j*256/K + e div 32]
    u          sum of plane_j * 2^(K-1-j)
    T, R       P >> (64-K),  (P << K) mod 2^64
    dropped    u < T, or u == T and s(i) < R
    s(i)       mix64((t0 + (i+1) * 0x9E3779B97F4A7C15) ^ t1), t0 and t1 from block 2^64 - 1
    words      word j is the 64-bit word at place j mod 8 of block 2^63 + j div 8
    y          x * scale where kept, +0.0 where dropped;  scale = 1 / (1 - P/2^64)

A reader can compare this file with the formulas line by line, for these reasons:

    A. Integers are Python's own: no integer overflows, and every reduction modulo 2^32 or 2^64 is
       written out.
    B. Each element is decided alone, from its index. No state is carried from one element to the
       next; only finished values (blocks, thresholds) are cached, to save time.
    C. p becomes P through an exact fraction, without rounding.
    D. p == 1 needs no special case: P = 2^64 has K = 1 and T = 2, above any u.
    E. NumPy only holds the arrays, and computes the one multiplication of `forward`.
    F. This file does not import dropcore.
"""

import hashlib
from fractions import Fraction
from functools import lru_cache
from math import floor

import numpy as np

Key = tuple[int, ...]

CONSTANTS = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)
COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
TIE_BLOCK = 2**64 - 1
WORDS_BLOCK = 2**63
COMPUTES_IN = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float32,
    "bfloat16": np.float32,
}


# Key


def item(x: int | str | bytes) -> bytes:
    """An item: one type byte, the payload's length in 8 little-endian bytes, the payload."""
    if isinstance(x, bool):
        raise TypeError(f"a bool is no seed and no path part: {x!r}")
    if isinstance(x, int):
        if x < 0:
            raise ValueError(f"a seed or path part is >= 0: {x!r}")
        tag, payload = b"i", x.to_bytes((x.bit_length() + 7) // 8, "little")
    elif isinstance(x, str):
        tag, payload = b"s", x.encode("utf-8")
    elif isinstance(x, bytes):
        tag, payload = b"b", x
    else:
        raise TypeError(f"a seed or path part is an int, str or bytes: {x!r}")
    return tag + len(payload).to_bytes(8, "little") + payload


def key(seed: int | str | bytes, path: tuple[int | str | bytes, ...] = ()) -> Key:
    """The eight 32-bit key words of a seed and a path."""
    text = b"".join(item(x) for x in (seed, *path))
    digest = hashlib.blake2b(text, digest_size=32, person=b"dropcore-mask-v1").digest()
    return tuple(int.from_bytes(digest[4 * w : 4 * w + 4], "little") for w in range(8))


# Cipher


def quarter_round(x: list[int], a: int, b: int, c: int, d: int) -> None:
    """ChaCha's quarter round on four of the sixteen words, in place (RFC 8439, section 2.1)."""
    for to, by, turned, left in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[to] = (x[to] + x[by]) % 2**32
        z = x[turned] ^ x[to]
        x[turned] = (z << left) % 2**32 | z >> (32 - left)


@lru_cache(maxsize=8192)
def block(key: Key, index: int, counter: int) -> tuple[int, ...]:
    """The sixteen 32-bit words of one ChaCha8 block."""
    halves = (counter % 2**32, counter >> 32, index % 2**32, index >> 32)
    start = (*CONSTANTS, *key, *halves)
    x = list(start)
    for _ in range(4):
        for places in COLUMNS + DIAGONALS:
            quarter_round(x, *places)
    return tuple((a + b) % 2**32 for a, b in zip(x, start, strict=True))


def word64(words: tuple[int, ...], place: int) -> int:
    """The 64-bit word at a place of a block; the low half comes first."""
    return words[2 * place] | words[2 * place + 1] << 32


# Decision


@lru_cache(maxsize=1024)
def threshold(p: float) -> int:
    """P = floor(p * 2^64), with p as a float64; 2^64 for p == 1."""
    p = float(p)
    if not 0 <= p <= 1:
        raise ValueError(f"p is in [0, 1]: {p!r}")
    return floor(Fraction(p) * 2**64)


@lru_cache(maxsize=1024)
def planes(P: int) -> int:
    """K, the number of random bits that an element takes."""
    return next((K for K in (1, 2, 4, 8) if P % 2 ** (64 - K) == 0), 8)


def mix64(z: int) -> int:
    """The 64-bit mixing function that settles ties."""
    z ^= z >> 30
    z = z * 0xBF58476D1CE4E5B9 % 2**64
    z ^= z >> 27
    z = z * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


def tie(key: Key, index: int, i: int) -> int:
    """s(i), the 64 bits that decide element i if u == T."""
    t = block(key, index, TIE_BLOCK)
    return mix64((word64(t, 0) + (i + 1) * 0x9E3779B97F4A7C15) % 2**64 ^ word64(t, 1))


def group_word(key: Key, index: int, g: int, n: int) -> int:
    """W[n] of group g: word w of the block of a lane, where n = 16*w + lane."""
    w, lane = divmod(n, 16)
    return block(key, index, 16 * g + lane)[w]


def dropped(key: Key, index: int, p: float, i: int) -> bool:
    """Whether element i of a draw is dropped."""
    P = threshold(p)
    K = planes(P)
    g, e = divmod(i, 8192 // K)
    u = 0
    for j in range(K):
        plane = group_word(key, index, g, j * 256 // K + e // 32) >> e % 32 & 1
        u += plane * 2 ** (K - 1 - j)
    T, R = P >> (64 - K), (P << K) % 2**64
    return u < T or (u == T and tie(key, index, i) < R)


def keep(key: Key, index: int, p: float, start: int, n: int) -> np.ndarray:
    """The keep decisions of elements start ... start+n-1, as n bools."""
    return np.array([not dropped(key, index, p, i) for i in range(start, start + n)], dtype=bool)


def packed(keep: np.ndarray) -> np.ndarray:
    """One bit for each decision, as bytes: decision i is bit i mod 8 of byte i div 8."""
    return np.packbits(keep, bitorder="little")


def words(key: Key, index: int, n: int, start: int = 0) -> np.ndarray:
    """The raw 64-bit words start ... start+n-1 of a draw, as n uint64."""
    places = (divmod(j, 8) for j in range(start, start + n))
    return np.array([word64(block(key, index, WORDS_BLOCK + b), at) for b, at in places], np.uint64)


# Numbers


def scale(p: float, dtype: np.typing.DTypeLike) -> np.floating:
    """The factor of a kept element, in the type in which `dtype` is computed."""
    P = threshold(p)
    factor = 0.0 if P == 2**64 else 1.0 / (1.0 - P / 2**64)  # Python's floats are float64
    return COMPUTES_IN[np.dtype(dtype).name](factor)


def forward(x: np.ndarray, keep: np.ndarray, p: float) -> np.ndarray:
    """Standard dropout of x by decisions that are broadcast to x; with dy for x, its backward."""
    factor = scale(p, x.dtype)
    with np.errstate(all="ignore"):
        y = (x.astype(factor.dtype) * factor).astype(x.dtype)
    return np.where(keep, y, np.zeros((), x.dtype))
