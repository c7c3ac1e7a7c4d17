"""If memory fails at any allocation of a call, the call succeeds, or fails and changes nothing."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("_testcapi")

SCRIPT = """
import _testcapi, gc, json, pickle, sys
import numpy as np
import dropcore
from dropcore import core

DRAW = dropcore.Stream(1).at(0)
x = np.arange(1.0, 301.0).reshape(3, 100)
right, mask = dropcore.dropout(x, 0.5, training=True, rng=DRAW)
bits, data = bytes(mask.packed), x.copy()
flat = x.reshape(-1)
out, buffer, keep = np.zeros_like(x), np.zeros(300), bytearray(38)
stream = dropcore.Stream(2, ("a",))
stream.child("b").draw()
state, text, record = stream.state, str(DRAW), mask.record()
saved = pickle.dumps(mask)
layer = dropcore.Dropout(0.5, rng=dropcore.Stream(3))
large = np.ones(2**20)  # so large that the calling thread waits for the workers

CALLS = {
    "dropout": lambda: dropcore.dropout(x, 0.5, training=True, rng=stream),
    "out": lambda: dropcore.dropout(x, 0.5, training=True, rng=stream, out=out),
    "lies otherwise": lambda: dropcore.dropout(x.T, 0.5, training=True, rng=stream, out=out.T),
    "shared": lambda: dropcore.dropout(x, 0.5, training=True, rng=stream, shared_axes=1),
    "inference": lambda: dropcore.dropout(x, 0.5, training=False, rng=stream),
    "alpha": lambda: dropcore.dropout(x, 0.5, training=True, rng=stream, variant="alpha"),
    "draw of a stream": lambda: stream.draw(),
    "keep_mask": lambda: dropcore.keep_mask((3, 100), 0.3, rng=stream),
    "packed": lambda: dropcore.keep_mask(300, 0.3, rng=stream, packed=True),
    "threads": lambda: dropcore.dropout(large, 0.5, training=True, rng=stream),
    "layer": lambda: layer(x),
    "forward": lambda: mask.forward(x, out=out),
    "backward": lambda: mask.backward(x),
    "keep": lambda: mask.keep,
    "record": lambda: dropcore.Mask.from_record(record),
    "pickle": lambda: pickle.loads(pickle.dumps(mask)),
    "unpickle": lambda: pickle.loads(saved),
    "from_keep": lambda: dropcore.Mask.from_keep(x > 5, 0.5),
    "split": lambda: mask.split()[1](mask.split()[0]),
    "parse": lambda: dropcore.Draw.parse(text),
    "from_state": lambda: dropcore.Stream.from_state(state),
    "state": lambda: stream.state,
    "words": lambda: DRAW.words(40),
    "core": lambda: core.forward(DRAW, 0.5, flat, buffer, keep),
    "core select": lambda: core.select(bits, flat, buffer, 2.0),
}
HELD = (stream, layer.rng)


def positions():
    return [each.position for each in HELD]


def failing(call, at):
    # Makes allocation number `at` of the call fail; returns whether the call failed, and its value.
    result = None
    _testcapi.set_nomemory(at, at + 1)
    try:
        result = call()
        _testcapi.remove_mem_hooks()
        return False, result
    except (MemoryError, pickle.PicklingError):  # pickle's own error for an import without memory
        _testcapi.remove_mem_hooks()
        return True, None
    finally:
        _testcapi.remove_mem_hooks()


def once(name):
    call, failures = CALLS[name], 0
    for _ in range(20):  # afterwards all is imported and cached, and the bytecode is specialised
        call()
    quiet = 0  # failures in a row after which the call succeeded, or that it did not reach
    for at in range(2000):
        before = positions()
        layer_mask = layer.mask
        failed, result = failing(call, at)
        if failed:
            failures, quiet = failures + 1, 0
            assert positions() == before, (name, at, before, positions())
            assert layer.mask is layer_mask, (name, at)
        else:
            quiet += 1
            if quiet > 40:
                break
        assert (x == data).all() and (data == x).all()
    else:
        raise AssertionError(f"{name}: there is no end of allocations")
    y, again = dropcore.dropout(x, 0.5, training=True, rng=DRAW)
    assert (y == right).all() and bytes(again.packed) == bits, name
    assert (mask.backward(x) == right).all(), name
    return failures


gc.disable()
if "threads" in sys.argv:
    dropcore._core.threads.PIECE = 2**12
    dropcore.set_num_threads(3)
print(json.dumps({name: once(name) for name in sys.argv[1:]}))
"""

NAMES = [
    line.split('"')[1]
    for line in SCRIPT.partition("CALLS = {")[2].partition("\n}")[0].splitlines()
    if ": lambda" in line
]


@pytest.mark.parametrize("name", NAMES)
def test_a_call_that_gets_no_memory_changes_nothing(name):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
