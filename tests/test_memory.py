"""Memory: a million calls leak nothing, masks are as small as documented, and 2^31 is no limit.

A small leak is a growth of the resident memory in each third of many calls. The allocator and huge
pages may take a MiB or two at any moment, but only once. tracemalloc shows what one call allocates,
because NumPy reports its arrays to tracemalloc.
"""

import gc
import os
import pickle
import tracemalloc
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import dropcore

MIB = 2**20
STATM = Path("/proc/self/statm")


def resident():
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# -------------------------------------------------------------------- no leaks

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6)
OUT = np.empty_like(X)
STREAM = dropcore.Stream(7)
LAYER = dropcore.Dropout(0.1, rng=STREAM)
HALF = X.astype(np.float16).T
VARIANT = dropcore.get_variant("standard", shared_axes=0)


def forward_and_backward(i):
    y, mask = dropcore.dropout(X, 0.1, training=True, rng=STREAM)
    mask.backward(y, out=OUT)


def shared_and_strided(i):
    y, mask = dropcore.dropout(HALF, 0.5, training=True, rng=STREAM, shared_axes=(0,), store="draw")
    mask.backward(y)


def layer(i):
    LAYER.backward(LAYER(X, out=OUT))


def inference(i):
    y, mask = dropcore.dropout(X, 0.1, training=False, rng=STREAM, variant=VARIANT)
    mask.backward(y)


def new_layers(i):
    dropcore.Dropout(0.1, rng=i, shared_axes=0)(X)


def many_plans(i):
    dropcore.dropout(X, i % 3000 / 3000, training=True, rng=STREAM)


def streams(i):
    child = dropcore.Stream(i, path=("a",)).child("b")
    STREAM.child("c").child(3).draw()
    child.state = child.state


def draws(i):
    draw = dropcore.Draw.parse(str(STREAM.draw()))
    draw.words(5)
    hash(draw)
    dropcore.keep_mask((3, 5), 0.3, rng=draw, packed=bool(i & 1))


def records(i):
    _, mask = dropcore.dropout(X, 0.1, training=True, rng=STREAM)
    again = pickle.loads(pickle.dumps(mask))
    assert again.packed.size == 3


def replays(i):
    _, mask = dropcore.dropout(X, 0.1, training=True, rng=STREAM, shared_axes=1)
    dropcore.Mask.from_record(mask.record()).forward(X)
    dropcore.Mask.from_keep(mask.keep, 0.1, shape=X.shape)


BAD = [
    {"p": 1.5},
    {"p": "0.5"},
    {"x": X.astype(int)},
    {"training": 1},
    {"out": X[:2]},
    {"rng": -1},
    {"variant": "no such variant"},
    {"shared_axes": 7},
    {"no_such_option": 1},
]


def failures(i):
    try:
        dropcore.dropout(**{"x": X, "p": 0.1, "training": True} | BAD[i % len(BAD)])
    except (TypeError, ValueError, LookupError):
        return
    raise AssertionError(f"{BAD[i % len(BAD)]} was accepted")


CALLS = {  # calls to warm up, and measured calls: a million in total
    forward_and_backward: (50_000, 300_000),
    layer: (50_000, 310_000),
    shared_and_strided: (20_000, 60_000),
    inference: (20_000, 60_000),
    new_layers: (10_000, 40_000),
    many_plans: (20_000, 60_000),
    streams: (10_000, 30_000),
    draws: (20_000, 60_000),
    records: (5_000, 20_000),
    replays: (5_000, 20_000),
    failures: (10_000, 40_000),
}


@pytest.mark.skipif(not STATM.exists(), reason="resident memory is read from /proc")
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_calls_leak_nothing(call):
    warm_up, measured = CALLS[call]
    for i in range(warm_up):
        call(i)
    grown = []
    for third in range(3):
        before = resident()
        for i in range(third * measured // 3, (third + 1) * measured // 3):
            call(i)
        grown.append(resident() - before)
    assert min(grown) < MIB // 3, grown


# ------------------------------------------------------------- what is allocated

N = 2**20
BITS = N // 8
SMALL = 4096  # bytes, at most, of the objects without their arrays


@pytest.fixture
def big():
    x = np.ones(N, np.float32)
    dropcore.dropout(x, 0.1, training=True, rng=STREAM)  # makes one-time allocations
    return x


def allocated(call):
    """The result of a call, the bytes that it holds, and the peak of allocated bytes."""
    gc.collect()
    tracemalloc.start()
    try:
        result = call()
        return result, *tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("store", "held"), [("bits", BITS), ("draw", 0)])
def test_a_mask_holds_a_bit_an_element_or_nothing(big, store, held):
    (_, mask), now, peak = allocated(
        lambda: dropcore.dropout(big, 0.1, training=True, rng=STREAM, out=big, store=store)
    )
    assert held <= now <= peak <= held + SMALL
    _, now, peak = allocated(lambda: mask.backward(big, out=big))
    assert now <= peak <= SMALL  # the mask does not grow in backward


