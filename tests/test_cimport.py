"""Other people's compiled code: `from dropcore cimport ...`, built against the installed package.

What the exported functions compute is, bit for bit, what Python computes.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import dropcore

pytest.importorskip("Cython")
pytest.importorskip("setuptools")

DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]
SEED, PATH, INDEX = 42, ("encoder", 3), 2**40 + 5
DRAW = dropcore.Stream(SEED, PATH).at(INDEX)
RATES = [0.0, 0.003, 0.1, 3 / 16, 0.25, 0.5, 1.0]  # every number of planes, and none
PIECES = [(0, 1), (0, 20_000), (1, 31), (31, 2), (32, 64), (1023, 8195), (8192, 8192), (19_999, 1)]
WHOLE = 20_000


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The example, built in a folder of its own."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no C compiler {compiler!r}")
    folder = tmp_path_factory.mktemp("engine")
    for name in ("engine.pyx", "setup.py"):
        shutil.copy(Path(__file__).parent / "cimport_example" / name, folder)
    done = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=folder,
        env=os.environ | {"CFLAGS": "-O1"},  # sooner built
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("engine*" + sysconfig.get_config_var("EXT_SUFFIX"))
    spec = importlib.util.spec_from_file_location("engine", built)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=RATES, ids="p={:.3g}".format)
def p(request):
    return request.param


@pytest.fixture
def example(engine, p):
    return engine.Engine(SEED, PATH, INDEX, p)


def numbers(n, dtype, seed=0):
    """Of every size, with infinities and nans among them."""
    x = np.random.default_rng(seed).normal(0, 100, n).astype(dtype)
    x[3::17], x[5::19], x[7::23] = np.inf, -np.inf, np.nan
    return x


def raw(array):
    return array.view(np.uint8)


def guarded(size):
    """`size` bytes to be written, and 64 behind them that must not be."""
    memory = np.full(size + 64, 0xA5, np.uint8)
    return memory[:size], memory[size:]


# ------------------------------------------------------------------ decisions


@pytest.mark.parametrize(("start", "n"), PIECES)
def test_keep_bits(example, p, start, n):
    bits, behind = guarded((n + 7) // 8)
    example.keep_bits(start, n, bits)
    expected = dropcore.keep_mask(n, p, rng=DRAW, packed=True, start=start)
    np.testing.assert_array_equal(bits, expected)
    assert (behind == 0xA5).all()


@pytest.mark.parametrize("start", [0, 7, 2**40 + 3])
def test_words(engine, start):
    words = np.zeros(1000, np.uint64)
    engine.Engine(SEED, PATH, INDEX, 0.5).words(start, 1000, words)
    np.testing.assert_array_equal(words, DRAW.words(1000, start=start))


@pytest.mark.parametrize("seed", [0, 2**70, b"bytes"])
@pytest.mark.parametrize("path", [(), ("a", 1)])
def test_the_key_is_that_of_the_stream(engine, seed, path):
    words = np.zeros(8, np.uint64)
    engine.Engine(seed, path, 0, 0.5).words(0, 8, words)
    np.testing.assert_array_equal(words, dropcore.Stream(seed, path).at(0).words(8))


@pytest.mark.parametrize(
    ("seed", "path", "error", "names"),
    [(-1, (), ValueError, "seed"), (True, (), TypeError, "seed"), (1, "ab", TypeError, "path")],
)
def test_a_bad_key_raises_as_stream_does(engine, seed, path, error, names):
    with pytest.raises(error, match=names):
        engine.Engine(seed, path, 0, 0.5)


# ------------------------------------------------------- forward and backward


@pytest.mark.parametrize("dtype", DTYPES)
def test_forward_and_backward_are_those_of_python(example, p, dtype):
    x, dy = numbers(WHOLE, dtype, 1), numbers(WHOLE, dtype, 2)
    whole_y, mask = dropcore.dropout(x, p, training=True, rng=DRAW)
    whole_dx = mask.backward(dy)
    for start, n in PIECES:
        piece = slice(start, min(start + n, WHOLE))
        n = piece.stop - start
        y, behind_y = guarded(raw(x[piece]).size)
        bits, behind_bits = guarded((n + 7) // 8)
        example.forward(np.dtype(dtype).name, start, n, raw(x[piece]), y, bits)
        np.testing.assert_array_equal(y, raw(whole_y[piece]))
        expected = dropcore.keep_mask(n, p, rng=DRAW, packed=True, start=start)
        np.testing.assert_array_equal(bits, expected)
        for kept in (bits, None):
            dx, behind_dx = guarded(y.size)
            example.backward(np.dtype(dtype).name, start, n, raw(dy[piece]), dx, kept)
            np.testing.assert_array_equal(dx, raw(whole_dx[piece]))
            assert (behind_dx == 0xA5).all()
        assert (behind_y == 0xA5).all()
        assert (behind_bits == 0xA5).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_in_place_and_without_bits(example, p, dtype):
    x = numbers(WHOLE, dtype)
    expected, mask = dropcore.dropout(x, p, training=True, rng=DRAW)
    name, buffer = np.dtype(dtype).name, raw(x)
    example.forward(name, 0, WHOLE, buffer, buffer)
    np.testing.assert_array_equal(buffer, raw(expected))
    example.backward(name, 0, WHOLE, buffer, buffer)
    np.testing.assert_array_equal(buffer, raw(mask.backward(expected)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_is_written_where_there_are_no_elements(example, dtype):
    name, buffer = np.dtype(dtype).name, np.full(64, 0xA5, np.uint8)
    example.forward(name, 5, 0, buffer, buffer, buffer)
    example.backward(name, 5, 0, buffer, buffer, buffer)
    example.backward(name, 5, 0, buffer, buffer)
    example.keep_bits(5, 0, buffer)
    assert (buffer == 0xA5).all()
