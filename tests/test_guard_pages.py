"""No function touches memory outside of its arrays, which end or begin at a page without access."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dropcore._core import dispatch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="maps pages as Linux does")

HEAD = """
import ctypes, mmap
import ml_dtypes
import numpy as np
import dropcore
from dropcore import core
from engines.interface import Layout, Plan, Table, address, draw_of

PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
DRAW, TABLE = dropcore.Stream(7).at(1), Table()
HERE = ctypes.byref(draw_of(DRAW))


class Guarded:
    # Memory between two pages that can neither be read nor written.

    def __init__(self, pages):
        self.size = pages * PAGE
        begin = libc.mmap(None, self.size + 2 * PAGE, 3, 0x22, -1, 0)  # readable and writeable
        assert begin not in (None, ctypes.c_void_p(-1).value)
        for page in (begin, begin + PAGE + self.size):
            assert libc.mprotect(page, PAGE, 0) == 0
        pages = (ctypes.c_uint8 * self.size).from_address(begin + PAGE)
        self.memory = np.frombuffer(pages, np.uint8)

    def at_end(self, n, dtype):
        nbytes = n * np.dtype(dtype).itemsize
        return self.memory[self.size - nbytes :].view(dtype)

    def at_begin(self, n, dtype):
        return self.memory[: n * np.dtype(dtype).itemsize].view(dtype)


X, Y, BITS = Guarded(18), Guarded(18), Guarded(2)
PLACES = [(X.at_end, Y.at_end, BITS.at_end), (X.at_begin, Y.at_begin, BITS.at_begin)]
LENGTHS = [*range(1, 70), 255, 256, 257, 1023, 1024, 1025, 2048, 4097, 8191, 9001]
DTYPES = {np.float32: "", np.float64: "", np.float16: "_float16", ml_dtypes.bfloat16: "_bfloat16"}


def bytes_for(bits):
    return (bits + 7) // 8
"""

BUFFERS = """
def raw(array):  # the core takes bfloat16 as its bits
    return array if array.dtype != ml_dtypes.bfloat16 else array.view(np.uint16)


for place_x, place_y, place_bits in PLACES:
    for dtype, suffix in DTYPES.items():
        call = lambda name, *of: getattr(core, name + suffix)(*of)
        for n in LENGTHS:
            x, y = raw(place_x(n, dtype)), raw(place_y(n, dtype))
            bits = place_bits(bytes_for(n), np.uint8)
            for start in (0, 5, 1024):
                core.keep_bits(DRAW, 0.3, bits, n, start)
                call("forward", DRAW, 0.3, x, y, bits, start)
                call("forward", DRAW, 0.5, x, y, None, start)
                call("forward_plan", DRAW, 0.25, x, y, 2.0, 1.0, -1.0, bits, start)
            call("backward", DRAW, 0.3, x, y, bits)
            call("select", bits, x, y, 2.0, 1.0, -1.0)
            for first in (1, 3, 7):
                more = place_bits(bytes_for(first + n), np.uint8)
                call("select", more, x, y, 2.0, 0.0, 0.0, first)
            for times in (1, 2, 3, 33):
                if n % times == 0:
                    for first in (0, 5):
                        few = place_bits(bytes_for(first + n // times), np.uint8)
                        call("repeat", few, n // times, times, x, y, 2.0, 0.0, 0.0, first)
                        call("tile", few, n // times, times, x, y, 2.0, 1.0, -1.0, first)
print("whole")
"""

LAYOUTS = """
def layout_of(shape, order, shared):
    # The layout of an array; `order` lists the axes in the order of memory, the outermost first.
    stride, step = [0] * len(shape), 1
    for axis in reversed(order):
        stride[axis] = step
        step *= shape[axis]
    layout = Layout()
    array = lambda values: (ctypes.c_ssize_t * len(values))(*values)
    shared = sum(1 << axis for axis in shared)
    assert TABLE.layout_of(len(shape), array(shape), array(stride), shared, ctypes.byref(layout))
    return layout


SHAPES = [(33, 34, 9), (67, 131), (2, 3, 5, 7), (64, 64), (31, 33), (1, 9), (5, 1, 5)]
ORDERS = lambda rank: [tuple(range(rank)), tuple(reversed(range(rank))), (*range(1, rank), 0)]
for place_x, place_y, place_bits in PLACES:
    for shape in SHAPES:
        for order in ORDERS(len(shape)):
            for shared in ((), (0,), (1,), (len(shape) - 1,)):
                layout = layout_of(shape, order, shared)
                n = int(np.prod(shape))
                x, y = place_x(n, np.float32), place_y(n, np.float32)
                decisions = TABLE.layout_decisions(ctypes.byref(layout))
                bits = place_bits(bytes_for(decisions), np.uint8)
                room = np.zeros(TABLE.layout_scratch(ctypes.byref(layout)), np.uint8)
                TABLE.keep_bits(HERE, 0.3, 0, decisions, address(bits))
                TABLE.select_layout_float32(
                    ctypes.byref(layout), address(bits), ctypes.byref(Plan(2, 0, 0)),
                    address(x), address(y), address(room),
                )
print("whole")
"""

SHARDS = """
def raw(array):  # the core takes bfloat16 as its bits
    return array if array.dtype != ml_dtypes.bfloat16 else array.view(np.uint16)


# The shape of a block, and the shape of the whole array.
BLOCKS = [
    ((700, 7), (800, 14)), ((70, 64), (80, 128)), ((5, 1000), (9, 2000)), ((2, 4096), (3, 8192)),
    ((3, 2500), (4, 7001)), ((33, 33), (40, 5000)), ((3000, 1), (3001, 9)), ((1, 5), (9, 9)),
    ((5, 4, 3, 2), (8, 7, 6, 5)), ((40, 8, 8), (50, 9, 70)),
]
for place_x, place_y, place_bits in PLACES:
    for shape, whole in BLOCKS:
        n = int(np.prod(shape))
        for last in (0, 1):  # the block begins, or ends, where the whole array begins, or ends
            offsets = [last * (all_ - own) for all_, own in zip(whole, shape)]
            shard = core.Shard(shape, whole, offsets)
            bits = place_bits(bytes_for(n), np.uint8)
            for p in (0.3, 0.5):
                core.keep_shard(DRAW, p, shard, bits)
                for dtype, suffix in DTYPES.items():
                    forward = getattr(core, "forward_shard" + suffix)
                    x, y = raw(place_x(n, dtype)), raw(place_y(n, dtype))
                    forward(DRAW, p, shard, x, y, 2.0, bits=bits)
                    forward(DRAW, p, shard, x, x, 2.0, 1.0, -1.0)
print("whole")
"""

WORDS = """
for n in LENGTHS:
    for place in (X.at_end, X.at_begin):
        words = place(n, np.uint64)
        for start in (0, 3, 130):
            TABLE.words(HERE, start, n, address(words))
print("whole")
"""


SCRIPTS = {"buffers": BUFFERS, "layouts": LAYOUTS, "shards": SHARDS, "words": WORDS}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("isa", dispatch.isas_available())
def test_nothing_is_touched_outside_of_an_array(isa, script):
    done = subprocess.run(
        [sys.executable, "-c", HEAD + script],
        env=os.environ | {"DROPCORE_ISA": isa, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr
