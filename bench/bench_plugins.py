"""Times forward and backward of every registered variant, beside `np.copyto` and `np.multiply`.

To time one variant with options, beside the standard variant::

    python -m pytest bench/bench_plugins.py --variant token --option feature_axis=-1
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from math import prod

import cases
import numpy as np
import pytest
from cases import ROOF_LINES, Row

import dropcore

NEEDED = {  # options without a default
    "spatial": {"channel_axis": 1},
    "dropblock": {"block_size": 7, "channel_axis": 1},
}


def rows_of(options: argparse.Namespace) -> Iterator[Row]:
    """Forward and backward of each variant: of `--variant` and the standard variant, or of all."""
    n = prod(options.shape)
    names = dropcore.variant_names()
    if options.variant is not None:
        names = list(dict.fromkeys(("standard", options.variant)))
    for name in ROOF_LINES:
        yield Row("plugins", name, n, always=True, shape=options.shape)
    for variant in names:
        for name in ("forward", "backward"):
            yield Row("plugins", name, n, p=0.1, detail=variant, always=True, shape=options.shape)


def bench(row: Row, timed, buffers, request: pytest.FixtureRequest) -> None:
    """A variant with its default options, or with those of `--option`."""
    chosen = request.config.option
    b = buffers(chosen.shape)
    if row.name in ROOF_LINES:
        timed(row, ROOF_LINES[row.name](b))
        return
    if row.detail == chosen.variant:
        variant = dropcore.get_variant(row.detail, **dict(chosen.option))
    else:
        try:
            variant = dropcore.get_variant(row.detail, **NEEDED.get(row.detail, {}))
        except TypeError as error:
            pytest.skip(f"{row.detail} has options without a default: {error}")
    inputs = {name: np.zeros_like(b.x) for name in variant.inputs[1:]}
    call = cases.forward(b, row.p, variant=variant, **inputs)
    if row.name == "forward":
        timed(row, call)
        return
    mask = call()[1]
    out = {} if inputs else {"out": b.y}
    timed(row, lambda: mask.backward(b.x, **out))
