"""Processes that are spawned, start again or end, with and without threads of the pool.

Each script runs in a new interpreter. A script that hangs ends with a traceback.
"""

import multiprocessing

import pytest

import dropcore

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


def test_subprocesses_begun_while_another_thread_computes(run):
    script = """
    import subprocess

    CODE = "import dropcore; print(dropcore.keep_mask(256, 0.5, packed=True).tobytes().hex())"
    stop, wrong = threading.Event(), []

    def compute():
        while not stop.is_set():
            if not right():
                wrong.append(1)

    other = threading.Thread(target=compute)
    other.start()
    default = dropcore.keep_mask(256, 0.5, packed=True).tobytes().hex()
    defaults = {default}
    for before in (None, right) if hasattr(os, "fork") else (None, None):
        watch()
        done = subprocess.run(
            [sys.executable, "-c", CODE], preexec_fn=before, stdout=subprocess.PIPE, text=True
        )
        assert done.returncode == 0
        defaults.add(done.stdout.strip())
    stop.set()
    other.join()
    assert not wrong
    assert len(defaults) == 3
    """
    run(script, warnings="ignore::DeprecationWarning")


# ----------------------------------------------- the end, and too few threads


def test_a_thread_that_cannot_be_started(run):
    # Each piece still runs once, and no piece remains for a later call.
    run("""
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    x, start = X.copy(), _thread.start_new_thread
    dropcore.set_num_threads(3)  # ends the workers; the next call starts new ones
    _thread.start_new_thread = refuse
    dropcore.dropout(x, 0.5, training=True, rng=DRAW, out=x)
    _thread.start_new_thread = start
    assert right()
    assert set(np.unique(x)) == {0, 2}
    """)


def test_the_end_of_a_process_with_a_pool(run):
    assert run("print(right())") == "True\n"


def test_a_call_at_exit(run):
    # At exit the pool accepts no more work, so the calling thread computes alone.
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
    atexit.register(time.sleep, 0.1)  # the thread still computes after the pool has ended
    """)
