"""Times blocks of a larger array, beside a contiguous piece with the same number of elements."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from cases import CONTIGUOUS, Array, Buffers, Call, Row

import dropcore

N = 1 << 18
FORWARD, KEEP = "forward", "keep_mask(packed=True)"

# For each name: the row length of the block, the row length of the whole array, the block's offset.
BLOCKS = {
    "4096 of 8192": (4096, 8192, 4096),
    "4096 of 8192, inside a word": (4096, 8192, 1333),
    "1000 of 2000": (1000, 2000, 500),
    "64 of 128": (64, 128, 64),
    "7 of 14": (7, 14, 3),
    "4096 of 32768": (4096, 32768, 4096),
    "1000 of 8000": (1000, 8000, 500),
    "64 of 512": (64, 512, 64),
    "7 of 56": (7, 56, 3),
}


def rows() -> Iterator[Row]:
    """The contiguous piece, then each block."""
    for name in (FORWARD, KEEP):
        piece = f"{CONTIGUOUS}, {name}"
        yield Row("shards", piece, N, p=0.1, always=True)
        for detail in BLOCKS:
            yield Row("shards", name, N, p=0.1, detail=detail, always=True)


def call(row: Row, b: Buffers) -> Call:
    """The timed call of a row; each call takes another draw of the stream."""
    length, whole, first = BLOCKS.get(row.detail, (N, 4 * N, 1024))
    shape = (N // length, length)
    shard = ((shape[0], whole), (0, first))
    options = {"training": True, "out": block_of(b.y, shape), "shard": shard}
    if row.name.endswith(KEEP):
        make = partial(dropcore.keep_mask, shape, row.p, packed=True, shard=shard)
    else:
        make = partial(dropcore.dropout, block_of(b.x, shape), row.p, **options)
    take = b.stream.draw
    return lambda: make(rng=take())


def block_of(flat: Array, shape: tuple[int, int]) -> Array:
    """The elements of the block, as a part of the group's buffer."""
    return flat[: shape[0] * shape[1]].reshape(shape)


@pytest.mark.parametrize("row", list(rows()), ids=str)
def bench(row: Row, timed, buffers) -> None:
    """One operation on arrays that were used before."""
    timed(row, call(row, buffers(N)))
