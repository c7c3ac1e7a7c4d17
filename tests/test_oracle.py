"""The oracle, compared with laws, a published cipher, and recorded answers."""

import hashlib
import json
import math
import struct
from fractions import Fraction
from pathlib import Path

import ml_dtypes
import numpy as np
import oracle
import pytest
from randomgen import ChaCha

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden_masks.json").read_text("utf-8"))
DTYPES = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16]
TOP = 2**64 - 1


def hexes(values, digits):
    return [f"{int(v):0{digits}x}" for v in values]


def name(entry):
    address = ("seed", "path", "index", "p", "start", "n")
    return " ".join(f"{k}={v}" for k, v in entry.items() if k in address)


# Laws: thresholds


@pytest.mark.parametrize(
    ("p", "P", "K"),
    [
        (0.0, 0, 1),
        (-0.0, 0, 1),
        (5e-324, 0, 1),
        (2.0**-65, 0, 1),
        (2.0**-64, 1, 8),
        (2.0**-8, 2**56, 8),
        (2.0**-4, 2**60, 4),
        (0.75, 3 * 2**62, 2),
        (0.5, 2**63, 1),
        (1 - 2.0**-53, 2**64 - 2**11, 8),
        (1.0, 2**64, 1),
        (1, 2**64, 1),
    ],
)
def test_edges_of_the_threshold(p, P, K):
    assert oracle.threshold(p) == P
    assert oracle.planes(P) == K


def test_the_threshold_is_the_floor_of_p_in_64_bits():
    rng = np.random.default_rng(1)
    for p in (rng.random(500) * 2.0 ** -rng.integers(0, 70, 500)).tolist():
        P = oracle.threshold(p)
        assert Fraction(P, 2**64) <= Fraction(p) < Fraction(P + 1, 2**64)
        assert math.ldexp(p, 64) // 1 == P


@pytest.mark.parametrize("p", [math.nan, -5e-324, math.nextafter(1, 2), math.inf, -math.inf])
def test_a_p_that_is_no_probability_is_refused(p):
    with pytest.raises(ValueError, match=r"p is in \[0, 1\]"):
        oracle.threshold(p)


def test_the_ends_of_p_keep_all_and_none():
    k = oracle.key(3)
    assert oracle.keep(k, 0, 5e-324, 0, 200).all()
    assert not oracle.keep(k, 0, 1.0, 0, 200).any()


def test_ties_alone_decide_a_threshold_below_one_plane_value():
    # Just below 2^-8, T = 0 and R = 2^64 - 2^11: only elements with u == 0 need s(i), and all of
    # these elements are dropped except one in 2^53. At 2^-8, T = 1 and R = 0: the same elements are
    # dropped, without ties.
    k = oracle.key(3)
    by_ties = oracle.keep(k, 0, math.nextafter(2.0**-8, 0), 0, 2000)
    by_planes = oracle.keep(k, 0, 2.0**-8, 0, 2000)
    np.testing.assert_array_equal(by_ties, by_planes)
    assert not by_ties.all()


# Laws: keys


def test_items_tell_types_lengths_and_order_apart():
    seeds = [(0,), ("",), (b"",), (48,), ("0",), (b"0",), (0, 1), (1, 0), ("ab",), ("a", "b")]
    assert len({oracle.key(seed, path) for seed, *path in seeds}) == len(seeds)


@pytest.mark.parametrize("x", [True, None, 1.0])
def test_other_types_are_no_items(x):
    with pytest.raises(TypeError, match="path part"):
        oracle.item(x)


def test_a_negative_item_is_refused():
    with pytest.raises(ValueError, match=">= 0"):
        oracle.item(-1)


# Laws: numbers


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_dropped_element_is_plus_zero_whatever_it_was(dtype):
    x = np.array([math.inf, -math.inf, math.nan, -1.0, -0.0], dtype)
    y = oracle.forward(x, np.zeros(5, bool), 0.5)
    assert y.dtype == x.dtype
    assert y.tobytes() == bytes(y.nbytes)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_kept_element_is_scaled(dtype):
    x = np.array([3.0, -0.0, math.inf, -1.5], dtype)
    y = oracle.forward(x, np.ones(4, bool), 0.5)
    assert y.tobytes() == np.array([6.0, -0.0, math.inf, -3.0], dtype).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_scale_is_finite_and_of_the_computing_dtype(dtype):
    computing = np.float64 if dtype is np.float64 else np.float32
    assert oracle.scale(0.1, dtype) == computing(1 / (1 - 0.1))
    assert oracle.scale(0.1, dtype).dtype == computing
    assert oracle.scale(1.0, dtype) == 0
    assert oracle.scale(1 - 2.0**-53, dtype) == 2.0**53
    assert oracle.scale(5e-324, dtype) == 1


