"""Other processes: forked, spawned or begun anew, with the thread pool in use or not.

Each script runs in an interpreter of its own, where a hang ends in a traceback.
"""

import multiprocessing
import os
import subprocess
import sys
import textwrap

import pytest

import dropcore

PRELUDE = """
import atexit, faulthandler, multiprocessing, os, signal, sys, threading


def watch():
    # Dump the traceback and end, if it takes too long. No thread, which a fork would meet.
    if hasattr(signal, "alarm"):
        faulthandler.register(signal.SIGALRM, chain=True)
        signal.alarm(30)
    else:
        faulthandler.dump_traceback_later(30, exit=True)


watch()
alive_at_fork = []
if hasattr(os, "fork"):  # registered first, so run last
    os.register_at_fork(
        before=lambda: alive_at_fork.extend(thread.name for thread in threading.enumerate())
    )

import numpy as np
import dropcore

X = np.ones(2**20, np.float32)  # large enough for two threads
DRAW = dropcore.Stream(3).at(1)
KEEP = dropcore.keep_mask(X.shape, 0.1, rng=DRAW)


def right():
    y, mask = dropcore.dropout(X, 0.1, training=True, rng=DRAW)
    return bool(((y != 0) == KEEP).all() and (mask.backward(X) == y).all())


def in_child(work):
    # What `work` gives, computed in a forked child; the parent goes on.
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        watch()
        status = 1
        try:
            os.write(write, repr(work()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with open(read) as answer:
        text = answer.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
    return eval(text)
"""

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.fixture
def run(tmp_path):
    """Runs a script in a new interpreter; gives what it printed."""

    def run_script(script, *, warnings="error", threads=2):
        path = tmp_path / "script.py"
        path.write_text(PRELUDE + textwrap.dedent(script))
        done = subprocess.run(
            [sys.executable, "-W", warnings, str(path)],
            capture_output=True,
            text=True,
            timeout=90,
            # NumPy's own threads are none of this test's.
            env=os.environ | {"DROPCORE_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run_script


# ----------------------------------------------------------------------- fork


@forks
def test_threads_work_before_and_after_a_fork_in_parent_child_and_grandchild(run):
    run("""
    assert right()
    assert in_child(right)
    assert right()
    assert in_child(lambda: right() and in_child(right) and right())
    """)


@forks
def test_no_thread_of_the_pool_is_alive_at_the_fork(run):
    # The interpreter warns of a fork with live threads; a child inherits their locks alone.
    run("""
    assert right()
    assert any(thread.name.startswith("dropcore") for thread in threading.enumerate())
    assert in_child(right)
    assert alive_at_fork == ["MainThread"]
    assert right()
    """)


@forks
def test_a_fork_while_another_thread_computes(run):
    script = """
    assert right()
    stop = threading.Event()
    wrong = []

    def compute():
        while not stop.is_set():
            if not right():
                wrong.append(1)

    other = threading.Thread(target=compute)
    other.start()
    for _ in range(20):
        assert in_child(right)
    stop.set()
    other.join()
    assert not wrong
    """
    # That thread is the user's: newer interpreters rightly warn of it.
    run(script, warnings="ignore::DeprecationWarning")


@forks
def test_a_fork_while_another_thread_makes_the_first_call(run):
    # The first call reads what is installed, under locks that the child has but no one releases.
    run(
        """
        import importlib.metadata, time
        distributions, reading = importlib.metadata.distributions, threading.Event()

        def slow(**of):
            reading.set()
            time.sleep(0.2)
            return distributions(**of)

        importlib.metadata.distributions = slow
        other = threading.Thread(target=right)
        other.start()
        assert reading.wait(20)
        assert in_child(right)
        other.join()
        """,
        warnings="ignore::DeprecationWarning",
    )


@forks
def test_a_fork_from_another_thread(run):
    run(
        """
        assert right()
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.extend(in_child(right) for _ in range(5)))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert right()
        assert answers == [True] * 15, answers
        """,
        warnings="ignore::DeprecationWarning",
    )


@forks
def test_forked_children_draw_otherwise_by_default(run):
    run("""
    def default():
        return dropcore.keep_mask(256, 0.5, packed=True).tobytes()

    default()
    masks = [in_child(default), default(), in_child(default), default()]
    masks += in_child(lambda: [default(), in_child(default), default()])
    assert len(set(masks)) == 7
    """)


@forks
def test_forked_children_repeat_a_seeded_stream(run):
    run("""
    stream = dropcore.Stream(5).child("a")
    layer = dropcore.Dropout(0.5, rng=stream)
    stream.draw()

    def drawn():
        return str(stream.draw()), layer(X).tobytes()

    assert in_child(drawn) == drawn()
    assert stream.position == 3
    """)


# ------------------------------------------------------------------- processes

WORK = """
import pickle


def worker(connection):
    watch()
    mask, text = pickle.loads(connection.recv_bytes())
    dx = mask.backward(X)
    again = dropcore.keep_mask(X.shape, 0.1, rng=dropcore.Draw.parse(text), packed=True)
    default = dropcore.keep_mask(256, 0.5, packed=True).tobytes()
    connection.send((dx.tobytes(), again.tobytes(), default, right()))
    connection.close()


if __name__ == "__main__":
    y, mask = dropcore.dropout(X, 0.1, training=True, rng=dropcore.Stream(8))
    context = multiprocessing.get_context({method!r})
    defaults = {{dropcore.keep_mask(256, 0.5, packed=True).tobytes()}}
    for _ in range(2):
        here, there = context.Pipe()
        process = context.Process(target=worker, args=(there,))
        process.start()
        here.send_bytes(pickle.dumps((mask, str(mask.draw))))
        dx, packed, default, was_right = here.recv()
        process.join()
        assert process.exitcode == 0
        assert dx == y.tobytes()
        assert packed == mask.packed.tobytes()
        assert was_right
        defaults.add(default)
    assert len(defaults) == 3
    assert right()
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_get_masks_and_draw_otherwise_by_default(run, method):
    run(WORK.format(method=method))


def test_an_address_is_read_in_another_process(run):
    stream = dropcore.Stream(9, ("run", 4))
    draw = stream.at(2**33)
    printed = run(f"""
    draw = dropcore.Draw.parse({str(draw)!r})
    print(dropcore.keep_mask(1000, 0.3, rng=draw, packed=True).tobytes().hex())
    stream = dropcore.Stream.from_state({stream.state!r})
    print(dropcore.keep_mask(1000, 0.3, rng=stream, packed=True).tobytes().hex())
    """)
    expected = [dropcore.keep_mask(1000, 0.3, rng=rng, packed=True) for rng in (draw, stream)]
    assert printed.split() == [packed.tobytes().hex() for packed in expected]


# ----------------------------------------------- the end, and too few threads


def test_a_thread_that_cannot_be_started(run):
    # Each piece runs once all the same, and none is left to run in a later call.
    run("""
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    x, start = X.copy(), threading.Thread.start
    dropcore.set_num_threads(3)  # a new pool
    threading.Thread.start = refuse
    dropcore.dropout(x, 0.5, training=True, rng=DRAW, out=x)
    threading.Thread.start = start
    assert right()
    assert set(np.unique(x)) == {0, 2}
    """)


def test_the_end_of_a_process_with_a_pool(run):
    assert run("print(right())") == "True\n"


def test_a_call_at_exit(run):
    # The pool takes no more work then.
    assert run("atexit.register(lambda: print(right()))\nassert right()") == "True\n"


def test_a_thread_that_outlives_the_main_one(run):
    printed = run("""
    def outlive():
        threading.main_thread().join()
        print([right() for _ in range(3)])

    threading.Thread(target=outlive).start()
    assert right()
    """)
    assert printed == "[True, True, True]\n"


def test_a_daemon_thread_that_computes_to_the_end(run):
    run("""
    import time

    def compute():
        while True:
            right()

    threading.Thread(target=compute, daemon=True).start()
    assert right()
    atexit.register(time.sleep, 0.1)  # it goes on where the pool has ended
    """)
