"""Streams and draws: their laws, and the recorded keys and words."""

import copy
import itertools
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dropcore
from dropcore import Draw, Stream

GOLDEN = json.loads((Path(__file__).parent / "data" / "golden_masks.json").read_text("utf-8"))
LAST = 2**64 - 1
SEEDS = st.integers(0, 2**80) | st.binary(max_size=40)
same_each_run = settings(derandomize=True, deadline=None)
PATHS = st.lists(st.integers(0, 2**70) | st.text(max_size=8), max_size=4)


def words_of(key):
    """The eight words of a key's bytes, in the form of the oracle."""
    return tuple(np.frombuffer(key, "<u4").tolist())


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


def used_family():
    stream = Stream(b"family")
    for child in (stream, stream.child("a"), stream.child("a").child(0), stream.child(7)):
        child.draw()
    stream.child("a").draw()
    stream.child("7")
    return stream


def positions(stream):
    a = stream.child("a")
    family = (stream, a, a.child(0), stream.child(7), stream.child("7"), stream.child("new"))
    return [member.position for member in family]


# Laws: keys and paths


@same_each_run
@given(seed=SEEDS, path=PATHS)
def test_the_key_is_that_of_the_promise(seed, path):
    assert words_of(Stream(seed, path).at(0).key) == oracle.key(seed, tuple(path))


@same_each_run
@given(seed=SEEDS, path=PATHS)
def test_a_path_is_its_parts_taken_one_by_one(seed, path):
    stream = Stream(seed)
    for part in path:
        stream = stream.child(part)
    whole = Stream(seed, path=path)
    assert stream.path == whole.path == tuple(path)
    assert stream.seed == seed
    assert stream.draw() == whole.draw()


def test_a_child_is_the_same_stream_each_time_it_is_asked_for():
    stream = Stream(3)
    child = stream.child("encoder")
    child.draw()
    assert stream.child("encoder") is child
    assert stream.child(np.str_("encoder")) is child
    assert stream.child(5) is stream.child(np.int64(5)) is not stream.child("5")


def test_relatives_do_not_disturb_each_other():
    stream, alone = Stream(3), Stream(3, path=("b",))
    for _ in range(3):
        stream.draw()
        stream.child("a").draw()
        stream.child("b").child("c").draw()
    assert stream.child("b").draw() == alone.draw()
    assert stream.child("a").position == 3
    assert stream.position == 3


def test_streams_of_other_names_have_other_keys():
    streams = [
        Stream(5),
        Stream(b"5"),
        Stream(0),
        Stream(b""),
        Stream(5, (5,)),
        Stream(5, ("5",)),
        Stream(5, ("a", "b")),
        Stream(5, ("b", "a")),
        Stream(5, ("ab",)),
        Stream(5, ("e\u0301",)),
        Stream(5, ("\u00e9",)),
    ]
    assert len({stream.at(0).key for stream in streams}) == len(streams)


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint64])
def test_integers_of_numpy_are_integers(kind):
    stream = Stream(kind(42), path=(kind(3),))
    assert stream.at(kind(6)) == Stream(42, path=(3,)).at(6)
    assert type(stream.seed) is int
    assert json.loads(json.dumps(stream.state)) == stream.state


def test_a_seed_sequence_gives_its_words_as_bytes():
    sequence = np.random.SeedSequence(12, spawn_key=(3,))
    seed = sequence.generate_state(8, np.uint32).astype("<u4").tobytes()
    assert Stream(sequence).at(0) == Stream(seed).at(0) == Stream(sequence).at(0)


def test_no_seed_is_a_fresh_one():
    a, b = Stream(), Stream(None)
    assert a.at(0).key != b.at(0).key
    assert len(a.seed) == 32
    assert Stream(a.seed).at(0) == a.at(0)


# Laws: draws


def test_draws_come_in_order_and_at_takes_none():
    stream = Stream(8)
    assert [stream.draw().index for _ in range(3)] == [0, 1, 2]
    assert stream.at(57).index == 57
    assert stream.position == 3
    assert stream.draw() == stream.at(3) == Stream(8).at(3)


def test_the_last_draw_is_the_last():
    stream = Stream.from_state({**Stream(1).state, "position": LAST})
    assert stream.draw().index == LAST
    assert stream.position == 2**64
    for _ in range(2):
        with pytest.raises(OverflowError, match="no draw left"):
            stream.draw()
    assert Stream.from_state(stream.state).position == 2**64
    stream.state = {**stream.state, "position": LAST}
    assert stream.draw() == stream.at(LAST)


@same_each_run
@given(key=st.binary(min_size=32, max_size=32), index=st.integers(0, LAST))
def test_a_draw_is_its_text(key, index):
    text = f"dc1:{key.hex()}:{index}"
    draw = Draw.parse(text)
    assert (str(draw), draw.key, draw.index) == (text, key, index)
    assert eval(repr(draw), {"Draw": Draw}) == draw
    for again in (pickled(draw), copy.copy(draw), copy.deepcopy(draw)):
        assert again == draw
        assert hash(again) == hash(draw)


