"""Inputs that change during a call, two arrays in one memory, signals in the middle of a call."""

import enum
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest

import dropcore
from dropcore import Mask


def test_a_name_is_taken_by_its_text_not_by_its_address():
    x = np.ones(8)
    for name in ("standard", "alpha") * 20:
        fresh = np.str_(name)
        assert dropcore.dropout(x, 0.5, training=True, rng=1, variant=fresh)[1].variant.name == name
        del fresh


def test_an_array_that_is_another_each_time_is_taken_once():
    class Changing:
        asked = 0

        def __array__(self, dtype=None, copy=None):
            self.asked += 1
            return np.ones(8 if self.asked == 1 else 1 << 22, np.float32)

    y, mask = dropcore.dropout(Changing(), 0.5, training=True, rng=1)
    assert y.shape == mask.shape == (8,)


@pytest.mark.parametrize("shape", [[2] * 65, [2**40, 2**40], [2**62, 4, 0]], ids=str)
def test_a_record_of_an_impossible_shape_is_refused(shape):
    mask = dropcore.dropout(np.ones(3), 0.5, training=True, rng=1)[1]
    with pytest.raises(ValueError, match="shape must have"):
        Mask.from_record({**mask.record(), "shape": shape})


def test_a_pickle_with_too_few_bits_is_refused():
    mask = Mask.from_keep(np.ones(1000, bool), 0.5)
    rebuild, arguments = mask.__reduce__()
    broken = [a[:1] if isinstance(a, np.ndarray) else a for a in arguments]
    with pytest.raises(ValueError, match="bits must be uint8"):
        rebuild(*broken)
    assert pickle.loads(pickle.dumps(mask)).packed.tobytes() == mask.packed.tobytes()


def test_x_may_be_a_list_and_the_name_an_enum():
    class Name(enum.StrEnum):
        STANDARD = "standard"

    y, _ = dropcore.dropout([1.0, 2.0], 0.0, training=True, rng=1, variant=Name.STANDARD)
    np.testing.assert_array_equal(y, [1, 2])


INTERRUPTED = """
import random, signal
import numpy as np
import dropcore

class Interrupt(Exception): pass

def handler(*_):
    raise Interrupt

signal.signal(signal.SIGALRM, handler)
dropcore._core.threads.PIECE = 2**18
dropcore.set_num_threads(4)
x = np.ones(2**21, np.float32)
y = np.zeros_like(x)
draws = random.Random(1)
interrupted = 0
for index in range(150):
    draw = dropcore.Stream(1).at(index)
    y[:] = -1
    try:
        signal.setitimer(signal.ITIMER_REAL, draws.uniform(2e-5, 2e-3))
        dropcore.dropout(x, 0.5, training=True, rng=draw, out=y)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupt:
        interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    before = y.copy()  # after the call, no thread still writes to y
    assert (before == y).all()
signal.signal(signal.SIGALRM, signal.SIG_DFL)
whole, _ = dropcore.dropout(x, 0.5, training=True, rng=dropcore.Stream(1).at(0))
dropcore.set_num_threads(1)
alone, _ = dropcore.dropout(x, 0.5, training=True, rng=dropcore.Stream(1).at(0))
assert (whole == alone).all()
print("interrupted", interrupted)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_signals_neither_hang_a_threaded_call_nor_leave_it_running():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[1]) > 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_start_of_a_worker_does_not_hang_the_end(run, when):
    run(f"""
    from dropcore._core import threads

    class Interrupted(Exception): pass

    class Module:  # as if a signal handler raised just before or after the start of a worker
        allocate_lock = staticmethod(_thread.allocate_lock)

        def start_new_thread(self, *arguments):
            if "{when}" == "after":
                _thread.start_new_thread(*arguments)
            raise Interrupted

    x = np.ones(2**22, np.float32)
    dropcore.set_num_threads(4)
    threads._thread = Module()
    try:
        dropcore.dropout(x, 0.5, training=True, rng=1, out=x)
    except Interrupted:
        pass
    threads._thread = _thread
    for count in 3, 1, 4, 1:
        dropcore.dropout(x, 0.5, training=True, rng=1, out=x)
        dropcore.set_num_threads(count)
    """)
