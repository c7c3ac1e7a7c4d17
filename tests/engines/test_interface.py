"""The exported functions: one implementation, with the bits that Python gives."""

import ctypes
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from engines import interface
from engines.interface import DTYPES, Plan, Table, address

import dropcore
from dropcore._core import dispatch

TABLE = Table()
CAPSULES = dropcore.__pyx_capi__
DRAW = dropcore.Stream(42, ("encoder", 3)).at(2**40 + 5)
RATES = [0.0, 0.003, 0.1, 3 / 16, 0.25, 0.5, 1.0]  # every number of planes, and no planes
PIECES = [(0, 1), (0, 20_000), (1, 31), (31, 2), (32, 64), (1023, 8195), (8192, 8192), (19_999, 1)]
WHOLE = 20_000


def dtype_of(name):
    return np.dtype(getattr(ml_dtypes, name) if name == "bfloat16" else name)


def numbers(shape, dtype, seed=0):
    """Numbers of every size, with infinities and nans among them."""
    x = np.random.default_rng(seed).normal(0, 100, shape).astype(dtype_of(dtype))
    flat = x.reshape(-1)
    flat[3::17], flat[5::19], flat[7::23] = np.inf, -np.inf, np.nan
    return x


def guarded(like):
    """An array to be written, followed by 64 bytes that must not be written."""
    memory = np.full(like.nbytes + 64, 0xA5, np.uint8)
    return memory[: like.nbytes].view(like.dtype).reshape(like.shape), memory[like.nbytes :]


def same(a, b):
    """Whether two arrays have the same bits, also in nans."""
    np.testing.assert_array_equal(a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8))


def draw():
    return ctypes.byref(interface.draw_of(DRAW))


# ------------------------------------------------------------------ the table


def test_the_table_is_that_of_the_header():
    assert TABLE.head.abi == 1
    assert TABLE.head.size == TABLE.bytes
    assert TABLE.head.stream_version == dropcore.STREAM_VERSION


def test_cython_and_c_call_the_same_functions():
    for name, pointer in TABLE.addresses.items():
        capsule = CAPSULES[f"dropcore_{name}"]
        assert interface.pointer_of(capsule, interface.name_of(capsule)) == pointer, name
    only_in_cython = {"dropcore_abi"}
    assert set(dropcore.__pyx_capi__) == only_in_cython | {
        f"dropcore_{name}" for name in TABLE.addresses
    }


def test_cython_has_the_signatures_of_the_header():
    for name, result, arguments in interface.declared():
        # Cython names a capsule by the function's signature, and writes the module before a type.
        signature = interface.name_of(CAPSULES[f"dropcore_{name}"]).decode()
        has, _, rest = signature.replace("__pyx_t_8dropcore_5_core_3api_", "").partition(" (")
        assert has == result
        named = [argument.rstrip("abcdefghijklmnopqrstuvwxyz_8") for argument in arguments]
        assert list(map(words, rest.rstrip(")").split(","))) == list(map(words, named)), name


def words(argument):
    """The words of a C type, without order: `const float *` is `float const *`."""
    return sorted(argument.replace("struct", "").replace("*", " * ").split())


# ------------------------------------------------- decisions and raw words


@pytest.mark.parametrize("p", RATES)
def test_keep_bits(p):
    for start, n in PIECES:
        expected = dropcore.keep_mask(n, p, rng=DRAW, packed=True, start=start)
        bits, behind = guarded(expected)
        TABLE.keep_bits(draw(), p, start, n, address(bits))
        same(bits, expected)
        assert (behind == 0xA5).all()


@pytest.mark.parametrize("start", [0, 7, 2**40 + 3])
def test_words(start):
    words = np.zeros(1000, np.uint64)
    TABLE.words(draw(), start, 1000, address(words))
    np.testing.assert_array_equal(words, DRAW.words(1000, start=start))


@pytest.mark.parametrize("p", [0.0, 2.0**-70, 0.1, 0.5, 1 - 2.0**-53, 1.0])
def test_scale(p):
    assert TABLE.scale(p) == (0 if p == 1 else 1 / (1 - np.floor(p * 2.0**64) / 2.0**64))


