"""DROPCORE_CHECKS=1: a line names each wrong argument, and nothing is read or written.

The only exception: a refused layout or shard is set to zeros, so that later calls refuse it too.
"""

import json
import os
import re
import subprocess
import sys

import pytest
from engines import interface

PROGRAM = """
import ctypes, json, sys
sys.path[:0] = json.loads(sys.argv[1])
from engines import interface
import dropcore

table = interface.Table()
draw, path = interface.Draw(), interface.KeyPath()
plan, layout = interface.Plan(2, 0, 0), interface.Layout()
shard, offset = interface.Shard(), (ctypes.c_ssize_t * 2)(0, 0)
length = (ctypes.c_ssize_t * 2)(4, 4)
table.path_of_integer(42, ctypes.byref(path))
table.draw_at(ctypes.byref(path), 7, ctypes.byref(draw))
table.layout_of(2, length, None, 0, ctypes.byref(layout))
table.shard_of(2, length, offset, length, 0, ctypes.byref(shard))
refused_layout, refused_shard = interface.Layout(), interface.Shard()
table.layout_of(2, length, None, 0, ctypes.byref(refused_layout))
assert not table.layout_of(2, (ctypes.c_ssize_t * 2)(4, -4), None, 0, ctypes.byref(refused_layout))
assert not table.shard_of(
    2, length, offset, (ctypes.c_ssize_t * 2)(5, 4), 0, ctypes.byref(refused_shard)
)
reordered, shared_shard = interface.Layout(), interface.Shard()
table.layout_of(2, length, (ctypes.c_ssize_t * 2)(1, 4), 0, ctypes.byref(reordered))
table.shard_of(2, length, offset, length, 2, ctypes.byref(shared_shard))
memory = (ctypes.c_uint8 * 4096)(*[1] * 4096)
there = (ctypes.addressof(memory) + 63) // 64 * 64
x, y, bits = there, there + 1024, there + 2048
nan = float("nan")
made = {"layout_of": interface.Layout(), "shard_of": interface.Shard()}
before = [*map(bytes, (memory, draw, path, layout, shard))]
for name, arguments in json.loads(sys.stdin.read()):
    if name in made:
        ctypes.memset(ctypes.byref(made[name]), 0xFF, ctypes.sizeof(made[name]))
    given = [eval(a) if isinstance(a, str) else a for a in arguments]
    given = [ctypes.byref(a) if isinstance(a, ctypes.Structure) else a for a in given]
    result = getattr(table, name)(*given)
    assert not result, (name, arguments, result)
    assert before == [*map(bytes, (memory, draw, path, layout, shard))], (name, arguments)
    if "made[name]" in arguments:
        assert not any(bytes(made[name])), (name, arguments)
print("alive")
"""

# Valid arguments for each function, by the name of the argument.
RIGHT = {
    "seed": 42,
    "part": 1,
    "index": 7,
    "path": "path",
    "draw": "draw",
    "p": 0.5,
    "start": 0,
    "first": 0,
    "n": 16,
    "decisions": 4,
    "times": 4,
    "axes": 2,
    "shared": 0,
    "length": "length",
    "whole": "length",
    "offset": "offset",
    "shard": "shard",
    "stride": None,
    "layout": "layout",
    "plan": "plan",
    "x": "x",
    "y": "y",
    "dy": "x",
    "dx": "y",
    "bits": "bits",
    "words": "bits",
    "utf8": "bits",
    "scratch": None,
}
MISALIGNED = ("draw", "path", "plan", "layout", "shard")


def names_of(arguments):
    return [argument.split()[-1].lstrip("*") for argument in arguments]


def wrong_values(name, needed, kind):
    """Wrong values of an argument, with the message for each value."""
    if name == "p":
        yield from [("nan", "not nan"), ("-nan", "not nan"), (-0.1, "not -0.1"), (1.5, "not 1.5")]
        yield from [("float('inf')", "not inf")]
    elif kind == "Py_ssize_t":
        yield -1, "at least 0, not -1"
    elif name == "axes":
        yield from [(-1, "in .0, 64., not -1"), (65, "not 65")]
    elif name in ("start", "first"):
        yield 2**64 - 3, "at most 2"
    elif name in MISALIGNED:
        yield from [(0, "must not be NULL"), ("x + 4", "aligned to 8 bytes")]
    elif name in needed:
        yield 0, "must not be NULL"