@pytest.mark.parametrize("p", [0.1, 0.9, 0.003])
def test_float16_rounds_once_to_nearest_even(p):
    x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    x = x[np.isfinite(x)]
    product = x.astype(np.float32) * np.float32(1 / (1 - p))
    fits = np.abs(product) < 65520  # struct raises where rounding gives an infinity
    y = oracle.forward(x, np.ones(x.shape, bool), p)
    count = int(fits.sum())
    expected = struct.pack(f"={count}e", *product[fits].tolist())
    assert y[fits].tobytes() == expected
    assert np.isinf(y[~fits]).all()


@pytest.mark.parametrize("p", [0.1, 0.9, 0.003])
def test_bfloat16_rounds_once_to_nearest_even(p):
    patterns = np.arange(2**16, dtype=np.uint16)
    x = patterns[patterns & 0x7FFF <= 0x7F80].view(ml_dtypes.bfloat16)  # all except the nans
    with np.errstate(over="ignore"):
        product = x.astype(np.float32) * np.float32(1 / (1 - p))
    bits = product.view(np.uint32).astype(np.uint64)
    expected = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    y = oracle.forward(x, np.ones(x.shape, bool), p)
    np.testing.assert_array_equal(y.view(np.uint16), expected)


# Known answers: the cipher


@pytest.mark.parametrize("seed", [0, 42, "a", b"\xff" * 32])
@pytest.mark.parametrize("index", [0, 1, 2**32 - 1, 2**32, 0x0FEDCBA987654321, 2**60 - 1])
def test_blocks_are_those_of_an_independent_chacha8(seed, index):
    # randomgen counts 32-bit words in 128 bits, sixteen in a block, and puts the block
    # number in words 12 to 15, low word first: its upper half is the draw index, below 2^60.
    k = oracle.key(seed)
    number = sum(word << 32 * w for w, word in enumerate(k))
    for counter in (0, 1, 15, 16, 2**32 - 1, 2**32, 2**40 + 3, 2**57 - 1, 2**63, 2**63 + 125, TOP):
        theirs = ChaCha(key=number, counter=16 * (counter + (index << 64)), rounds=8)
        assert oracle.block(k, index, counter) == tuple(theirs.state["state"]["block"].tolist())


def test_block_of_zeros():
    text = b"".join(w.to_bytes(4, "little") for w in oracle.block((0,) * 8, 0, 0))
    assert text.hex() == GOLDEN["chacha8_zero_block"]


def test_mix64_is_the_finaliser_of_splitmix64():
    # splitmix64 seeded with 1234567 (Rosetta Code, Pseudo-random numbers/Splitmix64).
    steps = [(1234567 + i * 0x9E3779B97F4A7C15) % 2**64 for i in (1, 2, 3)]
    outputs = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [oracle.mix64(z) for z in steps] == outputs


# Known answers: the recorded stream


@pytest.mark.parametrize("entry", GOLDEN["keys"], ids=name)
def test_recorded_key(entry):
    assert hexes(oracle.key(entry["seed"], tuple(entry["path"])), 8) == entry["words"]


@pytest.mark.parametrize("entry", GOLDEN["thresholds"], ids=name)
def test_recorded_threshold(entry):
    P = oracle.threshold(entry["p"])
    assert (str(P), oracle.planes(P)) == (entry["P"], entry["K"])


@pytest.mark.parametrize("entry", GOLDEN["masks"], ids=name)
def test_recorded_mask(entry):
    k = oracle.key(entry["seed"], tuple(entry["path"]))
    keep = oracle.keep(k, entry["index"], entry["p"], entry["start"], entry["n"])
    assert "".join(map(str, keep[:32].astype(int))) == entry["first32"]
    assert int(keep.sum()) == entry["kept"]
    assert hashlib.sha256(oracle.packed(keep)).hexdigest() == entry["sha256"]


@pytest.mark.parametrize("entry", GOLDEN["words"], ids=name)
def test_recorded_words(entry):
    k = oracle.key(entry["seed"], tuple(entry["path"]))
    words = oracle.words(k, entry["index"], len(entry["words"]), entry["start"])
    assert hexes(words, 16) == entry["words"]
