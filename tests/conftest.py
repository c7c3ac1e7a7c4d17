"""Common parts of several test files: threads, and scripts that run in a new interpreter."""

import os
import subprocess
import sys
import textwrap

import pytest

from dropcore._core import threads

PRELUDE = """
import _thread, atexit, faulthandler, multiprocessing, os, signal, sys, threading, time


def watch():
    # After 30 seconds prints the tracebacks and ends the process. Uses no thread, because forks
    # must find only the threads of the script.
    if hasattr(signal, "alarm"):
        faulthandler.register(signal.SIGALRM, chain=True)
        signal.alarm(30)
    else:
        faulthandler.dump_traceback_later(30, exit=True)


def count_alive():
    # Notes the number of other threads. Waits up to a second for workers that are about to end.
    until = time.monotonic() + 1
    while _thread._count() >= threading.active_count() and time.monotonic() < until:
        time.sleep(0.001)
    alive_at_fork.append(_thread._count())


watch()
alive_at_fork = []
if hasattr(os, "fork"):  # registered first, so that it runs last
    os.register_at_fork(before=count_alive)

import numpy as np
import dropcore

dropcore._core.threads.PIECE = 2**18
X = np.ones(2**20, np.float32)  # large enough for several threads
DRAW = dropcore.Stream(3).at(1)
KEEP = dropcore.keep_mask(X.shape, 0.1, rng=DRAW)


def right():
    y, mask = dropcore.dropout(X, 0.1, training=True, rng=DRAW)
    return bool(((y != 0) == KEEP).all() and (mask.backward(X) == y).all())


def in_child(work):
    # Runs `work` in a forked child, and returns its result to the parent.
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


@pytest.fixture(autouse=True)
def threads_for_small_arrays(monkeypatch):
    """Let several threads share small arrays, which outside of tests one thread computes."""
    monkeypatch.setattr(threads, "PIECE", 2**17)


@pytest.fixture
def run(tmp_path):
    """Run a script in a new interpreter; return its output."""

    def run_script(script, *, warnings="error", threads=2):
        path = tmp_path / "script.py"
        path.write_text(PRELUDE + textwrap.dedent(script))
        done = subprocess.run(
            [sys.executable, "-W", warnings, str(path)],
            capture_output=True,
            text=True,
            timeout=90,
            # The test must not count NumPy's own threads.
            env=os.environ | {"DROPCORE_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run_script
