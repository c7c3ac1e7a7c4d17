"""Many threads at once: on one stream, on the default stream, on one array and one mask.

No draw index is given twice, none is lost, and each result has the bits that one thread computes.
With a GIL, threads take turns and these tests show little. They are also for builds without the GIL
and for the thread sanitizer.
"""

import itertools
import json
import subprocess
import sys
import threading

import numpy as np
import pytest

import dropcore
from dropcore import Stream

THREADS = 8
ROUNDS = 300
LAST = 2**64 - 1


@pytest.fixture(autouse=True)
def turns():
    """Let threads take turns as often as possible."""
    interval, threads = sys.getswitchinterval(), dropcore.get_num_threads()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
    dropcore.set_num_threads(threads)


def together(*works):
    """Run each function in a thread; all begin at the same time. Return the results."""
    begin = threading.Barrier(len(works))
    results, errors = [None] * len(works), []

    def run(place, work):
        try:
            begin.wait()
            results[place] = work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def positions(state):
    """Each path below a stream's path, with its position, from the state of the stream."""
    yield (), state["position"]
    for child in state["children"]:
        for path, position in positions(child):
            yield (child["part"], *path), position


# ----------------------------------------------------------------- one stream


def draws_of_a_thread(stream):
    x, taken = np.ones(3), []
    for _ in range(ROUNDS):
        taken.append(stream.draw().index)
        taken.append(dropcore.dropout(x, 0.5, training=True, rng=stream)[1].draw.index)
        before = stream.position
        dropcore.keep_mask(5, 0.5, rng=stream)
        assert stream.position > before > taken[-1]
    return taken


def test_no_index_is_given_twice_and_none_is_lost():
    stream = Stream(1)
    taken = together(*[lambda: draws_of_a_thread(stream)] * THREADS)
    assert stream.position == 3 * ROUNDS * THREADS
    assert all(own == sorted(own) for own in taken)
    indices = list(itertools.chain(*taken))
    assert len(set(indices)) == len(indices) == 2 * ROUNDS * THREADS  # the rest: keep_mask


def test_the_last_draws_go_to_one_thread_each():
    for _ in range(20):
        left = 40
        stream = Stream.from_state({**Stream(1).state, "position": LAST - left + 1})

        def take(stream=stream):
            taken, before = [], 0
            while True:
                position = stream.position
                assert before <= position <= LAST + 1
                before = position
                try:
                    taken.append(stream.draw().index)
                except OverflowError:
                    return taken

        taken = together(*[take] * THREADS)
        assert sorted(itertools.chain(*taken)) == list(range(LAST - left + 1, LAST + 1))
        assert stream.position == LAST + 1


def test_a_child_is_one_stream_whoever_asks_first():
    stream = Stream(2)

    def ask():
        children = [stream.child("layer").child(part) for part in range(ROUNDS)]
        return children, [child.draw().index for child in children]

    answers = together(*[ask] * THREADS)
    for part in range(ROUNDS):
        assert len({id(children[part]) for children, _ in answers}) == 1
        assert sorted(taken[part] for _, taken in answers) == list(range(THREADS))


def test_a_state_read_meanwhile_is_one_that_can_be_gone_back_to():
    stream, done = Stream(3), threading.Event()

    def draw():
        for part in range(ROUNDS):
            stream.child("a").child(part % 50).draw()
            stream.draw()

    def draw_all():
        together(*[draw] * 4)
        done.set()

    def read():
        last = {}
        while not done.is_set():
            state = json.loads(json.dumps(stream.state))
            assert Stream.from_state(state).state == state
            now = dict(positions(state))
            assert all(now[path] >= position for path, position in last.items())
            last = now

    together(draw_all, read, read)
    assert stream.position == 4 * ROUNDS
    assert sum(stream.child("a").child(part).position for part in range(50)) == 4 * ROUNDS


