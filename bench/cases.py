"""Common parts of the benchmarks: rows and their names, sizes, buffers, the timed calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

import dropcore

Array = npt.NDArray[np.generic]
Call = Callable[[], object]

SIZES = tuple(1 << k for k in (12, 14, 16, 18, 20, 22, 25))
COMPARED_SIZES = tuple(1 << k for k in (14, 18, 22, 25))  # with peers, and for other dtypes
LARGE_SIZES = tuple(1 << k for k in range(20, 32))
QUICK_SIZES = {*COMPARED_SIZES, *(1 << k for k in (20, 24, 28))}

OF_ONE_SHAPE = ("shared axes", "layouts")  # suites in which each detail has its own arrays
CONTIGUOUS = "a contiguous piece"  # of a larger mask; shards are compared with it
COPYTO = "np.copyto(y, x)"
MULTIPLY = "np.multiply(x, s, out=y)"

SHORT_DTYPES = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16"}
ARGUMENTS = re.compile(r" ?\([^)]*\)$")


@dataclass(frozen=True)
class Row:
    """One measured row.

    Attributes
    ----------
    suite : str
        The subject of a file: "kernels", "threads", ...
    name : str
        The timed operation.
    n : int
        The number of elements; for a training step, the number of rows of the batch.
    dtype : str
    p : float or None
        None for a row without dropout.
    detail : str
        Another property of a group or a row: a shape, a number of threads.
    always : bool
        Whether the row is part of a quick run at any size.
    shape : tuple of int
        The shape of the arrays, if the user chooses the shape.
    """

    suite: str
    name: str
    n: int
    dtype: str = "float32"
    p: float | None = None
    detail: str = ""
    always: bool = False
    shape: tuple[int, ...] = ()

    @property
    def quick(self) -> bool:
        """Whether the row is part of a quick run."""
        return self.always or self.n in QUICK_SIZES

    @property
    def group(self) -> str:
        """The group of the row. Rows of one group have the same buffers and are compared."""
        layout = f" {self.detail}" if self.suite in OF_ONE_SHAPE else ""
        shape = f" shape {'x'.join(map(str, self.shape))}" if self.shape else ""
        return f"{self.suite}{layout}{shape} n={size_name(self.n)}-{self.dtype}"

    def __str__(self) -> str:
        """The name in a table of pytest-benchmark, 80 columns wide, and for `-k`."""
        name = ARGUMENTS.sub("", self.name).removeprefix("np.").replace("dropcore.", "")
        p = "" if self.p is None else f"p{self.p:g}"
        words = [
            name,
            short_size(self.n),
            SHORT_DTYPES[self.dtype],
            p,
            ARGUMENTS.sub("", self.detail),
        ]
        return " ".join(filter(None, words))


def short_size(n: int) -> str:
    """``16K`` for 16384, because `-k` does not accept ``2^14``."""
    for power, letter in ((30, "G"), (20, "M"), (10, "K")):
        if n >= 1 << power and n % (1 << power) == 0:
            return f"{n >> power}{letter}"
    return str(n)


def size_name(n: int) -> str:
    """``2^18`` for 262144; the digits if `n` is below 1024 or not a power of two."""
    return f"2^{n.bit_length() - 1}" if n >= 1024 and n & (n - 1) == 0 else str(n)


def dtype_named(name: str) -> np.dtype[np.generic]:
    """The dtype with this name: of ml_dtypes for bfloat16, of NumPy otherwise."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


class Buffers:
    """x and y of one size and dtype, and a stream. Every page of the arrays was written.

    The arrays are allocated like a user's arrays, so the cost of their alignment is part of the
    result.
    """

    def __init__(self, shape: int | tuple[int, ...], dtype: str = "float32") -> None:
        self.dtype = dtype
        values = np.random.default_rng(0).random(shape, dtype=np.float32)
        self.x: Array = (values + np.float32(0.5)).astype(dtype_named(dtype), copy=False)
        self.y: Array = np.ones_like(self.x)
        self.stream = dropcore.Stream(1)

    @cached_property
    def own(self) -> Array:
        """An array to be overwritten in place."""
        return self.x.copy()


# ------------------------------------------------------------- NumPy's operations, for comparison


def copyto(b: Buffers) -> Call:
    """Copy x; bfloat16 as integers, because NumPy copies a user-defined dtype more slowly."""
    if b.dtype == "bfloat16":
        return partial(np.copyto, b.y.view(np.uint16), b.x.view(np.uint16))
    return partial(np.copyto, b.y, b.x)


def multiply(b: Buffers) -> Call:
    """Multiply by a scalar of the same dtype: dropout without decisions."""
    return partial(np.multiply, b.x, b.x.dtype.type(1 / 0.9), out=b.y)


ROOF_LINES = {COPYTO: copyto, MULTIPLY: multiply}


# ------------------------------------------------------------- the operations


def forward(b: Buffers, p: float, **options: object) -> Call:
    """The default call, with `out`: y, and one stored bit for each decision."""
    return partial(dropcore.dropout, b.x, p, training=True, rng=b.stream, out=b.y, **options)


def in_place(b: Buffers, p: float) -> Call:
    """The default call, in place."""
    return partial(dropcore.dropout, b.own, p, training=True, rng=b.stream, out=b.own)


def fresh(b: Buffers, p: float, **options: object) -> Call:
    """The default call without `out`: each call makes a new y, with page faults."""
    return partial(dropcore.dropout, b.x, p, training=True, rng=b.stream, **options)


def backward_from_bits(b: Buffers, p: float, **options: object) -> Call:
    """The gradient, from stored bits."""
    mask = forward(b, p, **options)()[1]
    return partial(mask.backward, b.x, out=b.y)


def backward_remade(b: Buffers, p: float) -> Call:
    """The gradient, with the bits computed again from the draw.

    Many masks are used in turn, because the branch predictor would learn the ties of a single mask.
    """
    masks = [
        dropcore.dropout(b.x, p, training=True, rng=b.stream, out=b.y, store="draw")[1]
        for _ in range(max(4, (1 << 22) // b.x.size))
    ]
    turn = _round_and_round(masks)
    return lambda: next(turn).backward(b.x, out=b.y)


def _round_and_round(masks: list[dropcore.Mask]) -> Iterator[dropcore.Mask]:
    while True:
        yield from masks


def keep_mask(b: Buffers, p: float) -> Call:
    """The decisions, packed, in a new array."""
    return partial(dropcore.keep_mask, b.x.size, p, rng=b.stream, packed=True)
