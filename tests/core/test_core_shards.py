"""dropcore.core for the block of a larger array gives the bits of `shard=`."""

import numpy as np
import pytest
from core.test_core import ALPHA, DRAW, DTYPES, RATES, function, numbers, plain, same

import dropcore
from dropcore import core

WHOLE, OFFSETS, LENGTHS = (40, 50), (3, 7), (30, 20)
N = 600


def shard(**changes):
    """A shard; `changes` replace its arguments."""
    return core.Shard(**{"shape": LENGTHS, "global_shape": WHOLE, "offsets": OFFSETS, **changes})


def expected(p, x, plan):
    """The expected result, from the decisions of keep_mask."""
    keep = dropcore.keep_mask(LENGTHS, p, rng=DRAW, shard=(WHOLE, OFFSETS)).reshape(-1)
    bits = np.packbits(keep, bitorder="little")
    y = np.zeros_like(x)
    select = function("select", x.dtype.name)
    select(bits, plain(x), plain(y), *plan)
    return y, bits


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("plan", [(2.0, 0.0, 0.0), ALPHA])
def test_forward_shard(dtype, p, plan):
    x = numbers(N, dtype)
    y, bits = np.zeros_like(x), np.zeros((N + 7) // 8, np.uint8)
    wanted, kept = expected(p, x, plan)
    forward = function("forward_shard", dtype)
    forward(DRAW, p, shard(), plain(x), plain(y), *plan, bits=bits)
    same(y, wanted)
    same(bits, kept)
    forward(DRAW, p, shard(), plain(x), plain(x), *plan)
    same(x, wanted)


@pytest.mark.parametrize("p", RATES)
def test_keep_shard(p):
    bits = bytearray(N // 8)
    core.keep_shard(DRAW, p, shard(), bits)
    same(bits, expected(p, numbers(N, "float32"), ALPHA)[1])


@pytest.mark.parametrize("axes", [0, (1,), (0, -1)])
def test_shared_axes(axes):
    options = {"rng": DRAW, "shard": (WHOLE, OFFSETS), "shared_axes": axes}
    mask = dropcore.dropout(np.ones(LENGTHS), 0.3, training=True, **options)[1]
    block = shard(shared_axes=axes)
    assert block.decisions == mask.keep.size
    bits = bytearray((block.decisions + 7) // 8)
    core.keep_shard(DRAW, 0.3, block, bits)
    same(bits, mask.packed)


@pytest.mark.parametrize("dtype", DTYPES)
def test_forward_shard_refuses_shared_axes(dtype):
    forward, block = function("forward_shard", dtype), shard(shared_axes=(1,))
    for n in (N, block.decisions):
        x = np.ones(n, np.uint16 if dtype == "bfloat16" else dtype)
        y = np.zeros_like(x)
        with pytest.raises(ValueError, match=r"^shard must have no shared axes in forward_shard"):
            forward(DRAW, 0.1, block, plain(x), plain(y), 2.0)
        assert not y.any()
    whole_axis = core.Shard((30, 1), (40, 50), (3, 7), shared_axes=1)  # shares nothing: length 1
    x = np.ones(30, np.float32)
    core.forward_shard(DRAW, 0.1, whole_axis, x, x, 2.0)


def test_bits_within_the_elements_are_refused():
    y = np.zeros(N, np.float32)
    bits = y.view(np.uint8)[: N // 8]
    with pytest.raises(ValueError, match=r"^bits must share no memory with x or y$"):
        core.forward_shard(DRAW, 0.1, shard(), np.ones_like(y), y, 2.0, bits=bits)
    assert not y.any()


def test_threads_give_the_same(monkeypatch):
    monkeypatch.setattr(dropcore._core.threads, "PIECE", 5000)
    block = core.Shard((300, 400), (1000, 999), (5, 77))
    x = numbers(120_000, "float32")
    y, y_again = np.zeros_like(x), np.zeros_like(x)
    core.forward_shard(DRAW, 0.1, block, x, y, 2.0)
    with dropcore.num_threads(3):
        core.forward_shard(DRAW, 0.1, block, x, y_again, 2.0)
    same(y, y_again)


def test_what_it_holds():
    block = shard()
    assert (block.shape, block.global_shape, block.offsets) == (LENGTHS, WHOLE, OFFSETS)
    assert block.decisions == N
    assert core.Shard(5, (9,), (4,)).shape == (5,)
    assert repr(block) == f"Shard({LENGTHS}, {WHOLE}, {OFFSETS})"
    shared = shard(shared_axes=-1)
    assert repr(shared) == f"Shard({LENGTHS}, {WHOLE}, {OFFSETS}, shared_axes=(1,))"
    assert eval(repr(shared), {"Shard": core.Shard}).decisions == shared.decisions == LENGTHS[0]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"offsets": (11, 7)}, ValueError, "^shard must lie within .*along axis 0 the block has"),
        ({"offsets": (3, -1)}, ValueError, "^shard must lie within .*along axis 1 .*offset -1"),
        ({"offsets": (3,)}, ValueError, r"^shard's offsets must be 2 integers.*not \(3,\)"),
        ({"global_shape": (40, 50, 1)}, ValueError, r"^shard's global_shape must be 2 integers"),
        ({"shape": (30, -1)}, ValueError, r"^shape must be .*not \(30, -1\)"),
        ({"shared_axes": 2}, np.exceptions.AxisError, "shared_axes: axis 2 is out of bounds"),
    ],
)
def test_bad_shards(changes, error, message):
    with pytest.raises(error, match=message):
        shard(**changes)


def test_bad_calls():
    x, y, bits = np.ones(N), np.full(N, 7.0), np.full(N // 8, 7, np.uint8)
    block = shard()

    def forward(draw=DRAW, p=0.5, shard=block, x=x, y=y, bits=bits):
        core.forward_shard(draw, p, shard, x, y, 2.0, bits=bits)

    for call, error, message in [
        (
            lambda: forward(shard=(WHOLE, OFFSETS)),
            TypeError,
            r"^shard must be .*core\.Shard, not",
        ),
        (lambda: forward(x=x[1:], y=y[1:]), ValueError, "^x must have 600 elements, not 599"),
        (lambda: forward(y=y[1:]), ValueError, "^y must have 600 elements, not 599"),
        (lambda: forward(bits=bits[1:]), ValueError, "^bits must have 75 bytes, not 74"),
        (lambda: forward(p=1.5), ValueError, r"^p must be in \[0, 1\]"),
        (lambda: forward(draw=dropcore.Stream(1)), TypeError, "^draw must be a Draw, not"),
        (lambda: core.keep_shard(DRAW, 0.5, None, bits), TypeError, "^shard must be .*not None"),
        (lambda: core.keep_shard(DRAW, 0.5, block, bits[1:]), ValueError, "^bits must have 75"),
        (lambda: core.keep_shard(DRAW, -1, block, bits), ValueError, "^p must be"),
    ]:
        with pytest.raises(error, match=message):
            call()
    assert (y == 7).all()
    assert (bits == 7).all()