def test_a_state_set_meanwhile_loses_no_draw_after_it():
    stream = Stream(4)
    far = {**stream.state, "position": 2**40}

    def draw():
        taken = [stream.draw().index for _ in range(ROUNDS)]
        assert len(set(taken)) == ROUNDS
        return taken

    def move():
        stream.state = far

    *taken, _ = together(*[draw] * THREADS, move)
    after = sorted(index for index in itertools.chain(*taken) if index >= 2**40)
    assert after == list(range(2**40, 2**40 + len(after)))
    assert stream.position == 2**40 + len(after)


# ------------------------------------------------------------------- the first


FIRST = """
import threading
import numpy as np
import dropcore

x, begin = np.ones((4, 3, 2), np.float32), threading.Barrier(8)
draws, wrong = [], []

def first():
    begin.wait()
    try:
        for variant in ("standard", "spatial", "alpha"):
            options = {"channel_axis": 1} if variant == "spatial" else {}
            _, mask = dropcore.dropout(x, 0.5, training=True, variant=variant, **options)
            draws.append(mask.draw)
    except BaseException as error:
        wrong.append(error)

threads = [threading.Thread(target=first) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not wrong, wrong
assert len({draw.key for draw in draws}) == 1
assert sorted(draw.index for draw in draws) == list(range(24))
"""


def test_the_first_calls_of_a_process_share_one_default_stream_and_registry():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIRST], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


# ------------------------------------------------------------ arrays and masks


def computed(x, mask):
    """All results of a mask, as bytes."""
    results = (mask.forward(x), mask.backward(x), mask.keep, mask.packed)
    return [array.tobytes() for array in results]


@pytest.mark.parametrize("store", ["bits", "draw"])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1000,), {}),
        ((3, 2**17 + 5), {}),
        ((64, 5000), {"shared_axes": (0,)}),
        ((5000, 64), {"shared_axes": (1,)}),
        ((40, 100, 90), {"variant": "spatial", "channel_axis": 1}),
        ((2**18 + 1,), {"variant": "alpha"}),
    ],
    ids=str,
)
def test_a_shared_mask_and_input_give_what_they_give_alone(shape, options, store):
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    x.flags.writeable = False
    draw = Stream(5).at(2)
    done = threading.Event()

    def forward():
        return dropcore.dropout(x, 0.3, training=True, rng=draw, store=store, **options)

    dropcore.set_num_threads(1)
    y, mask = forward()
    expected = [y.tobytes(), *computed(x, mask)]

    def compute():
        for _ in range(3):
            assert forward()[0].tobytes() == expected[0]
            assert computed(x, mask) == expected[1:]

    def compute_all():
        together(*[compute] * 4)
        done.set()

    def change():
        while not done.is_set():
            for n in (2, 3, 1):
                dropcore.set_num_threads(n)

    together(compute_all, change)


def test_threads_write_pieces_of_one_array_and_of_one_mask():
    n, draw = 2**19, Stream(6).at(1)
    x = np.random.default_rng(2).standard_normal(n).astype(np.float32)
    keep = dropcore.keep_mask(n, 0.3, rng=draw)
    pieces = np.empty(n, bool)
    y = np.empty((THREADS, n // THREADS), np.float32)
    expected = dropcore.dropout(x[: n // THREADS], 0.3, training=True, rng=draw)[0]
    dropcore.set_num_threads(2)

    def piece(place):
        begin = place * n // THREADS
        pieces[begin : begin + n // THREADS] = dropcore.keep_mask(
            n // THREADS, 0.3, rng=draw, start=begin
        )
        dropcore.dropout(x[: n // THREADS], 0.3, training=True, rng=draw, out=y[place])

    together(*[lambda place=place: piece(place) for place in range(THREADS)])
    np.testing.assert_array_equal(pieces, keep)
    assert (y == expected).all()


def test_a_call_returns_when_its_workers_have_ended():
    # More threads than processors: the caller's share is often done before the other shares.
    x, out = np.ones(2**20, np.float32), np.empty(2**20, np.float32)
    with dropcore.num_threads(6):
        for index in range(200):
            out.fill(np.nan)
            dropcore.dropout(x, 0.5, training=True, rng=dropcore.Stream(1).at(index), out=out)
            assert not np.isnan(out[::-511]).any(), index
