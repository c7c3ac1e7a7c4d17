"""dropcore's mask stream, version 1, made of JAX's operations on uint32.

This code runs on platforms where the compiled core does not run, and gives the same bits. Shapes
are static or symbolic. The place of a block in a larger mask is traced, and may be above 2^32.
Rounds are loops: XLA would take minutes to compile unrolled rounds.

docs/mask-stream.md defines the stream: keys by BLAKE2b (RFC 7693), words by
ChaCha with four double rounds (RFC 8439's quarter round), decisions by comparing with p.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dropcore_jax import uint64
from dropcore_jax.uint64 import Pair, Word

# ------------------------------------------------------------ keys

BLAKE2_START = (
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
)  # fmt: skip
BLAKE2_ORDER = np.array([
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
])  # fmt: skip
PARAMETERS = {0: 32 | 1 << 16 | 1 << 24}  # digest of 32 bytes, fanout and depth 1
PERSON = b"dropcore-mask-v1"  # in the last two words of the parameters
MAX_WORDS = 29  # of a key's data: so many fit into one block of the hash


def key_of_words(words: jax.Array) -> jax.Array:
    """The eight words of the stream's key, whose seed is a JAX key's data.

    Parameters
    ----------
    words : jax.Array
        uint32, shape ``(n,)``, n at most 29.

    Returns
    -------
    jax.Array
        uint32, shape ``(8,)``.
    """
    size = 4 * words.shape[0]  # bytes of the item b"b", size as 8 bytes, the words
    byte = jnp.concatenate([jnp.zeros_like(words[:1]), words])
    straddling = byte >> 24 | jnp.concatenate([words << 8, jnp.zeros_like(words[:1])])
    head = np.array([ord("b") | size << 8, size >> 24], np.uint32)
    message = jnp.concatenate([head, straddling, np.zeros(29 - words.shape[0], np.uint32)])
    high, low = _blake2b((message[1::2], message[0::2]), 9 + size)
    return jnp.stack([low, high], axis=1).reshape(8)


def _blake2b(message: Pair, size: int) -> Pair:
    # The first four words of the digest of one block.
    parameters = dict(PARAMETERS)
    parameters[6], parameters[7] = (
        int.from_bytes(half, "little") for half in (PERSON[:8], PERSON[8:])
    )
    start = [word ^ parameters.get(i, 0) for i, word in enumerate(BLAKE2_START)]
    state = [*start, *BLAKE2_START]
    state[12] ^= size
    state[14] ^= 2**64 - 1  # the last block
    rows = jnp.array([uint64.constant(word) for word in state], jnp.uint32)  # (16, 2)
    rows ^= message[1][3] ^ message[1][3]  # adds 0, which varies over devices as the key does

    def one_round(state: Any, order: Any) -> tuple[Any, None]:
        chosen = message[0][order], message[1][order]
        for half in (0, 1):
            x, y = (tuple(w[8 * half + k : 8 * half + 8 : 2] for w in chosen) for k in (0, 1))
            if half:
                state = _turned(state, turn=1)
            state = _mixed(state, x, y)
        return _turned(state, turn=-1), None

    work: Any = tuple((rows[i : i + 4, 0], rows[i : i + 4, 1]) for i in (0, 4, 8, 12))
    work, _ = jax.lax.scan(one_round, work, BLAKE2_ORDER)
    begin = jnp.array([uint64.constant(word) for word in start[:4]], jnp.uint32)
    return uint64.xor((begin[:, 0], begin[:, 1]), uint64.xor(work[0], work[2]))


def _mixed(rows: Any, x: Pair, y: Pair) -> tuple[Pair, ...]:
    a, b, c, d = rows
    for word, (first, second) in ((x, (32, 24)), (y, (16, 63))):
        a = uint64.add(uint64.add(a, b), word)
        d = uint64.rotate_right(uint64.xor(d, a), first)
        c = uint64.add(c, d)
        b = uint64.rotate_right(uint64.xor(b, c), second)
    return a, b, c, d


def _turned(rows: Any, turn: int) -> Any:
    # Rotates row i to the left by i places, so diagonals become columns. turn = -1 rotates back.
    return tuple(
        tuple(jnp.roll(word, -turn * i, axis=0) for word in row) for i, row in enumerate(rows)
    )


# ------------------------------------------------------------ words

CHACHA = np.array([0x61707865, 0x3320646E, 0x79622D32, 0x6B206574], np.uint32)
DOUBLE_ROUNDS = 4


def block(key: jax.Array, counter: Pair) -> jax.Array:
    """Blocks of the cipher for draw index 0.

    Parameters
    ----------
    key : jax.Array
        uint32, shape ``(8,)``.
    counter : Pair
        The number of each block.

    Returns
    -------
    jax.Array
        uint32, 16 words along a first axis, then the shape of `counter`.
    """
    high, low = counter
    same = (key[0] ^ key[0]) ^ (high ^ high) ^ (low ^ low)  # 0, in the common shape
    ones = (1,) * same.ndim
    rows = tuple(words.reshape(4, *ones) ^ same for words in (CHACHA, key[:4], key[4:]))
    start = (*rows, jnp.stack([low ^ same, high ^ same, same, same]))

    def double_round(_: Any, rows: Any) -> Any:
        rows = _quarter(*rows)
        rows = tuple(jnp.roll(row, -i, axis=0) for i, row in enumerate(rows))
        rows = _quarter(*rows)
        return tuple(jnp.roll(row, i, axis=0) for i, row in enumerate(rows))

    end = jax.lax.fori_loop(0, DOUBLE_ROUNDS, double_round, start)
    return jnp.concatenate([row + begun for row, begun in zip(end, start, strict=True)])


def _quarter(a: Word, b: Word, c: Word, d: Word) -> tuple[Word, ...]:
    for one, other in ((16, 12), (8, 7)):
        a = a + b
        d = _rotated(d ^ a, one)
        c = c + d
        b = _rotated(b ^ c, other)
    return a, b, c, d


def _rotated(word: Word, by: int) -> Word:
    return word << by | word >> (32 - by)


# ------------------------------------------------------------ decisions

GOLDEN = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Threshold:
    """How p is compared with random bits.

    Attributes
    ----------
    planes : int
        K, the number of random bits for each element: 1, 2, 4 or 8.
    below : int
        An element is dropped if its K bits, as a number, are below `below`.
    tied : int
        An element whose bits are equal to `below` is a tie. A tie is dropped with probability
        tied / 2^64.
    """

    planes: int
    below: int
    tied: int

    @classmethod
    def of(cls, p: float) -> Threshold:
        """The threshold for a p in [0, 1)."""
        share = math.floor(math.ldexp(p, 64))
        planes = next((k for k in (1, 2, 4, 8) if share % 2 ** (64 - k) == 0), 8)
        return cls(planes, share >> (64 - planes), (share << planes) % 2**64)

    @property
    def group(self) -> int:
        """The number of elements that 16 blocks decide."""
        return 8192 // self.planes


def keep_runs(key: jax.Array, p: float, start: Pair, n: Any) -> jax.Array:
    """Keep decisions of runs of neighbours; each run has its own place in the mask.

    Parameters
    ----------
    key : jax.Array
        uint32, shape ``(8,)``.
    p : float
    start : Pair
        Shape ``(runs,)``.
    n : int
        Decisions in each run; may be a symbolic dimension.

    Returns
    -------
    jax.Array
        bool, shape ``(runs, n)``, True where kept.
    """
    runs = start[0].shape[0]
    if p in (0, 1):
        return jnp.full((runs, n), p == 0)
    threshold = Threshold.of(p)
    words = (n + 31) // 32
    below, tied = _aligned(key, threshold, start, words)
    bits = np.arange(32, dtype=np.uint32)

    def of_elements(words_: jax.Array) -> jax.Array:
        each = words_[:, :, None] >> bits & 1
        return each.reshape(runs, 32 * words)[:, :n] == 1

    dropped = of_elements(below)
    if threshold.tied:
        dropped |= of_elements(tied) & _drops_ties(key, threshold.tied, start, n)
    return ~dropped


def _aligned(key: jax.Array, threshold: Threshold, start: Pair, words: Any) -> Any:
    # For each run, words of bits: which elements are below the threshold, and which are ties.
    size = threshold.group
    groups = (32 * words + size - 2) // size + 1
    single = words + 1  # blocks, one for each word
    by_groups = not isinstance(words, int) or 16 * groups < single
    unit = size if by_groups else 32
    first = uint64.shift_right(start, unit.bit_length() - 1)
    decide = _groups if by_groups else _single_words
    at = jnp.arange(groups if by_groups else single, dtype=jnp.uint32)
    counted = uint64.add((first[0][:, None], first[1][:, None]), (jnp.zeros_like(at), at))
    into = start[1] & (unit - 1)

    def align(run: jax.Array, into: jax.Array) -> jax.Array:
        run = jax.lax.dynamic_slice(run, (into >> 5,), (words + 1,))
        by = into & 31
        # A shift by 32 is not defined: two shifts, of which one is at most 31.
        return run[:-1] >> by | (run[1:] << 1) << (31 - by)

    return tuple(jax.vmap(align)(each, into) for each in decide(key, threshold, counted))


def _groups(key: jax.Array, threshold: Threshold, group: Pair) -> Any:
    # Takes group numbers (runs, groups); gives words of bits (runs, words) in the order of
    # elements.
    lane = np.arange(16, dtype=np.uint32)
    first = uint64.shift_left(group, 4)
    words = block(key, (_last(first[0]) ^ 0 * lane, _last(first[1]) | lane))
    planes = words.reshape(threshold.planes, -1, *words.shape[1:])
    both = _compared(planes, threshold)  # (segments, runs, groups, lanes)
    return tuple(jnp.moveaxis(each, 0, 2).reshape(each.shape[1], -1) for each in both)


def _single_words(key: jax.Array, threshold: Threshold, word: Pair) -> tuple[Word, Word]:
    # Takes numbers of words (runs, words); computes each word from its own block.
    segments = 16 // threshold.planes
    group = uint64.shift_right(word, threshold.group.bit_length() - 1 - 5)
    high, low = uint64.shift_left(group, 4)
    words = block(key, (high, low | (word[1] & 15)))
    segment = word[1] >> 4 & (segments - 1)
    planes = words.reshape(threshold.planes, segments, *words.shape[1:])
    chosen = reduce(
        lambda so_far, k: jnp.where(segment == k, planes[:, k], so_far),
        range(1, segments),
        planes[:, 0],
    )
    return _compared(chosen, threshold)


def _last(word: Word) -> jax.Array:
    return jnp.asarray(word)[..., None]


def _compared(planes: jax.Array, threshold: Threshold) -> tuple[Word, Word]:
    # Compares with the threshold. `planes` has binary digits along the first axis, the highest
    # first.
    below = jnp.zeros_like(planes[0])
    tied = ~below
    for k in range(threshold.planes):
        plane = planes[k]
        if threshold.below >> (threshold.planes - 1 - k) & 1:
            below, tied = below | tied & ~plane, tied & plane
        else:
            tied = tied & ~plane
    return below, tied


def _drops_ties(key: jax.Array, share: int, start: Pair, n: Any) -> Any:
    # Whether s(i) of each element is below `share`: (runs, n).
    last = uint64.constant(2**64 - 1)
    words = block(key, (jnp.asarray(last[0]), jnp.asarray(last[1])))
    t0, t1 = (words[1], words[0]), (words[3], words[2])
    at = jnp.arange(n, dtype=jnp.uint32)
    begin = (start[0][:, None], start[1][:, None])
    i = uint64.add(uint64.add(begin, (jnp.zeros_like(at), at)), uint64.constant(1))
    z = uint64.xor(uint64.add(t0, uint64.multiply(i, uint64.constant(GOLDEN))), t1)
    return uint64.less(_mix64(z), uint64.constant(share))


def _mix64(z: Pair) -> Pair:
    z = uint64.xor(z, uint64.shift_right(z, 30))
    z = uint64.multiply(z, uint64.constant(0xBF58476D1CE4E5B9))
    z = uint64.xor(z, uint64.shift_right(z, 27))
    z = uint64.multiply(z, uint64.constant(0x94D049BB133111EB))
    return uint64.xor(z, uint64.shift_right(z, 31))
