"""Arrays that are cut into blocks: common parts of the tests of shards."""

import itertools

import numpy as np
from hypothesis import strategies as st


def blocks(places):
    """Slices for each block of an array that is cut at these places, along each axis."""
    pairs = [itertools.pairwise(each) for each in places]
    return [tuple(itertools.starmap(slice, block)) for block in itertools.product(*pairs)]


def shard_of(shape, block):
    """The argument `shard` for a block that is given as slices."""
    return tuple(shape), tuple(each.start for each in block)


@st.composite
def cut_shapes(draw, most=9):
    """A shape of at most five axes, and the cuts along each axis; blocks may be empty."""
    shape = draw(st.lists(st.integers(0, most), min_size=0, max_size=5))
    places = [sorted([0, n, *draw(st.lists(st.integers(0, n), max_size=2))]) for n in shape]
    return tuple(shape), places


def same_bits(a, b):
    """Whether two arrays are equal to the bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def values(shape, dtype=np.float32):
    """Numbers of both signs, among them infinities, -0.0, a subnormal and a large number."""
    n = int(np.prod(shape))
    x = np.random.default_rng(n).normal(size=n)
    x[::11] = np.resize([np.inf, -np.inf, -0.0, 1e-40, 60000.0], x[::11].size)
    with np.errstate(all="ignore"):
        return x.astype(dtype).reshape(shape)