# -------------------------------------------------------- forward and backward


@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_forward_and_backward_are_those_of_python(dtype, p):
    x, dy = numbers(WHOLE, dtype, 1), numbers(WHOLE, dtype, 2)
    whole_y, mask = dropcore.dropout(x, p, training=True, rng=DRAW)
    whole_dx = mask.backward(dy)
    forward, backward = getattr(TABLE, f"forward_{dtype}"), getattr(TABLE, f"backward_{dtype}")
    for start, n in PIECES:
        piece = slice(start, min(start + n, WHOLE))
        n = piece.stop - start
        expected = dropcore.keep_mask(n, p, rng=DRAW, packed=True, start=start)
        y, behind_y = guarded(x[piece])
        bits, behind_bits = guarded(expected)
        forward(draw(), p, start, n, address(x[piece]), address(y), address(bits))
        same(y, whole_y[piece])
        same(bits, expected)
        for kept in (bits, None):
            dx, behind_dx = guarded(y)
            backward(draw(), p, start, n, address(dy[piece]), address(dx), address(kept))
            same(dx, whole_dx[piece])
            assert (behind_dx == 0xA5).all()
        assert (behind_y == 0xA5).all()
        assert (behind_bits == 0xA5).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_in_place_and_without_bits(dtype):
    x = numbers(WHOLE, dtype)
    expected, mask = dropcore.dropout(x, 0.1, training=True, rng=DRAW)
    at = address(x)
    getattr(TABLE, f"forward_{dtype}")(draw(), 0.1, 0, WHOLE, at, at, None)
    same(x, expected)
    getattr(TABLE, f"backward_{dtype}")(draw(), 0.1, 0, WHOLE, at, at, None)
    same(x, mask.backward(expected))


