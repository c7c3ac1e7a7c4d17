"""docs/mask-stream.md: the oracle computes every figure of the worked example."""

import re
from pathlib import Path

import oracle
import pytest

PAGE = Path(__file__).parent.parent / "docs" / "mask-stream.md"
if not PAGE.is_file():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)
LINES = PAGE.read_text("utf-8")
TEXT = " ".join(LINES.split())  # without line breaks
SEED, PATH, P = 42, ("encoder", "drop1"), 0.1
KEY = oracle.key(SEED, PATH)


def words(values):
    return [f"{value:08x}" for value in values]


def plane_words(p):
    K = oracle.planes(oracle.threshold(p))
    return [oracle.group_word(KEY, 0, 0, j * 256 // K) for j in range(K)]


def value_of(element):
    bits = [word >> element & 1 for word in plane_words(P)]
    return bits, int("".join(map(str, bits)), 2)


def test_the_items_and_the_key():
    items = b"".join(map(oracle.item, (SEED, *PATH))).hex()
    assert items == "".join(re.search(r"(?:    [67].*\n){3}", LINES)[0].split())
    assert f"BLAKE2b of these {len(items) // 2} bytes" in TEXT
    assert "".join(word.to_bytes(4, "little").hex() for word in KEY) in TEXT
    for name in (0, 1, 7):
        assert f"k{name} = 0x{KEY[name]:08x}" in TEXT


def test_the_blocks():
    state = [*oracle.CONSTANTS, *KEY, 0, 0, 0, 0]
    oracle.quarter_round(state, 0, 4, 8, 12)
    assert "{}, {}, {} and {}".format(*words(state[n] for n in (0, 4, 8, 12))) in TEXT
    block = words(oracle.block(KEY, 0, 0))
    assert " ".join(block) in TEXT
    zeros = oracle.block((0,) * 8, 0, 0)
    assert " ".join(word.to_bytes(4, "little").hex() for word in zeros[:4]) in TEXT


def test_the_threshold():
    P64 = oracle.threshold(P)
    assert f"P = {P64} = 0x{P64:x}" in TEXT
    assert f"T = {P64 >> 56} = 0x{P64 >> 56:x}, R = 0x{(P64 << 8) % 2**64:x}" in TEXT


def test_the_planes_and_the_decisions():
    (zero, u_zero), (nine, u_nine) = value_of(0), value_of(9)
    for j, word in enumerate(plane_words(P)):
        assert f"| {j} | {word:08x} | {zero[j]} | {nine[j]} |" in TEXT
    assert f"| | u | {u_zero} | {u_nine} |" in TEXT
    first = oracle.packed(oracle.keep(KEY, 0, P, 0, 16)).tobytes().hex(" ")
    assert f"the packed mask are {first}." in TEXT


def test_the_ties():
    tie_block = oracle.block(KEY, 0, oracle.TIE_BLOCK)
    assert ", ".join(words(tie_block[:4])) in TEXT
    for place in (0, 1):
        assert f"t{place} = 0x{oracle.word64(tie_block, place):016x}" in TEXT
    for element, outcome in ((86, True), (961, False)):
        assert f"s({element}) = 0x{oracle.tie(KEY, 0, element):016x}" in TEXT
        assert oracle.dropped(KEY, 0, P, element) == outcome


def test_one_bit_an_element_and_the_raw_words():
    (word,) = plane_words(0.5)
    bits = f"{word:032b}"[::-1]
    assert f"W[0] = 0x{word:08x}" in TEXT
    assert " ".join(bits[n : n + 4] for n in range(0, 16, 4)) in TEXT
    zero, one = oracle.words(KEY, 0, 2)
    assert f"is 0x{zero:016x}, word 1 is 0x{one:016x}" in TEXT