def calls():
    """Each function with one wrong argument: name, arguments and message."""
    for function, _, arguments in interface.declared():
        if function == "draw_of":
            continue
        names = names_of(arguments)
        right = [RIGHT[name] for name in names]
        if function == "path_of_bytes":
            right[0] = "bits"
        if function in ("layout_of", "shard_of"):
            right[-1] = "made[name]"
        needed = {"x", "y", "dy", "dx", "words", "utf8", "length", "bits", "seed"}
        needed |= {"whole", "offset"}
        if re.match("forward|backward", function):
            needed -= {"bits"}
        if function == "path_of_integer":
            needed -= {"seed"}
        for place, name in enumerate(names):
            for value, says in wrong_values(name, needed, arguments[place].split()[0]):
                changed = [*right]
                changed[place] = value
                yield function, changed, rf"{function}: {name}\b.* {says}"
        if re.match("forward|select|repeat|tile", function):
            overlap = [*right]
            overlap[names.index("y")] = "x + 8"
            yield function, overlap, f"{function}: y must be x or share no memory"
        if ("bits" in names and "plan" in names) or re.match("forward|backward", function):
            for inside in ("x", "y"):
                elements = inside if inside in names else {"x": "dy", "y": "dx"}[inside]
                changed = [*right]
                changed[names.index("bits")] = inside
                yield function, changed, f"{function}: bits must share no memory with {elements}$"
        if "scratch" in names:
            for name in ("x", "y", "bits"):
                changed = [*right]
                changed[names.index("layout")] = "reordered"
                changed[names.index("scratch")] = name
                says = f"{function}: scratch must share no memory with {name}$"
                yield function, changed, says
            changed = [*changed]
            changed[names.index("scratch")] = "bits + 1"
            yield function, changed, f"{function}: scratch must be aligned to 4 bytes"
        for name in ("layout", "shard"):
            kind = arguments[names.index(name)] if name in names else ""
            if kind.startswith("const"):
                changed = [*right]
                changed[names.index(name)] = f"refused_{name}"
                yield function, changed, f"{function}: {name} must come from a call of {name}_of"
        if "shard" in names and "x" in names:
            changed = [*right]
            changed[names.index("shard")] = "shared_shard"
            yield function, changed, f"{function}: shard must have no shared axes"
        if "times" in names:
            huge = [*right]
            huge[names.index("decisions")] = huge[names.index("times")] = 2**62
            yield function, huge, rf"{function}: decisions \* times must fit"
        if "shard" in names and "first" in names:
            beyond = [*right]
            beyond[names.index("first")] = 1
            yield function, beyond, rf"{function}: first \+ n must be at most the 16 decisions of"
        size = 8 if function.endswith("float64") else 2 if "16" in function else 4
        for name in ("x", "dx"):
            if name in names:
                changed = [*right]
                changed[names.index(name)] = "x + 1"
                yield function, changed, rf"{function}: {name} must be aligned to {size} bytes"


CALLS = list(calls())


def run(checks, calls):
    """The exit status, the output and the errors of a new process that makes these calls."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(sys.path)],
        input=json.dumps([call[:2] for call in calls]),
        env=os.environ | {"DROPCORE_CHECKS": checks},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_function_is_among_the_calls():
    names = {name for name, *_ in interface.declared()} - {"draw_of"}
    assert {call[0] for call in CALLS} == names


def test_each_wrong_argument_is_named_and_nothing_is_touched():
    done = run("1", CALLS)
    assert done.stdout.strip() == "alive", done.stderr[-2000:]
    lines = done.stderr.splitlines()
    assert len(lines) == len(CALLS), done.stderr
    for line, (function, arguments, says) in zip(lines, CALLS, strict=True):
        assert re.match(f"dropcore: {says}", line), (line, function, arguments)


def test_empty_calls_may_have_null_pointers():
    empty = []
    for function, _, arguments in interface.declared():
        names = names_of(arguments)
        if "n" in names and not function.startswith("path"):
            given = [
                0 if n in ("n", "x", "y", "dx", "dy", "bits", "words") else RIGHT[n] for n in names
            ]
            empty.append((function, given))
    assert len(empty) > 15
    done = run("1", empty)
    assert (done.stdout.strip(), done.stderr) == ("alive", "")


SAME_BITS = """
import ctypes
import dropcore, numpy as np
from engines import interface

table, stream = interface.Table(), dropcore.Stream(42)
draw = interface.Draw.from_buffer_copy(stream.at(7).key_and_index.tobytes())
x = np.ones(1000, np.float32)
table.forward_float32(ctypes.byref(draw), 0.25, 0, 1000, x.ctypes.data, x.ctypes.data, None)
y, _ = dropcore.dropout(np.ones(1000, np.float32), 0.25, training=True, rng=stream.at(7))
assert (x == y).all() and abs(table.scale(0.25) - 4 / 3) < 1e-15
"""


@pytest.mark.parametrize("checks", ["0", "1"])
def test_right_calls_give_the_same_bits(checks):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{SAME_BITS}"],
        env=os.environ | {"DROPCORE_CHECKS": checks},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_cython_and_numba_meet_the_same_functions():
    code = (
        "import ctypes, dropcore\n"
        "from dropcore._core import api, checked\n"
        "assert checked.__pyx_capi__.keys() == api.__pyx_capi__.keys() - {'dropcore_abi'}\n"
        "assert all(api.__pyx_capi__[n] is c for n, c in checked.__pyx_capi__.items())\n"
        "assert all(dropcore.__pyx_capi__[n] is c for n, c in checked.__pyx_capi__.items())\n"
    )
    environment = os.environ | {"DROPCORE_CHECKS": "1"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)


def test_another_value_is_refused():
    environment = os.environ | {"DROPCORE_CHECKS": "yes"}
    done = subprocess.run(
        [sys.executable, "-c", "import dropcore"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "DROPCORE_CHECKS must be 0, 1 or unset, not 'yes'" in done.stderr
