"""The variants of the plugins, computed from the oracle's decisions and words alone.

    droppath    one decision for each row of the batch; kept rows are scaled
    zoneout     one decision for each element; dropped elements come from a second array
    exactcount  Floyd's subsets of each row, by Lemire's bounded integers from the draw's words
    dropblock   each seed drops a block; the rest is scaled by the share of kept elements
    gaussian    Box and Muller's normal numbers, from pairs of the draw's words

Decisions are bools, True where kept, of shape keep.shape.
"""

import itertools
import math

import numpy as np
import oracle


def scale(p):
    """1 / (1 - P/2^64), in float64."""
    return float(oracle.scale(p, np.float64))


def droppath(key, index, p, shape, options):
    """The decisions, and the factor of kept elements."""
    batch = options.get("batch_axis", 0) % len(shape)
    own = [n if axis == batch else 1 for axis, n in enumerate(shape)]
    keep = oracle.keep(key, index, p, 0, shape[batch]).reshape(own)
    return keep, scale(p) if options.get("scale_by_keep", True) else 1.0


def bounded(words, bound):
    """A uniform integer below `bound`, from as many words as are needed."""
    while True:
        high, low = divmod(int(next(words)) * bound, 2**64)
        if low >= 2**64 % bound:
            return high


def exactcount(key, index, p, shape, options):
    """The decisions, and the factor of kept elements."""
    axis = options.get("axis", -1) % len(shape)
    n, others = shape[axis], shape[:axis] + shape[axis + 1 :]
    k = round(p * n)
    few = min(k, n - k)
    words = iter(oracle.words(key, index, 4 * few * math.prod(others) + 64))
    rows = []
    for _ in range(math.prod(others)):
        chosen = set()
        for j in range(n - few, n):
            t = bounded(words, j + 1)
            chosen.add(j if t in chosen else t)
        rows.append([(place in chosen) == (few < k) for place in range(n)])
    keep = np.array(rows, bool).reshape(*others, n)
    return np.moveaxis(keep, -1, axis), n / (n - k) if k < n else 0.0


def dropblock(key, index, p, shape, options):
    """The decisions, and the factor of kept elements."""
    channel = options["channel_axis"] % len(shape)
    batch = options.get("batch_axis", 0)
    spatial = [axis for axis in range(len(shape)) if axis not in (channel, batch)]
    own = [1 if axis == channel and options.get("share_channels") else n
           for axis, n in enumerate(shape)]  # fmt: skip
    if p == 1:
        return np.zeros(own, bool), 0.0
    block = {axis: min(options["block_size"], shape[axis]) for axis in spatial}
    seeds, gamma = list(own), p
    for axis in spatial:
        seeds[axis] = shape[axis] - block[axis] + 1
        gamma *= shape[axis] / (block[axis] * seeds[axis])
    dropped = ~oracle.keep(key, index, gamma, 0, math.prod(seeds)).reshape(seeds)
    keep = np.ones(own, bool)
    for seed in zip(*np.nonzero(dropped), strict=True):
        for steps in itertools.product(*(range(block[axis]) for axis in spatial)):
            place = list(seed)
            for axis, step in zip(spatial, steps, strict=True):
                place[axis] += step
            keep[tuple(place)] = False
    return keep, keep.size / keep.sum() if keep.any() else 0.0


def zoneout(key, index, p, shape, options):
    """The decisions; kept elements are not scaled."""
    return oracle.keep(key, index, p, 0, math.prod(shape)).reshape(shape), 1.0


def gaussian(key, index, p, shape):
    """The factor of each element, in float64."""
    n = math.prod(shape)
    words = [int(word) for word in oracle.words(key, index, n + n % 2)]
    factors = []
    for first, second in zip(words[0::2], words[1::2], strict=True):
        radius = math.sqrt(-2 * math.log1p(-(first >> 11) * 2.0**-53))
        angle = 2 * math.pi * (second >> 11) * 2.0**-53
        for turned in (math.cos(angle), math.sin(angle)):
            factors.append(1 + math.sqrt(p / (1 - p)) * radius * turned)
    return np.array(factors[:n]).reshape(shape)


DECIDES = {
    "droppath": droppath,
    "exactcount": exactcount,
    "dropblock": dropblock,
    "zoneout": zoneout,
}
