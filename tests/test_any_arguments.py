"""Any arguments: the result is the oracle's, or an error is raised and no array has changed."""

import math
import pickle

import ml_dtypes
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dropcore

law = settings(derandomize=True, deadline=None, max_examples=150)
DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]
OTHERS = [
    ">f4",
    ">f8",
    np.int32,
    np.uint8,
    bool,
    np.complex64,
    object,
    "U3",
    "M8[s]",
    np.longdouble,
]
SPECIAL = np.array([np.inf, -np.inf, np.nan, -0.0, 1e-40, 65000.0, 1e30], np.float64)
REFUSED = (TypeError, ValueError, LookupError, OverflowError)


class Sub(np.ndarray):
    """A subclass of ndarray that adds nothing."""


def lengths(most):
    return (
        st.lists(st.integers(0, most), max_size=6).map(tuple).filter(lambda s: math.prod(s) < 2000)
    )


SHAPES = lengths(3) | lengths(9)
AXES = st.integers(-8, 8) | st.lists(st.integers(-7, 7), max_size=4).map(tuple)
RATES = (
    st.floats(0, 1)
    | st.sampled_from([0, 1, 0.5, 0.25, 2.0**-64, 1 - 2.0**-53, np.float32(0.1), np.int8(1)])
    | st.sampled_from([-0.1, 1.5, math.nan, math.inf, "0.5", None, True, np.True_, 1j, [0.5]])
)


# ------------------------------------------------------------------ where arrays lie


def plain(x, folder):
    return x


def fortran(x, folder):
    return np.asfortranarray(x)


def every_other(x, folder):
    return np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x


def reversed_axes(x, folder):
    return x[(slice(None, None, -1),) * x.ndim + (...,)]


def transposed(x, folder):
    return np.ascontiguousarray(x.T).T


