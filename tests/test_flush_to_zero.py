"""In a thread that flushes subnormal numbers to zero, only subnormal values change, no decision."""

import ctypes
import platform
import sys
from contextlib import contextmanager

import ml_dtypes
import numpy as np
import pytest

import dropcore

DRAW = dropcore.Stream(3).at(1)
P_VALUES = (5e-324, 1e-310, 1e-10, 0.1, 0.3, 0.5, 1 - 2**-53)
FLUSH = 0x8040  # the bits in x86's MXCSR: flush results, and flush operands
PLACE = 28  # the offset of MXCSR in glibc's fenv_t

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc",
    reason="sets MXCSR as glibc on x86-64 does",
)


@contextmanager
def flushing():
    libm = ctypes.CDLL("libm.so.6")
    before, environment = (ctypes.create_string_buffer(32) for _ in range(2))
    libm.fegetenv(before)
    environment[:] = before[:]
    word = ctypes.c_uint32.from_buffer(environment, PLACE)
    word.value |= FLUSH
    libm.fesetenv(environment)
    try:
        yield
    finally:
        libm.fesetenv(before)


def masks(x):
    return [dropcore.dropout(x, p, training=True, rng=DRAW) for p in P_VALUES]


def test_decisions_hold():
    expected = [dropcore.keep_mask(100_000, p, rng=DRAW, packed=True).tobytes() for p in P_VALUES]
    with flushing():
        assert np.float64(1e-310) * np.float64(1.0) == 0  # the mode is active
        got = [dropcore.keep_mask(100_000, p, rng=DRAW, packed=True).tobytes() for p in P_VALUES]
    assert got == expected


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_values_hold_except_for_subnormal_ones(dtype):
    least = float(ml_dtypes.finfo(dtype).smallest_normal)
    sizes = np.tile([1e-3, 1, 2, 1e3], 3001) * least  # some x or y are subnormal
    x = np.concatenate([sizes, -sizes]).astype(dtype)
    expected = masks(x)
    with flushing():
        got = masks(x)
        gradients = [mask.backward(x) for _, mask in got]
    for (y, mask), (z, again), dx in zip(expected, got, gradients, strict=True):
        np.testing.assert_array_equal(again.keep, mask.keep)
        wide = np.abs(y.astype(np.float64))
        normal = (np.abs(x.astype(np.float64)) >= least) & ((wide >= least) | (wide == 0))
        if dtype == np.float16:  # computed in float32, where subnormal float16 are normal numbers
            normal[:] = True
        for result in (z, dx):
            assert result[normal].tobytes() == y[normal].tobytes()
            flushed = result[~normal]
            assert ((flushed == 0) | (flushed == y[~normal])).all()
