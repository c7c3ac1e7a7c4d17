"""The order of elements in memory changes no decision: any order of axes, gaps, shared axes."""

import tracemalloc
from itertools import combinations, permutations

import ml_dtypes
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dropcore
from dropcore import Mask, Stream, keep_mask
from dropcore._core import nontemporal

DTYPES = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16]
DRAW = Stream(42, ("layer", 1)).at(3)
# The second shape has whole blocks of 32 by 32 bits, and parts of blocks. The fourth shape has few
# elements in each step of a loop. The last shape has more elements than a stage of the kernels.
SHAPES = [(), (5,), (67, 131), (1, 40, 1), (7, 3, 5), (33, 34, 9), (2, 3, 5, 7), (40, 3, 70, 2)]
law = settings(derandomize=True, deadline=None, max_examples=200)


def same(a, b):
    """Equal to the bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def noise(shape, dtype=np.float32, seed=5):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def laid(x, order, step=1, reverse=()):
    """A copy of x in another layout.

    `order` is the order of the axes in memory, `step` the distance of elements; `reverse` names
    the axes with negative strides.
    """
    place = np.full((*(x.shape[axis] for axis in order), step), np.nan, x.dtype)
    view = np.moveaxis(place, -1, 0)[0, ...].transpose(np.argsort(order))
    view = view[(..., *(slice(None, None, -1 if axis in reverse else 1) for axis in range(x.ndim)))]
    view[...] = x
    return view


def orders(shape):
    return list(permutations(range(len(shape))))


def subsets(shape):
    axes = range(len(shape))
    return [each for count in range(len(shape) + 1) for each in combinations(axes, count)]


def expected(x, axes, p):
    own = tuple(1 if axis in axes else length for axis, length in enumerate(x.shape))
    keep = keep_mask(own, p, rng=DRAW)
    return keep, oracle.forward(x.copy("C"), keep, p)


def drop(x, p=0.3, **options):
    return dropcore.dropout(x, p, training=True, rng=DRAW, **options)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("store", ["bits", "draw"])
def test_every_order_of_axes_with_every_shared_ones(shape, store):
    """No order of axes in memory, of x or of out, changes y, the decisions or the gradient."""
    x = noise(shape)
    for axes in subsets(shape):
        keep, y = expected(x, axes, 0.3)
        for order in orders(shape):
            given, out = laid(x, order), laid(x, order)
            result, mask = drop(given, shared_axes=axes, store=store, out=out)
            assert result is out
            assert same(out, y), (axes, order)
            assert same(mask.keep, keep)
            assert mask.backward(given, out=out) is out
            assert same(out, y), (axes, order)
            plain = mask.backward(given)
            assert plain.flags.c_contiguous
            assert same(plain, y)
            assert same(drop(given, shared_axes=axes, store=store)[0], y)
            assert same(mask.forward(given, out=given), y)
            assert same(given, y)


@law
@given(data=st.data())
def test_any_two_layouts(data):
    """No layout of x or out, also with gaps or reversed axes, changes y, decisions or gradient."""
    draw = data.draw
    shape = tuple(draw(st.lists(st.integers(0, 40) | st.integers(1, 3), max_size=5)))
    if np.prod(shape) > 20_000:
        shape = tuple(min(length, 6) for length in shape)
    axes = tuple(sorted(draw(st.sets(st.integers(0, 4)))))
    axes = tuple(axis for axis in axes if axis < len(shape))
    p = draw(st.sampled_from([0, 0.1, 0.25, 0.5, 1 / 3, 1]))
    dtype = draw(st.sampled_from(DTYPES))

    def any_layout(x):
        order = draw(st.permutations(range(len(shape))))
        reverse = draw(st.sets(st.integers(0, 4))) if draw(st.booleans()) else ()
        return laid(x, order, draw(st.sampled_from([1, 1, 2])), reverse)

    x = noise(shape, dtype)
    keep, y = expected(x, axes, p)
    given, out = any_layout(x), any_layout(x)
    out = draw(st.sampled_from([given, out, None]))
    result, mask = drop(given, p, shared_axes=axes, out=out)
    assert same(result, y)
    assert same(mask.keep, keep)
    assert out is given or same(given, x)
    other, target = any_layout(x), any_layout(x)
    assert same(mask.backward(other, out=target), y)
    assert same(mask.backward(other), y)


@pytest.mark.parametrize("shared", [(0, 2, 4), (1, 3, 5), (0, 2, 4, 6), (1, 4), (2, 5)], ids=str)
def test_axes_that_alternate_many_times(shared):
    """The results are right if a layout has several nested loops around `repeat` or `tile`."""
    x = noise((2, 3, 2, 3, 8, 9, 10))
    keep, y = expected(x, shared, 0.3)
    for order in (tuple(range(7)), (2, 0, 1, 3, 4, 5, 6), (0, 1, 2, 3, 6, 5, 4)):
        given, out = laid(x, order), laid(x, order)
        _, mask = drop(given, shared_axes=shared, out=out)
        assert same(out, y)
        assert same(mask.keep, keep)
        assert same(mask.backward(given), y)


@pytest.mark.parametrize("shared", [(31,), (32,), (33, 36), (0, 39), (63,)], ids=str)
def test_more_axes_than_bits_in_a_word(shared):
    shape = [1] * 64
    for axis, length in {0: 3, 31: 2, 32: 3, 33: 5, 36: 2, 39: 4, 63: 7}.items():
        shape[axis] = length
    x = noise(shape)
    keep, y = expected(x, shared, 0.3)
    for order in (tuple(range(64)), tuple(reversed(range(64)))):
        # `laid` needs one axis more than NumPy allows.
        given = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        result, mask = drop(given, shared_axes=shared)
        assert same(result, y)
        assert same(mask.keep, keep)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("variant", ["alpha", "standard"])
def test_large_arrays_in_other_orders(dtype, variant):
    """For long arrays in any order of axes, threads and non-temporal stores change no bit."""
    x = noise((130, 31, 65), dtype)
    for axes in ((), (2,), (0,), (0, 2)):
        y, mask = drop(x, shared_axes=axes, variant=variant)
        dx = mask.backward(x)
        for order in orders(x.shape):
            for threads, nontemporal_from in ((1, 1 << 40), (2, 1 << 40), (1, 0)):
                before = nontemporal.set_nontemporal_from(nontemporal_from)
                try:
                    with dropcore.num_threads(threads):
                        given, out = laid(x, order), laid(x, order)
                        _, mask = drop(given, shared_axes=axes, variant=variant, out=out)
                        assert same(out, y)
                        assert same(mask.backward(given, out=out), dx)
                finally:
                    nontemporal.set_nontemporal_from(before)


def test_channels_in_memory_last():
    """Spatial dropout has the same mask for PyTorch's channels_last as for C order."""
    x = noise((3, 5, 4, 4))
    y, mask = drop(x, variant="spatial", channel_axis=1)
    given, out = laid(x, (0, 2, 3, 1)), laid(x, (0, 2, 3, 1))
    _, other = drop(given, variant="spatial", channel_axis=1, out=out)
    assert same(out, y)
    assert same(other.packed, mask.packed)


