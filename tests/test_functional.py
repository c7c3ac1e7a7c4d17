"""dropout and keep_mask: the bits of the mask stream, for any input, on any machine."""

import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import ml_dtypes
import numpy as np
import oracle
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dropcore
from dropcore import Mask, Stream, keep_mask
from dropcore._core import dispatch, nontemporal

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "data" / "golden_masks.json").read_text("utf-8"))
DTYPES = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16]
AXES = [(), (0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)]
SHAPE = (7, 13, 67)  # odd lengths, so that no row ends at the end of a vector or of a byte
SHAPES = [SHAPE, (3, 300, 70), (2, 3, 9000), (9000, 3, 2)]
DRAW = Stream(42, ("layer", 1)).at(3)

P = st.floats(0, 1) | st.integers(0, 16).map(lambda n: n / 16) | st.sampled_from([2**-64, 0.003])
INDICES = st.sampled_from([0, 1, 2**32, 2**33 + 5, 2**64 - 1]) | st.integers(0, 2**64 - 1)
STARTS = st.integers(0, 40_000) | st.integers(0, 2**63 - 200)
law = settings(derandomize=True, deadline=None, max_examples=60)
any_dtype = pytest.mark.parametrize("dtype", DTYPES)
any_axes = pytest.mark.parametrize("axes", AXES, ids=str)


