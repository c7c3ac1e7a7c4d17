"""Times the fixed cost of a call on four elements, beside a NumPy call on four elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from cases import MULTIPLY, Buffers, Call, Row

import dropcore
from dropcore import Dropout, dropout, keep_mask

CALLS = 200  # calls in a timed round, so that the harness's own call has little influence
P = 0.1


def numpy_multiply(b: Buffers) -> Call:
    """The row for comparison: a NumPy call on as many elements."""
    x, y, s, call = b.x, b.y, np.float32(1 / (1 - P)), np.multiply

    def calls() -> None:
        for _ in range(CALLS):
            call(x, s, out=y)

    return calls


def of_dropout(**options: object) -> Callable[[Buffers], Call]:
    """`dropout` with these options. `out` is b.y, unless the options contain `out`."""

    def make(b: Buffers) -> Call:
        x, stream, given = b.x, b.stream, {"out": b.y, **options}

        def calls() -> None:
            for _ in range(CALLS):
                dropout(x, P, training=True, rng=stream, **given)

        return calls

    return make


def standard(b: Buffers) -> Call:
    """The simplest call."""
    x, y, stream = b.x, b.y, b.stream

    def calls() -> None:
        for _ in range(CALLS):
            dropout(x, P, training=True, rng=stream, out=y)

    return calls


def backward(b: Buffers) -> Call:
    """The gradient, from bits."""
    dy, dx = b.x, b.y
    mask = dropout(b.x, P, training=True, rng=b.stream)[1]

    def calls() -> None:
        for _ in range(CALLS):
            mask.backward(dy, out=dx)

    return calls


def only_decisions(b: Buffers) -> Call:
    """`keep_mask` of a shape."""
    stream, shape = b.stream, b.x.shape

    def calls() -> None:
        for _ in range(CALLS):
            keep_mask(shape, P, rng=stream, packed=True)

    return calls


def layer_with_out(b: Buffers) -> Call:
    """A layer's forward and backward into given arrays."""
    layer, x, y, dx = Dropout(P, rng=b.stream), b.x, b.y, np.ones_like(b.y)

    def calls() -> None:
        for _ in range(CALLS):
            layer(x, out=y)
            layer.backward(y, out=dx)

    return calls


def layer_alone(b: Buffers) -> Call:
    """A layer's forward and backward, without `out`: each call returns a new array."""
    layer, x = Dropout(P, rng=b.stream), b.x

    def calls() -> None:
        for _ in range(CALLS):
            layer.backward(layer(x))

    return calls


OVERHEAD = {
    MULTIPLY: numpy_multiply,
    "dropout(x, p, training=True, rng=stream, out=y)": standard,
    "dropout with **options": of_dropout(),
    "dropout without out=": of_dropout(out=None),
    'dropout with store="draw"': of_dropout(store="draw"),
    "dropout with shared_axes=(1,)": of_dropout(shared_axes=(1,)),
    'dropout with variant="alpha"': of_dropout(variant="alpha"),
    'dropout with variant="alpha", fixed_mean=0.5': of_dropout(variant="alpha", fixed_mean=0.5),
    "dropout with a variant instance": of_dropout(variant=dropcore.get_variant("alpha")),
    "mask.backward(dy, out=dx)": backward,
    "keep_mask(shape, p, rng=stream, packed=True)": only_decisions,
}
LAYERS = {
    MULTIPLY: numpy_multiply,
    "Dropout, forward and backward, out=": layer_with_out,
    "Dropout, forward and backward": layer_alone,
}


def rows() -> Iterator[Row]:
    """Calls and layers on four elements; layers also on 2^14 elements."""
    for name in OVERHEAD:
        yield Row("overhead", name, 4, p=None if name == MULTIPLY else P, always=True)
    for n in (4, 1 << 14):
        for name in LAYERS:
            yield Row("layers", name, n, p=None if name == MULTIPLY else P, always=True)


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench(row: Row, timed, buffers) -> None:
    """Many calls in a round."""
    b = buffers((2, row.n // 2))
    timed(row, (OVERHEAD if row.suite == "overhead" else LAYERS)[row.name](b), calls=CALLS)
