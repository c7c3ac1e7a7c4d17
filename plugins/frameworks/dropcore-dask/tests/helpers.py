"""Functions that several tests use."""

import numpy as np

import dropcore

DRAW = dropcore.Stream(42, path=("dask",)).at(2**40)


def same_bits(a, b):
    """True if two arrays are bit-identical."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def values(shape, dtype=np.float32, seed=0):
    """Numbers of both signs, special values included."""
    n = int(np.prod(shape))
    x = np.random.default_rng([n, seed]).normal(size=n)
    x[::11] = np.resize([np.inf, -np.inf, -0.0, 1e-40, 60000.0], x[::11].size)
    with np.errstate(all="ignore"):
        return x.astype(dtype).reshape(shape)
