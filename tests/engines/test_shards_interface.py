"""The exported functions for shards give the bits that Python gives with `shard=`."""

import ctypes

import numpy as np
import pytest
from engines import interface
from engines.interface import DTYPES, Plan, address
from engines.test_interface import DRAW, TABLE, draw, guarded, numbers, same

import dropcore

# A global shape, the offsets of a block, the shape of the block.
BLOCKS = [
    ((40, 50), (3, 7), (30, 20)),
    ((9, 8192), (2, 4096), (5, 4096)),
    ((700, 14), (1, 3), (600, 7)),
    ((6, 7, 8, 9), (1, 2, 0, 0), (4, 3, 8, 9)),
    ((2**40, 2**20), (2**33, 2**19), (3, 1000)),
    ((500,), (100,), (300,)),
    ((), (), ()),
]


def shard_of(whole, offsets, lengths, shared=()):
    """The struct, or None if `shard_of` refuses the arguments."""
    of = ctypes.c_ssize_t * len(whole)
    shard = interface.Shard()
    bits = sum(1 << axis for axis in shared)
    found = TABLE.shard_of(
        len(whole), of(*whole), of(*offsets), of(*lengths), bits, ctypes.byref(shard)
    )
    return shard if found else None


@pytest.mark.parametrize("p", [0.1, 0.5, 0.0, 1.0])
@pytest.mark.parametrize(("whole", "offsets", "lengths"), BLOCKS)
def test_keep_shard(whole, offsets, lengths, p):
    shard = shard_of(whole, offsets, lengths)
    keep = dropcore.keep_mask(lengths, p, rng=DRAW, shard=(whole, offsets)).reshape(-1)
    assert TABLE.shard_decisions(ctypes.byref(shard)) == keep.size
    for first in {0, 1, 31, keep.size // 2, max(keep.size - 1, 0), keep.size}:
        for n in {0, 1, 33, keep.size - first}:
            if 0 <= n <= keep.size - first:
                expected = np.packbits(keep[first : first + n], bitorder="little")
                bits, behind = guarded(expected)
                TABLE.keep_shard(draw(), p, ctypes.byref(shard), first, n, address(bits))
                same(bits, expected)
                assert (behind == 0xA5).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("whole", "offsets", "lengths"), BLOCKS)
def test_forward_shard(whole, offsets, lengths, dtype):
    shard = shard_of(whole, offsets, lengths)
    x = numbers(lengths, dtype)
    expected, mask = dropcore.dropout(
        x, 0.1, training=True, rng=DRAW, shard=(whole, offsets), variant="alpha"
    )
    plan = mask.variant.plan(0.1, whole)
    forward = getattr(TABLE, f"forward_shard_{dtype}")
    for first in {0, 7, x.size // 3}:
        first = min(first, x.size)
        part = x.reshape(-1)[first:]
        for kept in (True, False):
            y, behind = guarded(part)
            packed = np.packbits(mask.keep.reshape(-1)[first:], bitorder="little")
            bits, behind_bits = guarded(packed)
            forward(
                draw(),
                0.1,
                ctypes.byref(shard),
                first,
                part.size,
                ctypes.byref(Plan(plan.scale, plan.shift, plan.drop)),
                address(part),
                address(y),
                address(bits) if kept else None,
            )
            same(y, np.ascontiguousarray(expected).reshape(-1)[first:])
            assert (behind == 0xA5).all()
            assert (behind_bits == 0xA5).all()
            if kept:
                same(bits, packed)


@pytest.mark.parametrize("shared", [(0,), (1,), (0, 2)])
def test_decisions_that_are_shared(shared):
    whole, offsets, lengths = (30, 40, 50), (3, 5, 7), (20, 30, 11)
    shard = shard_of(whole, offsets, lengths, shared)
    x = np.ones(lengths)
    options = {"shard": (whole, offsets), "shared_axes": shared}
    mask = dropcore.dropout(x, 0.3, training=True, rng=DRAW, **options)[1]
    assert TABLE.shard_decisions(ctypes.byref(shard)) == mask.keep.size
    bits, behind = guarded(mask.packed)
    TABLE.keep_shard(draw(), 0.3, ctypes.byref(shard), 0, mask.keep.size, address(bits))
    same(bits, mask.packed)
    assert (behind == 0xA5).all()


@pytest.mark.parametrize(
    ("whole", "offsets", "lengths"),
    [
        ((4, 5), (0, -1), (1, 1)),
        ((4, 5), (0, 0), (1, -1)),
        ((4, 5), (0, 3), (4, 3)),
        ((4, 5), (5, 0), (0, 5)),
        ((4, 5), (2**63 - 1, 0), (2, 5)),
        ((-4, 5), (0, 0), (0, 5)),
        ((-(2**63), 5), (0, 0), (2**63 - 1, 5)),
        ((2**40, 2**23), (0, 0), (1, 1)),
        ((2**40, 2**40, 0), (0, 0, 0), (1, 1, 0)),
        ((1,) * 65, (0,) * 65, (1,) * 65),
    ],
)
def test_what_does_not_fit_is_refused(whole, offsets, lengths):
    assert shard_of(whole, offsets, lengths) is None
    assert shard_of((4, 5), (4, 5), (0, 0)) is not None


def test_shared_axes_that_are_not_there_are_refused():
    assert shard_of((4, 5), (0, 0), (4, 5), shared=(2,)) is None
    assert shard_of((), (), (), shared=(0,)) is None
    assert shard_of((1,) * 64, (0,) * 64, (1,) * 64, shared=(63,)) is not None


def test_a_refused_shard_is_all_zeros():
    of, shard = ctypes.c_ssize_t * 2, interface.Shard()
    whole, offset = of(4, 5), of(0, 0)
    assert TABLE.shard_of(2, whole, offset, whole, 0, ctypes.byref(shard)) == 1
    assert TABLE.shard_of(2, whole, offset, of(4, 6), 0, ctypes.byref(shard)) == 0
    assert not any(bytes(shard))


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_elements(dtype):
    shard = ctypes.byref(shard_of((4, 5), (1, 2), (0, 3)))
    plan = ctypes.byref(Plan(1, 2, 3))
    TABLE.keep_shard(draw(), 0.1, shard, 0, 0, None)
    getattr(TABLE, f"forward_shard_{dtype}")(draw(), 0.1, shard, 0, 0, plan, None, None, None)
