"""dropcore.core from Cython: built against the installed package, called without the GIL."""

import shutil
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from engines import building

import dropcore
from dropcore import core

DRAW = dropcore.Stream(7, ("views",)).at(3)
N = 1001
ALPHA = (1.5, -0.25, -2.0)
SETUP = """
from Cython.Build import cythonize
from setuptools import setup

import dropcore

setup(ext_modules=cythonize("views.pyx", include_path=[dropcore.get_include()]))
"""


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """The built module of views.pyx."""
    folder = tmp_path_factory.mktemp("views")
    shutil.copy(Path(__file__).with_name("views.pyx"), folder)
    (folder / "setup.py").write_text(SETUP)
    return building.load(building.build(folder), "views")


def numbers(n, dtype):
    x = np.random.default_rng(1).normal(0, 50, n)
    x[3::17], x[5::19] = np.inf, np.nan
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 4, N, 20_000])
@pytest.mark.parametrize("start", [0, 5])
def test_views_give_what_dropout_gives(views, dtype, n, start):
    whole = numbers(n + start, dtype)
    x = whole[start:]
    expected, mask = dropcore.dropout(whole, 0.1, training=True, rng=DRAW)
    y, bits = np.zeros_like(x), np.zeros((n + 7) // 8, np.uint8)
    views.forward(DRAW, 0.1, x, y, bits, start)
    assert y.tobytes() == expected[start:].tobytes()
    packed = dropcore.keep_mask(n, 0.1, rng=DRAW, start=start, packed=True)
    assert bits.tobytes() == packed.tobytes()
    bits[:] = 0
    views.keep_bits(DRAW, 0.1, bits, n, start)
    assert bits.tobytes() == packed.tobytes()
    for given in (bits, None):
        views.backward(DRAW, 0.1, x, y, given, start)
        assert y.tobytes() == mask.backward(whole)[start:].tobytes()
    views.forward(DRAW, 0.1, x, x, None, start)
    assert x.tobytes() == expected[start:].tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_plans_and_shared_decisions_are_those_of_python(views, dtype):
    x, bits = numbers(N, dtype), np.zeros((N + 7) // 8, np.uint8)
    y, expected = np.zeros_like(x), np.zeros_like(x)
    views.forward_plan(DRAW, 0.1, x, y, ALPHA, bits)
    core.forward_plan(DRAW, 0.1, x, expected, *ALPHA)
    assert y.tobytes() == expected.tobytes()
    for how in ("select", "repeat", "tile"):
        counts = () if how == "select" else (143, 7)
        views.by_bits(bits, x, y, *ALPHA, 143, 7, 0, how)
        getattr(core, how)(bits, *counts, x, expected, *ALPHA)
        assert y.tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_halves_are_those_of_python(views, name):
    dtype = getattr(ml_dtypes, name) if name == "bfloat16" else np.dtype(name)
    x = numbers(N, dtype).view(np.uint16)
    y, bits = np.zeros_like(x), np.zeros((N + 7) // 8, np.uint8)
    found = views.halves(DRAW, 0.1, x, y, bits, name == "bfloat16", ALPHA, 7)
    calls = [
        ("forward", (DRAW, 0.1, x, y, bits)),
        ("backward", (DRAW, 0.1, x, y)),
        ("forward_plan", (DRAW, 0.1, x, y, *ALPHA)),
        ("select", (bits, x, y, *ALPHA)),
        ("repeat", (bits, 143, 7, x, y, ALPHA[0])),
        ("tile", (bits, 143, 7, x, y, ALPHA[0])),
    ]
    for bytes_found, (call, arguments) in zip(found, calls, strict=True):
        getattr(core, f"{call}_{name}")(*arguments)
        assert bytes_found == y.tobytes(), call


BLOCK = ((40, 50), (3, 7), (20, 30))  # a global shape, offsets, lengths


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_shards_are_those_of_python(views, dtype):
    whole, offsets, lengths = BLOCK
    shard = core.Shard(lengths, whole, offsets)
    is_half = dtype not in ("float32", "float64")
    x = numbers(600, getattr(ml_dtypes, dtype) if dtype == "bfloat16" else dtype)
    x = x.view(np.uint16) if is_half else x
    y, expected, bits = np.zeros_like(x), np.zeros_like(x), np.zeros(75, np.uint8)
    function = getattr(core, f"forward_shard_{dtype}" if is_half else "forward_shard")
    function(DRAW, 0.1, shard, x, expected, *ALPHA)
    if is_half:
        views.forward_shard_of_halves(DRAW, 0.1, *BLOCK, x, y, ALPHA, dtype == "bfloat16")
    else:
        views.forward_shard(DRAW, 0.1, *BLOCK, x, y, ALPHA, bits)
        assert bits.tobytes() == packed_of(BLOCK).tobytes()
    assert y.tobytes() == expected.tobytes()
    bits[:] = 0
    views.keep_shard(DRAW, 0.1, *BLOCK, bits)
    assert bits.tobytes() == packed_of(BLOCK).tobytes()


def packed_of(block):
    whole, offsets, lengths = block
    return dropcore.keep_mask(lengths, 0.1, rng=DRAW, packed=True, shard=(whole, offsets))


def test_errors_of_shards_name_the_argument(views):
    x, y, bits = np.ones(600, "f"), np.full(600, 7, "f"), np.zeros(75, np.uint8)

    def forward(p=0.5, x=x, y=y, bits=bits):
        return lambda: views.forward_shard(DRAW, p, *BLOCK, x, y, ALPHA, bits)

    refused(forward(p=1.5), ValueError, r"^p must be in \[0, 1\], .* not 1.5")
    refused(forward(x=x[1:], y=y[1:]), ValueError, "^x must have 600 elements, not 599")
    refused(forward(y=y[1:]), ValueError, "^y must have 600 elements, not 599")
    refused(forward(bits=bits[1:]), ValueError, "^bits must have 75 bytes, not 74")
    refused(forward(y=None), TypeError, "^y must be a memoryview, not None")
    refused(
        lambda: views.keep_shard(DRAW, 0.5, *BLOCK, None), TypeError, "^bits must be a memoryview"
    )
    refused(forward(bits=y.view(np.uint8)[:75]), ValueError, "^bits must share no memory with x")
    for n in (600, 20):
        with pytest.raises(ValueError, match=r"^shard must have no shared axes in"):
            views.forward_shared_shard(DRAW, *BLOCK, x[:n], y[:n])
    for call in (
        lambda: views.keep_shard(DRAW, 0.5, *BLOCK, bits[1:]),
        lambda: views.keep_shard(DRAW, 0.5, *BLOCK, np.zeros(76, np.uint8)),
    ):
        refused(call, ValueError, "^bits must have 75 bytes, not 7[46]")
    assert (y == 7).all()
    assert not bits.any()


def refused(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_errors_name_the_argument(views):
    x, y, bits = np.ones(16, "f"), np.full(16, 7, "f"), np.zeros(2, np.uint8)
    memory = np.ones(20, "f")

    def forward(p=0.5, x=x, y=y, bits=bits, start=0):
        return lambda: views.forward(DRAW, p, x, y, bits, start)

    def shared(how, decisions=4, times=4, first=0, bits=bits):
        return lambda: views.by_bits(bits, x, y, 2.0, 0.0, 0.0, decisions, times, first, how)

    refused(forward(p=1.5), ValueError, r"^p must be in \[0, 1\], .* not 1.5")
    refused(forward(p=float("nan")), ValueError, r"^p must be in \[0, 1\]")
    refused(forward(y=y[1:]), ValueError, "^y must have 16 elements, not 15")
    refused(forward(bits=bits[1:]), ValueError, "^bits must have 2 bytes, not 1")
    refused(forward(x=None), TypeError, "^x must be a memoryview, not None")
    refused(forward(y=None), TypeError, "^y must be a memoryview, not None")
    refused(shared("select", bits=None), TypeError, "^bits must be a memoryview, not None")
    refused(lambda: views.keep_bits(DRAW, 0.5, None, 0, 0), TypeError, "^bits must be a memoryview")
    refused(
        lambda: views.backward(DRAW, 0.5, x, None, None, 0), TypeError, "^dx must be a memoryview"
    )
    refused(forward(start=2**63), OverflowError, r"^start \+ n must be at most 2\*\*63")
    refused(forward(x=memory[:16], y=memory[1:17]), ValueError, "^y must be x itself or share no")
    for given in (x, y):
        inside = given.view(np.uint8)[31:33]
        match = "^bits must share no memory with x or y"
        refused(forward(bits=inside), ValueError, match)
        for how in ("select", "repeat", "tile"):
            counts = {} if how == "select" else {"decisions": 16, "times": 1}
            refused(shared(how, bits=inside, **counts), ValueError, match)
            window = given.view(np.uint8)[:33]
            refused(shared(how, bits=window, first=8 * 31, **counts), ValueError, match)
        match = "^bits must share no memory with dy or dx"
        refused(lambda at=inside: views.backward(DRAW, 0.5, x, y, at, 0), ValueError, match)
    refused(shared("select", bits=bits[1:]), ValueError, "^bits must have at least 2 bytes, not 1")
    refused(shared("select", first=1), ValueError, "^bits must have at least 3 bytes, not 2")
    refused(shared("select", first=2**63), OverflowError, r"^first \+ n must be at most 2\*\*63")
    refused(shared("repeat", decisions=5), ValueError, r"^x must have decisions \* times elements")
    refused(shared("tile", times=-4), ValueError, r"^x must have decisions \* times elements")
    refused(
        lambda: views.keep_bits(DRAW, 0.5, bits, -1, 0), ValueError, "^n must be an integer >= 0"
    )
    assert (y == 7).all()
    assert not bits.any()