@same_each_run
@given(key=st.binary(min_size=32, max_size=32), index=st.integers(0, LAST))
def test_a_draw_is_five_words(key, index):
    draw = Draw.parse(f"dc1:{key.hex()}:{index}")
    words = draw.key_and_index
    assert (words.dtype, words.shape) == (np.uint64, (5,))
    assert b"".join(int(word).to_bytes(8, "little") for word in words[:4]) == key
    assert words[4] == index
    assert Draw.from_key_and_index(words) == draw
    assert Draw.from_key_and_index(np.repeat(words, 2)[::2]) == draw
    words[:] = 0  # the property returns a new array each time
    assert draw.key_and_index[4] == index


def test_the_words_of_a_stream_are_those_of_its_first_draw():
    stream = Stream(3, path=("a",))
    stream.draw()
    assert Draw.from_key_and_index(stream.key_and_index) == stream.at(0)
    assert stream.position == 1
    stream.state = {**stream.state, "position": 2**64}
    assert Draw.from_key_and_index(stream.key_and_index) == stream.at(0)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([1, 2, 3, 4, 5], TypeError),
        (np.arange(5), TypeError),
        (np.arange(5, dtype=np.uint32), TypeError),
        (np.arange(5, dtype=np.uint64).astype(">u8"), TypeError),
        (np.arange(4, dtype=np.uint64), ValueError),
        (np.zeros((5, 1), np.uint64), ValueError),
    ],
)
def test_what_is_no_five_words_is_refused(words, error):
    with pytest.raises(error, match="words must be"):
        Draw.from_key_and_index(words)


def test_draws_compare_by_value():
    stream = Stream(1)
    assert len({stream.at(0), Stream(1).draw(), stream.at(1), Stream(2).at(0)}) == 3
    assert stream.at(0) == Stream(1).at(0)
    for other in (stream.at(1), stream.at(2**32), stream.at(LAST), Stream(2).at(0)):
        assert stream.at(0) != other  # a set compares only draws with the same hash
    assert stream.at(0) != str(stream.at(0))


@pytest.mark.parametrize("name", ["index", "key", "address", "new"])
def test_a_draw_does_not_change(name):
    draw = Stream(1).at(4)
    with pytest.raises(AttributeError):
        setattr(draw, name, 5)
    assert draw == Stream(1).at(4)


@same_each_run
@given(
    index=st.integers(0, LAST),
    start=st.integers(0, 100) | st.integers(2**63 - 200, 2**63 - 60),
    n=st.integers(0, 60),
    cut=st.integers(0, 60),
)
def test_words_are_those_of_the_promise_in_any_pieces(index, start, n, cut):
    draw, cut = Stream(6, ("noise",)).at(index), min(cut, n)
    words = draw.words(n, start=start)
    assert words.dtype == np.uint64
    np.testing.assert_array_equal(words, oracle.words(words_of(draw.key), index, n, start))
    pieces = [draw.words(cut, start=start), draw.words(n - cut, start=start + cut)]
    np.testing.assert_array_equal(np.concatenate(pieces), words)


# Laws: state


def test_the_state_holds_all_positions_through_json():
    stream = used_family()
    state = json.loads(json.dumps(stream.state))
    again = Stream.from_state(state)
    assert positions(again) == positions(stream) == [1, 2, 1, 1, 0, 0]
    assert again.child("a").draw() == stream.child("a").draw()
    assert state["stream_version"] == dropcore.STREAM_VERSION == 1


def test_setting_the_state_moves_the_stream_and_its_descendants_in_place():
    stream = used_family()
    child, state = stream.child("a"), stream.state
    expected = [child.at(2), child.at(3)]
    later = stream.child("new").child("newer")
    for member in (stream, child, child, later):
        member.draw()
    stream.state = json.loads(json.dumps(state))
    assert positions(stream) == [1, 2, 1, 1, 0, 0]
    assert stream.child("a") is child
    assert [child.draw(), child.draw()] == expected
    assert later.position == 0


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, pickled])
def test_clones_carry_the_positions_and_go_their_own_way(clone):
    stream = used_family()
    again = clone(stream)
    assert positions(again) == positions(stream)
    assert again.draw() == stream.draw()
    again.child("a").draw()
    assert stream.child("a").position == 2


def test_a_child_pickles_alone():
    child = Stream(4).child("x").child(1)
    child.draw()
    again = pickled(child)
    assert (again.path, again.position) == (("x", 1), 1)
    assert again.draw() == child.draw()


# Laws: the rng argument


