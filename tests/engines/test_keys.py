"""The exported functions give the keys and draws of the mask stream, and of Stream."""

import ctypes

import numpy as np
import oracle
import pytest
from engines import interface
from engines.interface import Draw, KeyPath, Table
from hypothesis import given, settings
from hypothesis import strategies as st

import dropcore

same_each_run = settings(derandomize=True, deadline=None)
TABLE = Table()
DRAW = dropcore.Stream(42, ("encoder", 3)).at(2**40 + 5)
UINT64 = st.integers(0, 2**64 - 1)


def test_keys_are_blake2b_at_every_length():
    # A seed of n bytes is an item of n + 9 bytes, so blocks of 128 end at n = 119, 247, 375.
    for n in range(400):
        seed = bytes(k % 251 for k in range(n))
        assert key_of(seed) == oracle.key(seed)
        assert dropcore.Stream(seed).at(0).key == b"".join(
            word.to_bytes(4, "little") for word in oracle.key(seed)
        )


def key_of(seed, path=(), index=0):
    hashed, made = KeyPath(), Draw()
    if isinstance(seed, bytes):
        TABLE.path_of_bytes(seed, len(seed), ctypes.byref(hashed))
    else:
        TABLE.path_of_integer(seed, ctypes.byref(hashed))
    for part in path:
        add(hashed, part)
    TABLE.draw_at(ctypes.byref(hashed), index, ctypes.byref(made))
    assert made.index == index
    return tuple(made.key)


def add(hashed, part):
    if isinstance(part, str):
        text = part.encode("utf-8")
        TABLE.path_add_text(ctypes.byref(hashed), text, len(text))
    else:
        TABLE.path_add_integer(ctypes.byref(hashed), part)


@same_each_run
@given(
    seed=UINT64 | st.binary(max_size=300),
    path=st.lists(UINT64 | st.text(max_size=150), max_size=5),
    index=UINT64,
)
def test_keys_of_seeds_and_paths(seed, path, index):
    assert key_of(seed, path, index) == oracle.key(seed, tuple(path))


def test_a_path_goes_on_after_a_draw_and_can_be_copied():
    hashed, made = KeyPath(), Draw()
    TABLE.path_of_integer(1, ctypes.byref(hashed))
    for part in ("a" * 119, "b" * 200, "c"):  # fills part of a block; several blocks; the rest
        add(hashed, part)
        copied = KeyPath.from_buffer_copy(hashed)
        TABLE.draw_at(ctypes.byref(hashed), 7, ctypes.byref(made))
        first = tuple(made.key)
        add(copied, 5)
        TABLE.draw_at(ctypes.byref(hashed), 7, ctypes.byref(made))
        assert tuple(made.key) == first
    assert first == oracle.key(1, ("a" * 119, "b" * 200, "c"))


def test_no_bytes_may_be_null():
    hashed, made = KeyPath(), Draw()
    TABLE.path_of_bytes(None, 0, ctypes.byref(hashed))
    TABLE.path_add_text(ctypes.byref(hashed), None, 0)
    TABLE.draw_at(ctypes.byref(hashed), 0, ctypes.byref(made))
    assert tuple(made.key) == oracle.key(b"", ("",))


def test_set_index_sets_the_index_alone():
    made = interface.draw_of(DRAW)
    TABLE.set_index(ctypes.byref(made), 2**64 - 1)
    assert tuple(made.key) == tuple(interface.draw_of(DRAW).key)
    assert made.index == 2**64 - 1


@pytest.mark.parametrize(
    ("rng", "expected"),
    [
        (DRAW, DRAW),
        (7, dropcore.Stream(7).at(0)),
        (np.random.SeedSequence(5), dropcore.Stream(np.random.SeedSequence(5)).at(0)),
    ],
)
def test_draw_of_takes_what_dropout_takes(rng, expected):
    made = Draw()
    assert TABLE.draw_of(rng, ctypes.byref(made)) == 0
    assert bytes(made) == bytes(interface.draw_of(expected))


def test_draw_of_refuses_a_pointer_that_is_null_or_not_aligned():
    stream, memory = dropcore.Stream(42), (ctypes.c_uint64 * 6)()
    for place in (None, ctypes.addressof(memory) + 4):
        with pytest.raises(ValueError, match="draw must be 40 bytes of memory aligned to 8 bytes"):
            TABLE.draw_of(stream, place)
    assert stream.position == 0
    assert not any(memory)


def test_draw_of_takes_the_next_draw_of_a_stream():
    stream, made = dropcore.Stream(3), Draw()
    for index in range(3):
        TABLE.draw_of(stream, ctypes.byref(made))
        assert bytes(made) == bytes(interface.draw_of(stream.at(index)))
    assert stream.position == 3
    TABLE.draw_of(None, ctypes.byref(made))  # None is the stream of the process


@pytest.mark.parametrize(("rng", "error"), [("a", TypeError), (True, TypeError), (-1, ValueError)])
def test_draw_of_refuses_what_dropout_refuses(rng, error):
    with pytest.raises(error, match="rng"):
        TABLE.draw_of(rng, ctypes.byref(Draw()))