def test_pieces_in_threads():
    x = numbers(10 * 8192, "float32")
    y, bits = np.empty_like(x), np.empty(x.size // 8, np.uint8)

    def piece(first):
        TABLE.forward_float32(
            draw(),
            0.1,
            first,
            8192,
            address(x[first:]),
            address(y[first:]),
            address(bits[first // 8 :]),
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(piece, range(0, x.size, 8192)))
    expected, mask = dropcore.dropout(x, 0.1, training=True, rng=DRAW)
    same(y, expected)
    same(bits, mask.packed)


# ------------------------------------------------------- plans and shared axes


def affine(plan):
    return ctypes.byref(Plan(plan.scale, plan.shift, plan.drop))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_plan_such_as_alphas(dtype):
    p, alpha = 0.3, dropcore.get_variant("alpha")
    x, dy = numbers(WHOLE, dtype, 1), numbers(WHOLE, dtype, 2)
    plan = alpha.plan(p, x.shape)
    expected, mask = dropcore.dropout(x, p, training=True, rng=DRAW, variant=alpha)
    y, bits, dx = np.empty_like(x), np.empty_like(mask.packed), np.empty_like(x)
    forward, select = (getattr(TABLE, f"{name}_{dtype}") for name in ("forward_plan", "select"))
    forward(draw(), p, 0, WHOLE, affine(plan), address(x), address(y), address(bits))
    same(y, expected)
    same(bits, mask.packed)
    gradient = ctypes.byref(Plan(plan.scale, 0, 0))
    select(address(bits), 0, WHOLE, gradient, address(dy), address(dx))
    same(dx, mask.backward(dy))
    select(address(bits), 5000, 77, affine(plan), address(x[5000:]), address(y))
    same(y[:77], expected[5000:5077])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "shape", "shared", "decisions", "times"),
    [
        ("repeat", (60, 7, 5), (1, 2), 60, 35),
        ("repeat", (3, 100, 99), (1, 2), 3, 9900),
        ("tile", (35, 60), (0,), 60, 35),
        ("tile", (3, 9000), (0,), 9000, 3),
    ],
)
def test_shared_axes(dtype, name, shape, shared, decisions, times):
    p, x = 0.3, numbers(shape, dtype)
    expected, mask = dropcore.dropout(x, p, training=True, rng=DRAW, shared_axes=shared)
    bits, (y, behind) = mask.packed, guarded(x)
    plan = ctypes.byref(Plan(TABLE.scale(p), 0, 0))
    call = getattr(TABLE, f"{name}_{dtype}")
    call(address(bits), 0, decisions, times, plan, address(x), address(y))
    same(y, expected)
    assert (behind == 0xA5).all()


# ---------------------------------------------------------------------- layouts


def layout_of(shape, strides=None, shared=()):
    """The layout of axes with strides in elements; None if `layout_of` refuses them."""
    layout = interface.Layout()
    lengths = np.array(shape, np.intp)
    steps = None if strides is None else np.array(strides, np.intp)
    mask = sum(1 << axis for axis in shared)
    found = TABLE.layout_of(
        len(shape), address(lengths), address(steps), mask, ctypes.byref(layout)
    )
    assert found in (0, 1)
    return layout if found else None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", [None, *permutations(range(4))])
@pytest.mark.parametrize("shared", [(), (2, 3), (0,), (1, 3)])
def test_layouts(dtype, order, shared):
    """For any order of the axes in memory, `select_layout` gives the result of dropcore.dropout."""
    shape, p = (3, 5, 4, 7), 0.3
    x = numbers(shape, dtype)
    expected, mask = dropcore.dropout(x, p, training=True, rng=DRAW, shared_axes=shared)
    strides = None
    if order is not None:
        x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        strides = [step // x.itemsize for step in x.strides]
    layout = ctypes.byref(layout_of(shape, strides, shared))
    assert TABLE.layout_decisions(layout) == mask.keep.size
    bits = np.zeros((mask.keep.size + 7) // 8, np.uint8)
    TABLE.keep_bits(draw(), p, 0, mask.keep.size, address(bits))
    scratch, behind_scratch = guarded(np.zeros(TABLE.layout_scratch(layout), np.uint8))
    memory, behind = guarded(np.zeros(x.size, x.dtype))
    plan = ctypes.byref(Plan(TABLE.scale(p), 0, 0))
    select = getattr(TABLE, f"select_layout_{dtype}")
    select(layout, address(bits), plan, address(x), address(memory), address(scratch))
    y = memory if order is None else memory.reshape(x.transpose(order).shape)
    y = y if order is None else y.transpose(np.argsort(order))
    same(np.ascontiguousarray(y), expected)
    assert (behind == 0xA5).all()
    assert (behind_scratch == 0xA5).all()


def test_what_is_no_run_of_memory_has_no_layout():
    assert layout_of((3, 5), (10, 2)) is None
    assert layout_of((3, 5), (1, 0)) is None
    assert layout_of((3, 5), (5, -1)) is None
    assert layout_of((1,) * 65) is None
    assert layout_of((3, 1, 5), (5, 77, 1)) is not None
    assert layout_of((), ()) is not None


@pytest.mark.parametrize(
    "shape", [(4, -4), (-4, -4), (-1,), (0, -1), (2**40, 2**40), (2**40, 2**23), (2**40, 2**40, 0)]
)
def test_lengths_that_no_array_has_are_refused(shape):
    assert layout_of(shape) is None
    assert layout_of((2**40, 2**22)) is not None
    assert layout_of((0, 5)) is not None


def test_shared_axes_that_are_not_there_are_refused():
    assert layout_of((4, 4), shared=(2,)) is None
    assert layout_of((4, 4), shared=(0, 63)) is None
    assert layout_of((), shared=(0,)) is None
    assert layout_of((1,) * 64, shared=(63,)) is not None


def test_a_refused_layout_is_all_zeros():
    layout, lengths = interface.Layout(), np.array((4, 4), np.intp)
    for strides, axes in (((8, 2), 2), (None, -1), (None, 65)):
        of = ctypes.byref(layout)
        assert TABLE.layout_of(2, address(lengths), None, 0, of) == 1
        steps = None if strides is None else np.array(strides, np.intp)
        assert TABLE.layout_of(axes, address(lengths), address(steps), 0, of) == 0
        assert not any(bytes(layout))


# ------------------------------------------------------------------ no elements


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("start", [0, 5])
def test_nothing_is_read_or_written_where_there_are_no_elements(dtype, start):
    plan = ctypes.byref(Plan(1, 2, 3))
    TABLE.keep_bits(draw(), 0.1, start, 0, None)
    TABLE.words(draw(), start, 0, None)
    for bits in (None, address(np.zeros(0, np.uint8))):
        getattr(TABLE, f"forward_{dtype}")(draw(), 0.1, start, 0, None, None, bits)
        getattr(TABLE, f"backward_{dtype}")(draw(), 0.1, start, 0, None, None, bits)
        getattr(TABLE, f"forward_plan_{dtype}")(draw(), 0.1, start, 0, plan, None, None, bits)
        getattr(TABLE, f"select_{dtype}")(bits, start, 0, plan, None, None)
        for decisions, times in ((0, 0), (0, 5), (5, 0)):
            for name in ("repeat", "tile"):
                call = getattr(TABLE, f"{name}_{dtype}")
                call(bits, start, decisions, times, plan, None, None)
        for shape in ((0,), (3, 0), (0, 3)):
            layout = ctypes.byref(layout_of(shape, shared=(1,) if len(shape) > 1 else ()))
            getattr(TABLE, f"select_layout_{dtype}")(layout, bits, plan, None, None, None)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_scale_that_is_nan_makes_every_element_nan(dtype):
    payload = np.array([2**63 - 1, 2**52 * 0x7FF + 1], np.int64).view(np.float64)
    x = np.random.default_rng(1).normal(size=1000).astype(dtype_of(dtype))
    for scale in payload.tolist():
        y, bits = np.zeros_like(x), np.full(125, 0xFF, np.uint8)
        plan = ctypes.byref(Plan(scale, 0.0, 0.0))
        getattr(TABLE, f"select_{dtype}")(address(bits), 0, x.size, plan, address(x), address(y))
        assert np.isnan(y.astype(np.float64)).all()


MISALIGNED = """
import ctypes
import numpy as np
from dropcore._core import nontemporal
from engines import test_interface as t

nontemporal.set_nontemporal_from(0)  # non-temporal stores for every size, if y permits them
n, bits = 9001, np.random.default_rng(3).integers(0, 256, 1126, np.uint8)
keep = np.unpackbits(bits, count=n, bitorder="little").astype(bool)
for dtype in t.DTYPES:
    x = t.numbers(n, "float32").astype(t.dtype_of(dtype))
    size, plan = x.itemsize, ctypes.byref(t.Plan(1.0, 0.0, 0.0))
    memory = np.zeros(x.nbytes + 64 + size, np.uint8)
    for by in range(size):
        y = memory.ctypes.data + by
        calls = {
            "forward": (t.draw(), 0.5, 0, n, x.ctypes.data, y, None),
            "forward_plan": (t.draw(), 0.1, 0, n, plan, x.ctypes.data, y, None),
            "select": (bits.ctypes.data, 0, n, plan, x.ctypes.data, y),
            "repeat": (bits.ctypes.data, 0, n // 3, 3, plan, x.ctypes.data, y),
            "tile": (bits.ctypes.data, 0, n // 3, 3, plan, x.ctypes.data, y),
        }
        for name, arguments in calls.items():
            getattr(t.TABLE, f"{name}_{dtype}")(*arguments)
            if name == "select":
                right = np.where(keep, x, np.zeros((), x.dtype))
                t.same(memory[by : by + x.nbytes], right.view(np.uint8))
print("whole")
"""


@pytest.mark.parametrize("isa", dispatch.isas_available())
def test_elements_that_are_not_aligned(isa):
    # The C functions do not promise this, but all of them treat such an array in the same way.
    done = subprocess.run(
        [sys.executable, "-c", MISALIGNED],
        env=os.environ | {"DROPCORE_ISA": isa, "PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr
