"""`out=` and x in one memory: accepted if they share no element, or if all elements coincide.

Every relation of two arrays is tried: before, behind, within, interleaved, reversed, transposed.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

import dropcore

DRAW = dropcore.Stream(42, ("overlaps",)).at(1)
ROOM = 64  # elements of the memory; x and out are parts of it
law = settings(derandomize=True, deadline=None, max_examples=800)


def cut(memory, place, shape, steps):
    """A view of the memory: from `place` on, with these steps in elements along each axis."""
    return as_strided(memory[place:], shape, [step * memory.itemsize for step in steps])


def places(place, shape, steps):
    """The place of each element, in C order."""
    indices = itertools.product(*map(range, shape))
    return [place + sum(i * s for i, s in zip(index, steps, strict=True)) for index in indices]


def fits(place, shape, steps):
    return all(0 <= each < ROOM for each in places(place, shape, steps))


@st.composite
def two_arrays(draw):
    """A shape, and the place and the steps of x and of out."""
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple))
    steps = st.tuples(*[st.integers(-13, 13)] * len(shape))
    dense = tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
    one = st.tuples(st.integers(0, ROOM - 1), st.just(dense) | steps | st.permutations(dense))
    one = one.map(lambda of: (of[0], tuple(of[1]))).filter(lambda of: fits(of[0], shape, of[1]))
    x = draw(one)
    return shape, x, draw(st.just(x) | one)


def steps_over(shape, steps):
    """Whether each step is longer than the extent of all axes with shorter steps.

    In such an array no two elements share a place.
    """
    reach = 1
    for step, length in sorted((abs(s), n) for s, n in zip(steps, shape, strict=True) if n > 1):
        if step < reach:
            return False
        reach += step * (length - 1)
    return True


@law
@given(two_arrays(), st.sampled_from(["training", "inference", "forward", "backward"]))
def test_out_is_taken_where_it_can_be_and_refused_elsewhere(arrays, way):
    shape, x_at, out_at = arrays
    memory = np.arange(1.0, ROOM + 1)
    before = memory.copy()
    x, out = cut(memory, x_at[0], shape, x_at[1]), cut(memory, out_at[0], shape, out_at[1])
    x_places, out_places = places(x_at[0], shape, x_at[1]), places(out_at[0], shape, out_at[1])
    separate = not set(x_places) & set(out_places)
    right = np.array(x)
    if way != "inference":
        right = dropcore.dropout(right, 0.3, training=True, rng=DRAW)[0]
    stream = dropcore.Stream(1)
    if not steps_over(shape, out_at[1]) or not (separate or x_places == out_places):
        with pytest.raises(ValueError, match=r"^out must"):
            call(way, x, out, stream)
        np.testing.assert_array_equal(memory, before)
        assert stream.position == 0
        return
    y = call(way, x, out, None)
    assert y is out
    np.testing.assert_array_equal(y, right)
    others = [place for place in range(ROOM) if place not in out_places]
    np.testing.assert_array_equal(memory[others], before[others])


def call(way, x, out, stream):
    """One of the four functions that take `out`."""
    if way in ("training", "inference"):
        rng = DRAW if stream is None else stream
        return dropcore.dropout(x, 0.3, training=way == "training", rng=rng, out=out)[0]
    mask = dropcore.dropout(np.ones(x.shape), 0.3, training=True, rng=DRAW)[1]
    return getattr(mask, way)(x, out=out)


@pytest.mark.parametrize("by", range(-9, 10))
def test_arrays_of_one_memory_in_a_row(by):
    # Too many elements to be processed at once, so an overlap would give wrong elements.
    memory = np.arange(3 * 10**4 + 40, dtype=np.float32)
    n = 10**4
    for shift in (by, n + by, -n + by):
        x, out = memory[n + 20 :][:n], memory[n + 20 + shift :][:n]
        whole, right = memory.copy(), dropcore.dropout(x, 0.3, training=True, rng=DRAW)[0]
        if 0 < abs(shift) < n:
            with pytest.raises(ValueError, match=r"^out must"):
                dropcore.dropout(x, 0.3, training=True, rng=DRAW, out=out)
            assert (memory == whole).all()
        else:
            y, _ = dropcore.dropout(x, 0.3, training=True, rng=DRAW, out=out)
            assert (y == right).all()
            memory = whole
