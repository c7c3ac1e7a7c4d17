"""Calls drop.rs, and compares the results with dropcore.dropout."""

import ctypes
import sys
from pathlib import Path

import numpy as np

import dropcore

LIBRARY = {"darwin": "libdrop.dylib", "win32": "drop.dll"}.get(sys.platform, "libdrop.so")

pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
pointer_of.argtypes, pointer_of.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
TABLE = pointer_of(dropcore._C_API, b"dropcore._C_API")

hidden_layer = ctypes.CDLL(str(Path(__file__).resolve().parent / LIBRARY)).hidden_layer
hidden_layer.argtypes = [
    ctypes.c_void_p,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_double,
    ctypes.c_size_t,
    ctypes.c_void_p,
    ctypes.c_size_t,
]
WRONG = {1: "drop.rs was written for another ABI of dropcore", 2: "p must be in [0, 1]"}


def hidden(x: np.ndarray, p: float, seed: int, step: int, threads: int) -> None:
    """Relu and dropout of a contiguous float32 array, in place."""
    status = hidden_layer(TABLE, seed, step, p, threads, x.ctypes.data, x.size)
    if status:
        raise ValueError(WRONG[status])


if __name__ == "__main__":
    x = np.random.default_rng(0).normal(size=100_003).astype(np.float32)
    draw = dropcore.Stream(42, ("hidden",)).at(7)
    expected, _ = dropcore.dropout(np.maximum(x, 0), 0.3, training=True, rng=draw)
    for threads in (1, 2, 5):
        y = x.copy()
        hidden(y, 0.3, 42, 7, threads)
        np.testing.assert_array_equal(y, expected)
    print("the same elements from Rust and from Python, on 1, 2 and 5 threads")
