"""Dropout with kernels that libxsmm compiles at run time.

libxsmm has its own random generator, and stores one bit for each decision.

libxsmm is in no package index. Build it (`make STATIC=0`), and set the environment variable
DROPCORE_BENCH_LIBXSMM to the path of its shared library. A call through ctypes takes about as long
as a call of dropcore from Python.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]

VARIABLE = "DROPCORE_BENCH_LIBXSMM"
TARGETS = {"v3": "hsw"}  # otherwise libxsmm chooses the best instruction set of the processor

COMPARED = ("float32", "bfloat16")
THEIRS = {"forward": "libxsmm's forward", "backward from bits": "libxsmm's backward"}

# Values of enumerations in libxsmm_typedefs.h:
DROPOUT, DROPOUT_INV = 25, 26
BIT_MASK = 1
DATATYPES = {"float32": 1, "bfloat16": 2, "float16": 3}
COMPUTED_IN = DATATYPES["float32"]


class Shape(ctypes.Structure):
    """``libxsmm_meltw_unary_shape``."""

    _fields_ = [(name, ctypes.c_int) for name in ("m", "n", "ldi", "ldo", "x", "y", "computed")]


class Arguments(ctypes.Structure):
    """``libxsmm_meltw_unary_param``; only the first two pointers of each field are used."""

    _fields_ = [
        ("op", ctypes.c_void_p * 4),
        ("x", ctypes.c_void_p * 6),
        ("y", ctypes.c_void_p * 6),
    ]


class Library:
    """The shared library of libxsmm, and the state of its random generator."""

    def __init__(self, isa: str) -> None:
        if isa in TARGETS:
            os.environ["LIBXSMM_TARGET"] = TARGETS[isa]  # read when libxsmm is loaded
        self._library = ctypes.CDLL(os.environ[VARIABLE])
        self._library.libxsmm_init()
        self._library.libxsmm_rng_create_extstate.restype = ctypes.c_void_p
        self._library.libxsmm_dispatch_meltw_unary.restype = ctypes.c_void_p
        self._library.libxsmm_dispatch_meltw_unary.argtypes = [ctypes.c_int, Shape, ctypes.c_int]
        self._state = self._library.libxsmm_rng_create_extstate(ctypes.c_uint(1))

    def forward(self, x: Array, y: Array, bits: Array, p: float) -> Callable[[], None]:
        """Return a call that computes y and the bits from x."""
        return self._call(DROPOUT, x, y, bits, p)

    def backward(self, dy: Array, dx: Array, bits: Array, p: float) -> Callable[[], None]:
        """Return a call that computes dx from dy and the bits."""
        return self._call(DROPOUT_INV, dy, dx, bits, p)

    def _call(self, kind: int, x: Array, y: Array, bits: Array, p: float) -> Callable[[], None]:
        dtype = DATATYPES[x.dtype.name]
        shape = Shape(x.size, 1, x.size, x.size, dtype, dtype, COMPUTED_IN)
        code = self._library.libxsmm_dispatch_meltw_unary(kind, shape, BIT_MASK)
        if not code:
            raise RuntimeError(f"libxsmm has no kernel for {x.size} elements of {x.dtype}")
        rate = ctypes.c_float(p)
        arguments = Arguments()
        arguments.op[:2] = ctypes.addressof(rate), self._state
        arguments.x[0], arguments.y[0] = x.ctypes.data, y.ctypes.data
        (arguments.y if kind == DROPOUT else arguments.x)[1] = bits.ctypes.data
        kernel = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code)
        address = ctypes.addressof(arguments)

        def call(kept_alive: object = (rate, arguments, x, y, bits)) -> None:
            kernel(address)

        return call
