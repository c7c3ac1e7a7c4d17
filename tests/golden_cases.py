"""The cases of tests/data/golden_*.json that the oracle answers: inputs, addresses and options.

tools/write_golden.py computes the answers with the oracle alone. test_golden.py compares dropcore
with the answers. Both files import the cases from this file, so neither depends on the other.
"""

import hashlib
from itertools import product

import ml_dtypes
import numpy as np

DTYPES = {
    "float32": np.float32,
    "float64": np.float64,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}
RATES = (0.0, 2.0**-64, 0.1, 0.25, 0.5, 2 / 3, 0.9, 1.0)
SPECIAL = (np.inf, -np.inf, np.nan, -0.0, 1e-40, 6e-8, 60000.0, -3e38)

# Shape, and the value of `shared_axes`; None for a variant with other options.
PATTERNS = (
    ((1500,), ()),
    ((3, 5, 70), ()),
    ((), ()),
    ((0, 4), ()),
    ((6, 5, 7, 8), (2, 3)),
    ((6, 5, 7, 8), (0,)),
    ((4, 300), (1,)),
    ((5, 4, 3, 2, 3), (0, 2, 4)),
    ((40, 9), (0, 1)),
)

# The shape of a block, the global shape, the offsets of the block, and `shared_axes`.
SHARDS = (
    ((30,), (40,), (7,), ()),
    ((33, 7), (50, 14), (9, 3), ()),
    ((4, 64), (9, 128), (3, 64), ()),
    ((2, 1100), (3, 2100), (1, 500), ()),
    ((2, 3, 60), (3, 5, 70), (1, 2, 3), ()),
    ((2, 5, 70), (3, 5, 70), (1, 0, 0), ()),
    ((7, 40), (2**40, 64), (2**32 - 3, 20), ()),
    ((3, 2, 50), (2**20, 2**20, 2**22), (2**19, 7, 2**22 - 50), ()),
    ((3, 3, 4, 5), (6, 5, 7, 8), (2, 1, 3, 2), (2, 3)),
    ((3, 3, 4, 5), (6, 5, 7, 8), (2, 1, 3, 2), (0,)),
    ((3, 2, 3, 2, 1), (5, 4, 3, 2, 3), (1, 2, 0, 0, 2), (0, 2, 4)),
    ((2, 90), (4, 300), (1, 100), (1,)),
    ((0, 4), (3, 9), (3, 2), ()),
    ((), (), (), ()),
)


def cases():
    """The cases of golden_dropout.json, as dicts for JSON."""
    number = 0
    for (shape, shared), p, dtype in product(PATTERNS, RATES, DTYPES):
        # The address changes with the case; some indices are above 2^32.
        number += 1
        address = {"seed": number % 7, "path": ["golden", number], "index": number * 2**31}
        common = {**address, "p": p, "shape": list(shape), "dtype": dtype}
        yield {**common, "variant": "standard", "options": {"shared_axes": list(shared)}}
        if p in (0.1, 0.5, 1.0):
            alpha = {"shared_axes": list(shared)}
            if number % 2:
                alpha |= {"fixed_mean": 0.5, "fixed_var": 2.0}
            yield {**common, "variant": "alpha", "options": alpha}
    for p, dtype in product((0.1, 0.5), DTYPES):
        number += 1
        address = {"seed": 2**100 + number, "path": [], "index": number}
        common = {**address, "p": p, "dtype": dtype, "variant": "spatial"}
        yield {**common, "shape": [3, 4, 5, 6], "options": {"channel_axis": 1}}
        yield {**common, "shape": [3, 5, 6, 4], "options": {"channel_axis": -1}}
        yield {**common, "shape": [4, 5, 6], "options": {"channel_axis": 0, "batch_axis": None}}

    # Long enough for several threads.
    for (shape, shared), p, dtype in product(
        (((9001,), ()), ((3, 2001), ()), ((3, 2001), (0,)), ((2003, 3), (1,))),
        (0.1, 0.5, 3 / 16),
        ("float32", "bfloat16"),
    ):
        number += 1
        address = {"seed": number % 7, "path": ["long", number], "index": number * 2**31}
        common = {**address, "p": p, "shape": list(shape), "dtype": dtype}
        yield {**common, "variant": "standard", "options": {"shared_axes": list(shared)}}