def within_a_byte(x, folder):
    if x.dtype == object:
        return x
    memory = np.empty(x.nbytes + 1, np.uint8)
    view = memory[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def read_only(x, folder):
    x.flags.writeable = False
    return x


def subclass(x, folder):
    return x.view(Sub)


def repeated(x, folder):
    one = x.reshape(-1)[:1].reshape((1,) * x.ndim) if x.size else x
    return np.broadcast_to(one, x.shape)


def mapped(mode):
    def lie(x, folder):
        if x.size == 0 or x.dtype == object:
            return x
        path = folder / "memory"
        x.tofile(path)
        return np.memmap(path, x.dtype, mode, shape=x.shape)

    lie.__name__ = f"mapped_{mode}"
    return lie


LAYOUTS = [
    plain,
    fortran,
    every_other,
    reversed_axes,
    transposed,
    within_a_byte,
    read_only,
    subclass,
]
LAYOUTS += [repeated, mapped("r"), mapped("r+"), mapped("c")]


@st.composite
def arrays(draw, shape=None, dtypes=DTYPES):
    """How to make an array: shape, dtype, layout, seed."""
    shape = draw(SHAPES) if shape is None else shape
    return (
        shape,
        draw(st.sampled_from(dtypes)),
        draw(st.sampled_from(LAYOUTS)),
        draw(st.integers(0, 9)),
    )


def make(of, folder):
    shape, dtype, layout, seed = of
    x = np.random.default_rng(seed).normal(0, 3, shape)
    x[...] = np.where(x > 4, np.resize(SPECIAL, shape), x)
    with np.errstate(all="ignore"):
        if np.dtype(dtype).kind in "OUM":
            return layout(np.zeros(shape, dtype), folder)
        return layout(x.astype(dtype), folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mapped")


def as_bits(array):
    """An array's bytes, with all nans made equal."""
    array = np.array(array)
    if array.dtype.kind not in "OUMb":
        with np.errstate(invalid="ignore"):
            array[np.isnan(array)] = np.nan
    return array.tobytes()


def is_rate(p):
    number = isinstance(p, int | float | np.floating | np.integer) and not isinstance(p, bool)
    return number and 0 <= p <= 1


# ------------------------------------------------------------------------------- laws


@law
@given(
    of=arrays(), p=RATES, axes=AXES, training=st.booleans(), store=st.sampled_from(["bits", "draw"])
)
def test_forward_and_backward_are_the_oracle_s_or_refused(folder, of, p, axes, training, store):
    x, stream = make(of, folder), dropcore.Stream(5)
    before = x.tobytes()
    given_axes = axes if isinstance(axes, tuple) else (axes,)
    fits = all(-x.ndim <= axis < x.ndim for axis in given_axes)
    unique = fits and len({axis % x.ndim for axis in given_axes}) == len(given_axes)
    options = {"training": training, "rng": stream, "store": store, "shared_axes": axes}
    if not is_rate(p) or (training and not unique):
        with pytest.raises(REFUSED):
            dropcore.dropout(x, p, **options)
        assert stream.position == 0
        assert x.tobytes() == before
        return
    y, mask = dropcore.dropout(x, p, **options)
    assert stream.position == training
    assert type(y) is np.ndarray
    assert y.flags.c_contiguous
    assert y.flags.writeable
    assert not np.may_share_memory(x, y)
    assert x.tobytes() == before
    right = oracle.forward(np.array(x), mask.keep, float(p)) if training else np.array(x)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert as_bits(y) == as_bits(right)
    assert as_bits(mask.backward(x)) == as_bits(right)
    assert as_bits(pickle.loads(pickle.dumps(mask)).forward(x)) == as_bits(right)


@law
@given(of=arrays(dtypes=OTHERS), training=st.booleans())
def test_other_dtypes_and_byte_orders_are_refused(folder, of, training):
    x, stream = make(of, folder), dropcore.Stream(5)
    mask = dropcore.Mask.from_keep(np.ones(x.shape, bool), 0.5)
    for call in (
        lambda: dropcore.dropout(x, 0.5, training=training, rng=stream),
        lambda: mask.forward(x),
        lambda: mask.backward(x),
        lambda: dropcore.Dropout(0.5, rng=stream)(x),
    ):
        with pytest.raises(TypeError, match=r"^(x|dy) must be an array of float32"):
            call()
    assert stream.position == 0


@law
@given(data=st.data(), of=arrays(), fitting=st.booleans(), training=st.booleans())
def test_out_is_written_as_a_new_array_would_be_or_left_alone(folder, data, of, fitting, training):
    x = make(of, folder)
    if fitting:
        shape, dtype = x.shape, x.dtype
    else:
        shape, dtype = data.draw(SHAPES), data.draw(st.sampled_from(DTYPES))
    layout = data.draw(st.sampled_from(LAYOUTS[:-3]))
    out, stream = layout(np.ones(shape, dtype), folder), dropcore.Stream(5)
    before = out.tobytes()
    options = {"training": training, "rng": stream}
    right = dropcore.dropout(x, 0.3, training=training, rng=dropcore.Stream(5))[0]
    good = (out.shape, out.dtype) == (x.shape, x.dtype) and out.flags.writeable
    if not good:
        with pytest.raises(REFUSED, match=r"^out must"):
            dropcore.dropout(x, 0.3, out=out, **options)
        assert (out.tobytes(), stream.position) == (before, 0)
        return
    y, _ = dropcore.dropout(x, 0.3, out=out, **options)
    assert y is out
    assert as_bits(out) == as_bits(right)


@law
@given(shape=SHAPES | st.integers(-3, 500), p=RATES, start=st.integers(-2, 2**63 + 2))
def test_keep_mask_is_the_oracle_s_or_refused(shape, p, start):
    stream = dropcore.Stream(5)
    n = math.prod(shape) if isinstance(shape, tuple) else shape
    if not is_rate(p) or n < 0 or not 0 <= start <= 2**63 - n:
        with pytest.raises(REFUSED):
            dropcore.keep_mask(shape, p, rng=stream, start=start)
        assert stream.position == 0
        return
    keep = dropcore.keep_mask(shape, p, rng=stream, start=start)
    key = tuple(np.frombuffer(stream.at(0).key, "<u4").tolist())
    few = min(n, 40)
    np.testing.assert_array_equal(
        keep.reshape(-1)[:few], oracle.keep(key, 0, float(p), start, few)
    )  # fmt: skip
    assert stream.position == 1


@law
@given(of=arrays(dtypes=[*DTYPES, *OTHERS]), p=RATES, shape=st.none() | SHAPES)
def test_decisions_that_are_brought_are_kept_or_refused(folder, of, p, shape):
    keep = make(of, folder)
    numbers = keep.dtype == bool or np.issubdtype(keep.dtype, np.number)
    whole = keep.shape if shape is None else shape
    fits = len(whole) == keep.ndim and all(
        n in (1, m) for n, m in zip(keep.shape, whole, strict=True)
    )  # fmt: skip
    if not (numbers and np.isin(keep, (0, 1)).all() and fits and is_rate(p)):
        with pytest.raises(REFUSED):
            dropcore.Mask.from_keep(keep, p, shape=shape)
        return
    mask = dropcore.Mask.from_keep(keep, p, shape=shape)
    np.testing.assert_array_equal(mask.keep, keep.astype(bool))


@pytest.mark.parametrize("shape", [2**50, (2**40, 2**20), (2**62,), (2**31, 2**31), [2**63 - 1]])
def test_what_cannot_be_allocated_takes_no_draw(shape):
    stream = dropcore.Stream(5)
    for packed in (False, True):
        with pytest.raises((MemoryError, ValueError)):
            dropcore.keep_mask(shape, 0.5, rng=stream, packed=packed)
    wide = np.broadcast_to(np.float16(1), 2**50)
    for training in (True, False):
        with pytest.raises(MemoryError):
            dropcore.dropout(wide, 0.5, training=training, rng=stream)
    with pytest.raises(MemoryError):
        dropcore.Dropout(0.5, rng=stream)(wide)
    assert stream.position == 0