def same(a, b):
    """Equal to the bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def oracle_keep(draw, p, start, n):
    key = tuple(np.frombuffer(draw.key, "<u4").tolist())
    return oracle.keep(key, draw.index, p, start, n)


def noise(shape, dtype):
    return np.random.default_rng(5).standard_normal(shape).astype(dtype)


def own_shape(shape, axes):
    return tuple(1 if axis in axes else length for axis, length in enumerate(shape))


def drop(x, p=0.3, rng=DRAW, training=True, **options):
    return dropcore.dropout(x, p, training=training, rng=rng, **options)


def unaligned(x):
    place = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    place[...] = x
    return place


def read_only(x):
    x.flags.writeable = False
    return x


LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "every third": lambda x: np.repeat(x, 3, axis=2)[..., 1::3],
    "reversed": lambda x: x[::-1, :, ::-1],
    "transposed": lambda x: np.ascontiguousarray(x.transpose(2, 0, 1)).transpose(1, 2, 0),
    "broadcast": lambda x: np.broadcast_to(x[:, :1], x.shape),
    "one place": lambda x: np.broadcast_to(x[0, 0, 0], x.shape),
    "unaligned": unaligned,
    "read-only": read_only,
}
WRITEABLE = ["C", "Fortran", "every third", "reversed", "transposed", "unaligned"]


# Laws: decisions


@law
@given(
    seed=st.integers(0, 2**70) | st.binary(max_size=9),
    path=st.lists(st.integers(0, 300) | st.text(max_size=3), max_size=3),
    index=INDICES,
    p=P,
    start=STARTS,
    n=st.integers(0, 150),
)
@example(seed=1, path=[], index=2**32 + 5, p=0.3, start=0, n=150)
@example(seed=1, path=[], index=2**64 - 1, p=0.5, start=2**40 + 7, n=150)
def test_decisions_are_those_of_the_promise(seed, path, index, p, start, n):
    draw = Stream(seed, path).at(index)
    keep = keep_mask(n, p, rng=draw, start=start)
    np.testing.assert_array_equal(keep, oracle_keep(draw, p, start, n))
    assert same(keep_mask(n, p, rng=draw, start=start, packed=True), oracle.packed(keep))


@law
@given(p=P, index=INDICES, start=STARTS, cuts=st.lists(st.integers(0, 30_000), max_size=5))
def test_decisions_are_the_same_in_any_pieces(p, index, start, cuts):
    draw, n = Stream(1).at(index), 30_000
    start = min(start, 2**63 - n)
    ends = [0, *sorted(cuts), n]
    pieces = [
        keep_mask(end - begin, p, rng=draw, start=start + begin) for begin, end in pairwise(ends)
    ]
    assert same(np.concatenate(pieces), keep_mask(n, p, rng=draw, start=start))


def test_the_last_decision_of_all():
    last = 2**63 - 1
    assert keep_mask(1, 0.3, rng=DRAW, start=last) == oracle_keep(DRAW, 0.3, last, 1)


def test_keep_mask_shapes():
    whole = keep_mask(24, 0.5, rng=DRAW)
    for shape in ((2, 3, 4), [24, 1], np.int64(24), (np.int8(4), 6)):
        keep = keep_mask(shape, 0.5, rng=DRAW)
        assert same(keep, whole.reshape(shape))
    assert keep_mask((), 0.5, rng=DRAW).shape == ()
    assert keep_mask((3, 0), 0.5, rng=DRAW).shape == (3, 0)
    assert keep_mask(0, 0.5, rng=DRAW, packed=True).shape == (0,)


# Laws: values


@law
@given(
    dtype=st.sampled_from(DTYPES),
    shape=st.lists(st.integers(0, 9), max_size=4) | st.lists(st.integers(1, 2), max_size=8),
    axes=st.sets(st.integers(0, 7)),
    p=P,
    index=INDICES,
    store=st.sampled_from(["bits", "draw"]),
)
def test_values_are_those_of_the_oracle(dtype, shape, axes, p, index, store):
    axes = tuple(axis for axis in axes if axis < len(shape))
    draw, x = Stream(8).at(index), noise(shape, dtype)
    own = own_shape(shape, axes)
    keep = oracle_keep(draw, p, 0, int(np.prod(own))).reshape(own)
    y, mask = drop(x, p, draw, shared_axes=axes, store=store)
    assert same(mask.keep, keep)
    assert same(y, oracle.forward(x, keep, p))
    assert same(mask.backward(-x), oracle.forward(-x, keep, p))


@any_axes
@any_dtype
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_large_arrays_of_any_shared_axes(shape, dtype, axes):
    x = noise(shape, dtype)
    for p in (0.1, 0.5):
        keep = keep_mask(own_shape(shape, axes), p, rng=DRAW)
        y, mask = drop(x, p, shared_axes=axes)
        expected = oracle.forward(x, keep, p)
        assert same(y, expected)
        assert same(mask.backward(x), expected)
        assert same(drop(x, p, shared_axes=axes, store="draw")[1].backward(x), expected)


@any_axes
@any_dtype
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same_bits(layout, dtype, axes):
    x = LAYOUTS[layout](noise(SHAPE, dtype))
    before = x.tobytes()
    expected = oracle.forward(x, keep_mask(own_shape(SHAPE, axes), 0.3, rng=DRAW), 0.3)
    y, mask = drop(x, shared_axes=axes)
    assert y.flags.c_contiguous
    assert same(y, expected)
    assert same(mask.backward(x), expected)
    assert same(drop(x, training=False)[0], np.ascontiguousarray(x))
    assert x.tobytes() == before


@any_axes
@any_dtype
@pytest.mark.parametrize("p", [0.3, 0.5, 1.0])
def test_dropped_places_are_plus_zero_whatever_was_there(p, dtype, axes):
    bad = np.array([np.inf, -np.inf, np.nan, -np.nan, -0.0, -1.0], dtype)
    x = np.resize(bad, SHAPE)
    for store in ("bits", "draw"):
        y, mask = drop(x, p, shared_axes=axes, store=store)
        gone = np.broadcast_to(~mask.keep, SHAPE)
        for result in (y, mask.backward(x), mask.backward(x, out=x.copy()), mask.forward(x)):
            assert result[gone].tobytes() == bytes(gone.sum() * x.itemsize)
            np.testing.assert_array_equal(np.isnan(result[~gone]), np.isnan(x[~gone]))
            np.testing.assert_array_equal(np.isinf(result[~gone]), np.isinf(x[~gone]))


def pieces(x, n):
    return [x[first : first + n] for first in range(0, len(x), n)]


def check_rounding(dtype, p):
    x = np.arange(2**16, dtype=np.uint16).view(dtype)
    y, mask = drop(x, p)
    expected = oracle.forward(x, mask.keep, p)
    everywhere = Mask.from_keep(np.ones(2**16, bool), p).forward(x)
    # Fewer than 32 elements are padded to 32 in temporary memory.
    alone = [Mask.from_keep(np.ones(len(x), bool), p).forward(x) for x in pieces(x, 31)]
    all_kept = oracle.forward(x, True, p)
    for result, right in (
        (y, expected), (everywhere, all_kept), (np.concatenate(alone), all_kept),
    ):  # fmt: skip
        with np.errstate(invalid="ignore"):  # for signalling nans
            nan = np.isnan(right)
            np.testing.assert_array_equal(np.isnan(result), nan)
        np.testing.assert_array_equal(result[~nan].view(np.uint16), right[~nan].view(np.uint16))


@pytest.mark.parametrize("isa", dispatch.isas_available())
def test_half_types_round_once_for_every_bit_pattern(isa):
    done = in_process(isa, ROUNDING)
    assert done.returncode == 0, done.stderr


ROUNDING = """
import test_functional as t
for dtype in t.DTYPES[2:]:
    for p in (0, 0.1, 1 / 3, 0.5, 0.9, 0.999):
        t.check_rounding(dtype, p)