@pytest.mark.parametrize(("axes", "decisions"), [((0,), 1024), ((1,), 1024), ((0, 1), 1)])
def test_shared_decisions_are_kept_once(big, axes, decisions):
    x = big.reshape(1024, 1024)

    def call():
        return dropcore.dropout(x, 0.1, training=True, rng=STREAM, out=x, shared_axes=axes)

    call()  # puts the plan into the cache
    _, now, peak = allocated(call)
    assert decisions // 8 <= now <= peak <= SMALL + decisions // 8


def test_a_new_output_is_the_one_array_that_is_made(big):
    _, now, peak = allocated(
        lambda: dropcore.dropout(big, 0.1, training=True, rng=STREAM, store="draw")
    )
    assert big.nbytes <= now <= peak <= big.nbytes + SMALL


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_types_are_widened_piece_by_piece(big, dtype):
    x = big.astype(dtype)
    _, _, peak = allocated(
        lambda: dropcore.dropout(x, 0.1, training=True, rng=STREAM, out=x, store="draw")
    )
    assert peak <= SMALL


def test_packed_decisions_are_never_unpacked(big):
    _, _, peak = allocated(lambda: dropcore.keep_mask(N, 0.1, rng=STREAM, packed=True))
    assert BITS <= peak <= BITS + SMALL


# -------------------------------------------------------------- past 2^31

PAST = 2**31 + 64
PLACES = [0, 2**31 - 5000, PAST - 5000]  # of 5000 elements each: head, the 2^31 border, tail
DRAW = dropcore.Stream(11).at(3)


def free_memory():
    """The bytes that may still be used; a container may allow fewer than the machine has."""
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0]) * 1024
    group = Path("/sys/fs/cgroup")
    if (group / "memory.max").exists() and (group / "memory.max").read_text().strip() != "max":
        limit = int((group / "memory.max").read_text())
        free = min(free, limit - int((group / "memory.current").read_text()))
    return free


def needs_memory(gibibytes):
    if not STATM.exists() or free_memory() < gibibytes * 2**30:
        pytest.skip(f"{gibibytes} GiB of free memory are needed")


@pytest.mark.large
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_keep_bits_past_2_to_the_31(p):
    needs_memory(1)
    n = 2**31 + 1003
    bits = dropcore.keep_mask(n, p, rng=DRAW, packed=True)
    assert bits.size == n // 8 + 1
    for start in (0, 2**30 - 4096, 2**31 - 4096, 2**31 - 5000):
        piece = dropcore.keep_mask(min(8192, n - start), p, rng=DRAW, packed=True, start=start)
        np.testing.assert_array_equal(bits[start // 8 :][: piece.size], piece)
    kept = int(np.bitwise_count(bits).sum(dtype=np.int64))
    assert abs(kept - n * (1 - p)) < 7 * (n * p * (1 - p)) ** 0.5


@pytest.fixture(scope="module")
def huge():
    needs_memory(6)
    return np.empty(PAST, np.uint16)


def kept_at(start, shape, axes):
    """The decisions of the elements from `start` on, which is an index in the mask."""
    index = np.arange(start, start + 5000)
    if axes == ():
        return dropcore.keep_mask(5000, 0.5, rng=DRAW, start=start)
    own = [1 if axis in axes else length for axis, length in enumerate(shape)]
    place = [i % n for i, n in zip(np.unravel_index(index, shape), own, strict=True)]
    return dropcore.keep_mask(tuple(own), 0.5, rng=DRAW)[tuple(place)]


@pytest.mark.large
@pytest.mark.parametrize(
    ("dtype", "threads", "shape", "axes"),
    [
        (np.float16, 1, (PAST,), ()),
        (ml_dtypes.bfloat16, 2, (PAST,), ()),
        (np.float16, 1, (PAST // 32, 32), (0,)),
        (np.float16, 2, (32, PAST // 32), (1,)),
        (ml_dtypes.bfloat16, 1, (1, PAST), (1,)),
        (ml_dtypes.bfloat16, 2, (2, PAST // 64, 32), (0, 2)),
    ],
)
def test_arrays_past_2_to_the_31(huge, dtype, threads, shape, axes):
    huge.fill(np.ones(1, dtype).view(np.uint16)[0])
    x = huge.view(dtype).reshape(shape)
    with dropcore.num_threads(threads):
        options = {"rng": DRAW, "out": x, "store": "draw"}
        y, mask = dropcore.dropout(x, 0.5, training=True, shared_axes=axes, **options)
        assert y is x
        mask.backward(y, out=x)
    for start in PLACES:
        expected = np.where(kept_at(start, shape, axes), 4, 0).astype(dtype)
        piece = huge[start : start + 5000].view(dtype)
        np.testing.assert_array_equal(piece, expected)