def shard_cases():
    """The cases of golden_shards.json, as dicts for JSON: blocks of larger arrays."""
    number = 10_000
    for (shape, whole, offsets, shared), p in product(SHARDS, (0.1, 0.5, 0.75, 1 / 3)):
        number += 1
        dtype = tuple(DTYPES)[number % 4]
        yield {
            "seed": number % 7,
            "path": ["golden", number],
            "index": number * 2**31,
            "p": p,
            "shape": list(shape),
            "shard": [list(whole), list(offsets)],
            "dtype": dtype,
            "variant": ("standard", "alpha")[number % 3 == 0],
            "options": {"shared_axes": list(shared)},
        }
        if len(shape) == 4:
            spatial = {"variant": "spatial", "options": {"channel_axis": 1 + number % 3}}
            yield {"seed": number, "path": [], "index": 0, "p": p, "shape": list(shape)} | {
                "shard": [list(whole), list(offsets)],
                "dtype": dtype,
                **spatial,
            }


def plugin_cases():
    """The cases of tests/data/golden_plugins.json: the variants of this repository's plugins."""
    kinds = (
        ("droppath", [5, 3, 7], {}),
        ("droppath", [4, 6], {"batch_axis": -1, "scale_by_keep": False}),
        ("zoneout", [5, 70], {}),
        ("exactcount", [3, 4, 21], {}),
        ("exactcount", [30, 2, 3], {"axis": 0}),
        ("dropblock", [2, 3, 8, 9], {"block_size": 3, "channel_axis": 1}),
        ("dropblock", [2, 9, 2], {"block_size": 20, "channel_axis": -1, "share_channels": True}),
        ("dropblock", [7, 6, 3], {"block_size": 2, "channel_axis": 2, "batch_axis": None}),
        ("gaussian", [3, 33], {}),
    )
    for number, ((variant, shape, options), p, dtype) in enumerate(
        product(kinds, (0.0, 0.1, 0.5, 0.9, 1.0), DTYPES)
    ):
        if variant == "gaussian" and p == 1:
            continue
        address = {"seed": number, "path": ["plugins"], "index": 2**33 + number}
        common = {**address, "p": p, "shape": shape, "dtype": dtype}
        yield {**common, "variant": variant, "options": options}


FILES = {  # the files in tests/data, each with its cases
    "golden_dropout.json": cases,
    "golden_shards.json": shard_cases,
    "golden_plugins.json": plugin_cases,
}


def values(case):
    """The input and the gradient of a case: fixed numbers of both signs, and SPECIAL."""
    n = int(np.prod(case["shape"]))
    steps = np.arange(n, dtype=np.uint64)
    arrays = []
    for factor in (2654435761, 2246822519):
        x = (steps * np.uint64(factor) % np.uint64(2**32)).astype(np.float64) / 2**30 - 2
        x[::11] = np.resize(SPECIAL, x[::11].size)
        with np.errstate(all="ignore"):
            arrays.append(x.astype(DTYPES[case["dtype"]]).reshape(case["shape"]))
    return arrays


def previous(case):
    """The second input of a case: the first input in another order."""
    return values(case)[0][..., ::-1].copy()


def digest(array):
    """SHA-256 of an array's little-endian bytes, with one kind of nan."""
    array = np.array(array)
    if array.dtype != np.uint8:
        array[np.isnan(array)] = np.nan
        array = array.view(f"<u{array.dtype.itemsize}") if array.ndim else array
    return hashlib.sha256(array.tobytes()).hexdigest()