@pytest.mark.parametrize("shape", [(64, 40), (9, 33, 4)], ids=str)
def test_decisions_that_were_brought(shape):
    keep = noise(shape) > 0
    mask = Mask.from_keep(keep, 0.5)
    x = noise(shape)
    y = np.where(keep, x * 2, 0).astype(np.float32)
    for order in orders(shape):
        out = laid(x, order)
        assert same(mask.forward(laid(x, order), out=out), y)


def test_a_dense_array_is_neither_copied_nor_moved(monkeypatch):
    """With an `out` that is laid out like x, a call makes no second array of the size of x."""
    x = laid(noise((300, 200)), (1, 0))
    out = laid(x, (1, 0))
    drop(x, out=out)
    tracemalloc.start()
    _, mask = drop(x, out=out)
    mask.backward(x, out=out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < x.nbytes / 4


def test_an_array_without_elements_has_its_decisions():
    draw = dropcore.Stream(1).at(0)
    for shape, axis in (((9, 0, 9), 1), ((0, 3, 0, 5), (0, 2)), ((0, 7), 0)):
        x = np.ones(shape)
        mask = dropcore.dropout(x, 0.5, training=True, rng=draw, shared_axes=axis)[1]
        keep = dropcore.keep_mask(mask.keep.shape, 0.5, rng=draw)
        assert np.array_equal(mask.keep, keep)