"""


# Laws: memory


@any_dtype
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("axes", AXES[:4], ids=str)
def test_out_of_any_layout_is_written_and_returned(dtype, training, axes):
    options = {"training": training, "shared_axes": axes}
    for source in LAYOUTS.values():
        x = source(noise(SHAPE, dtype))
        expected = drop(x, **options)[0]
        for target in WRITEABLE:
            out = LAYOUTS[target](np.full(SHAPE, np.nan, dtype))
            y, mask = drop(x, **options, out=out)
            assert y is out
            assert same(out, expected)
            assert mask.backward(x, out=out) is out


@any_dtype
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layout", WRITEABLE)
def test_out_may_be_x(dtype, training, layout):
    for axes in AXES:
        for view in (lambda x: x, lambda x: x[:]):
            x = LAYOUTS[layout](noise(SHAPE, dtype))
            expected = drop(x, training=training, shared_axes=axes)[0]
            y, mask = drop(x, training=training, shared_axes=axes, out=view(x))
            assert same(x, expected)
            assert np.shares_memory(y, x)
            expected = mask.backward(x)
            mask.backward(x, out=view(x))
            assert same(x, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("p", [0, 0.3])
def test_a_result_shares_no_memory_with_x(layout, training, p):
    x = LAYOUTS[layout](noise(SHAPE, np.float32))
    y, mask = drop(x, p, training=training)
    assert not np.shares_memory(y, x)
    assert not np.shares_memory(mask.backward(x), x)
    assert y.flags.writeable
    assert y.flags.owndata


@any_dtype
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (0, 5)], ids=str)
def test_no_axes_and_no_elements(shape, dtype, training):
    x = np.full(shape, 3, dtype)
    for p in (0, 1):
        y, mask = drop(x, p, training=training)
        assert same(y, x * dtype(1 - (p if training else 0)))
        assert isinstance(y, np.ndarray)
        assert mask.keep.shape == mask.backward(x).shape == shape
        assert drop(x, p, training=training, out=x)[0] is x


@pytest.mark.parametrize(
    "x", [1.5, np.float32(1.5), np.float16(1.5), [1.5, 2.5], ((1.5,), (2.5,)), [np.float32(1.5)]]
)
def test_lists_and_scalars_are_arrays(x):
    assert same(drop(x, 0.5)[0], drop(np.asarray(x), 0.5)[0])
    assert same(drop(x, 0.5, training=False)[0], np.asarray(x))


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, int])
def test_p_may_be_any_real_number(kind):
    for value in (0, 0.5, 1):
        p = kind(value)
        assert same(drop(noise(9, float), p)[0], drop(noise(9, float), float(p))[0])


# Laws: threads and machines


def everything(shape):
    """A digest of y and of the decisions for arrays of a shape."""
    digest = hashlib.sha256()
    for dtype in DTYPES:
        x = noise(shape, dtype)
        for axes in AXES:
            for p in (0.1, 0.5, 0.75):
                y, mask = drop(x, p, shared_axes=axes)
                digest.update(y.tobytes() + mask.packed.tobytes() + mask.backward(y).tobytes())
        digest.update(drop(x, store="draw")[1].backward(x).tobytes())
    for start in (0, 5, 2**40 + 8191):
        digest.update(keep_mask(shape, 0.003, rng=DRAW, packed=True, start=start).tobytes())
    digest.update(DRAW.words(1001, start=3).tobytes())
    return digest.hexdigest()


def check_golden():
    for entry in GOLDEN["masks"]:
        draw = Stream(entry["seed"], entry["path"]).at(entry["index"])
        packed = keep_mask(entry["n"], entry["p"], rng=draw, start=entry["start"], packed=True)
        keep = np.unpackbits(packed, count=entry["n"], bitorder="little")
        assert "".join(map(str, keep[:32])) == entry["first32"], entry
        assert int(keep.sum()) == entry["kept"], entry
        assert hashlib.sha256(packed).hexdigest() == entry["sha256"], entry
    for entry in GOLDEN["words"]:
        draw = Stream(entry["seed"], entry["path"]).at(entry["index"])
        words = draw.words(len(entry["words"]), start=entry["start"]).tolist()
        assert [f"{word:016x}" for word in words] == entry["words"], entry


def in_process(isa, code):
    env = {**os.environ, "DROPCORE_ISA": isa, "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-B", "-c", code]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


ON_THIS_ISA = f"""
import test_functional as t
t.check_golden()
print(t.dispatch.isa, t.everything({SHAPE}), t.everything((3, 9000, 2)))
"""


@pytest.mark.parametrize("isa", dispatch.isas_available())
def test_every_instruction_set_gives_the_golden_and_the_same_bits(isa):
    done = in_process(isa, ON_THIS_ISA)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [isa, everything(SHAPE), everything((3, 9000, 2))]


def test_an_unknown_instruction_set_is_an_error():
    done = in_process("nonsense", "import dropcore")
    assert done.returncode == 1
    assert "RuntimeError: DROPCORE_ISA must be unset or one of baseline" in done.stderr


@pytest.mark.parametrize("shape", [(2**20,), (2**10, 2**6, 2**4 + 1), (3, 2**19 - 5)], ids=str)
def test_any_number_of_threads_gives_the_same_bits(shape):
    results = []
    for n in (1, 2, 3):
        with dropcore.num_threads(n):
            bits = [keep_mask(shape, p, rng=DRAW, start=s) for p, s in ((0.1, 77), (0.5, 8192))]
            for axes in ((), (0,), (len(shape) - 1,)):
                x = noise(shape, np.float32)
                y, mask = drop(x, shared_axes=axes, out=x)
                bits += [y, mask.packed, mask.backward(np.ones(shape, np.float16))]
            results.append([array.tobytes() for array in bits])
    assert results[0] == results[1] == results[2]


# Examples


def test_worked_example():
    a, mask = np.array([0.36, 0.13, 0.42, 0.25]), Mask.from_keep([1, 0, 1, 0], 0.5)
    assert same(mask.forward(a), np.array([0.72, 0, 0.84, 0]))
    assert same(mask.backward(np.array([0.3, -0.1, 0.2, -0.05])), np.array([0.6, 0, 0.4, 0]))
    assert same(drop(a, 0.5, training=False)[0], a)


@pytest.mark.parametrize("p", [0.5, 0.1, 0.003, 0.9])
def test_the_mean_over_draws_is_x(p):
    a, n = np.array([0.36, 0.13, 0.42, 0.25]), 100_000
    y, _ = drop(np.broadcast_to(a, (n, 4)), p)
    standard_error = a * np.sqrt(p / (1 - p) / n)
    assert (np.abs(y.mean(axis=0) - a) < 5 * standard_error).all()


@pytest.mark.parametrize("shared", [(), (0,), (1,), (2,), (0, 2), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("offset", [0, 1, 3])
@pytest.mark.parametrize("p", [0.3, 0.5, 0.125])  # eight planes, one, four
def test_storing_past_the_caches_changes_nothing(dtype, shared, offset, p):
    buffer = np.random.default_rng(0).normal(size=7 * 60 * 50 + offset).astype(dtype)
    x = buffer[offset:].reshape(7, 60, 50)  # y may begin inside a cache line
    y = np.empty_like(buffer)[offset:].reshape(x.shape)
    draw = dropcore.Stream(3).at(0)
    plain, mask = dropcore.dropout(x, p, training=True, rng=draw, shared_axes=shared)
    before = nontemporal.set_nontemporal_from(0)
    try:
        streamed, _ = dropcore.dropout(x, p, training=True, rng=draw, shared_axes=shared, out=y)
        gradient = mask.backward(x)
    finally:
        nontemporal.set_nontemporal_from(before)
    assert streamed.tobytes() == plain.tobytes() == gradient.tobytes()


def test_recent_plans_are_not_mixed():
    # More shapes and probabilities than there are places for recent plans; each comes again later.
    shapes = [shape for n in range(1, 40) for shape in ((n, 40 - n), (40 - n, n), (n * (40 - n),))]
    cases = [(shape, p) for shape in shapes for p in (0.25, 0.5, 0.5 + 2**-40)] * 2
    for shape, p in cases:
        y, mask = dropcore.dropout(np.ones(shape), p, training=True, rng=DRAW)
        assert (mask.shape, mask.p, y.shape) == (shape, p, shape)
        assert same(y, mask.keep / (1 - p))