def draws_of(rng, calls=3):
    """The draws of calls of the function, and of a layer, with the same `rng`."""
    x = np.ones(4)
    functional = [dropcore.dropout(x, 0.5, training=True, rng=rng)[1].draw for _ in range(calls)]
    layer = dropcore.Dropout(0.5, rng=rng)
    of_layer = []
    for _ in range(calls):
        layer(x)
        of_layer.append(layer.mask.draw)
    return functional, of_layer


def test_rng_stream_gives_its_next_draws():
    functional, of_layer = draws_of(Stream(2))
    assert functional + of_layer == [Stream(2).at(i) for i in range(6)]


def test_rng_draw_is_used_as_it_is():
    draw = Stream(2).at(5)
    functional, of_layer = draws_of(draw)
    assert functional + of_layer == [draw] * 6


@pytest.mark.parametrize("rng", [42, np.uint8(42), np.random.SeedSequence(42)], ids=repr)
def test_rng_seed_repeats_in_the_function_and_moves_on_in_a_layer(rng):
    functional, of_layer = draws_of(rng)
    assert functional == [Stream(rng).at(0)] * 3
    assert of_layer == [Stream(rng).at(i) for i in range(3)]


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.PCG64, np.random.MT19937])
def test_rng_generator_gives_32_bytes_for_each_key(kind):
    generator = np.random.default_rng(kind(9))
    keys = [Stream(generator.bytes(32)).at(0) for _ in range(4)]
    functional, of_layer = draws_of(kind(9))
    assert functional == keys[:3]
    assert [draw.key for draw in of_layer] == [keys[3].key] * 3
    assert [draw.index for draw in of_layer] == [0, 1, 2]


def test_rng_none_is_one_stream_of_the_process():
    functional, of_layer = draws_of(None)
    draws = functional + of_layer
    assert len({draw.key for draw in draws}) == 1
    first = draws[0].index
    assert [draw.index for draw in draws] == list(range(first, first + 6))


@pytest.mark.parametrize("rng", [None, Stream(1), 3, np.random.default_rng(0)], ids=repr)
def test_keep_mask_takes_the_same_kinds_of_rng(rng):
    position = getattr(rng, "position", 0)
    assert dropcore.keep_mask(9, 0.0, rng=rng).all()
    assert getattr(rng, "position", 1) == position + 1


FORK = """
import os, sys
import numpy as np
import dropcore

x = np.ones(4)
seeded = dropcore.Stream(5)
layer = dropcore.Dropout(0.5)

def draws():
    default = dropcore.dropout(x, 0.5, training=True)[1].draw
    layer(x)
    return f"{default} {layer.mask.draw} {seeded.draw()}"

draws()
reader, writer = os.pipe()
if os.fork() == 0:
    os.write(writer, draws().encode())
    os._exit(0)
os.wait()
print(os.read(reader, 1000).decode())
print(draws())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
def test_a_forked_child_has_a_default_stream_of_its_own_and_repeats_seeded_ones():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True)
    child, parent = ([Draw.parse(t) for t in line.split()] for line in done.stdout.splitlines())
    assert child[0].key == child[1].key != parent[0].key == parent[1].key
    assert [child[0].index, child[1].index] == [0, 1]
    assert child[2] == parent[2] == Stream(5).at(1)


def test_a_stream_goes_to_another_process():
    child = used_family().child("a")
    script = "import pickle, sys; print(pickle.load(sys.stdin.buffer).draw())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(child),
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout.decode().strip() == str(child.at(2))


def test_threads_get_an_index_each_and_lose_none():
    stream = Stream(1)
    x, together = np.ones(3), threading.Barrier(8)

    def take(own):
        together.wait()
        for _ in range(1000):
            own.append(stream.draw().index)
            own.append(dropcore.dropout(x, 0.5, training=True, rng=stream)[1].draw.index)

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        taken = [[] for _ in range(8)]
        threads = [threading.Thread(target=take, args=(own,)) for own in taken]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert sorted(itertools.chain(*taken)) == list(range(16000))
    assert stream.position == 16000
    assert all(own == sorted(own) for own in taken)


# Known answers


@pytest.mark.parametrize("entry", GOLDEN["keys"], ids=lambda e: f"{e['seed']} {e['path']}")
def test_recorded_key(entry):
    key = Stream(entry["seed"], entry["path"]).at(0).key
    assert [f"{word:08x}" for word in words_of(key)] == entry["words"]


@pytest.mark.parametrize("entry", GOLDEN["words"], ids=lambda e: f"start {e['start']}")
def test_recorded_words(entry):
    draw = Stream(entry["seed"], entry["path"]).at(entry["index"])
    words = draw.words(len(entry["words"]), start=entry["start"])
    assert [f"{word:016x}" for word in words.tolist()] == entry["words"]


# Examples


def test_representations():
    assert repr(Stream(3, ("a", 1))) == "<Stream seed=3 path=('a', 1) position=0>"
    assert repr(Stream(b"\xff").draw()).startswith("Draw.parse('dc1:")
