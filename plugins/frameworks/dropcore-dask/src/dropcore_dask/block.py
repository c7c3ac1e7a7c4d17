"""The functions that a worker runs for one chunk.

A task has the record of the whole mask as JSON: the draw's text, p, shape and variant. A worker
needs only this record and the place of its chunk in the whole array.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

import dropcore

Array = np.ndarray[Any, np.dtype[Any]]
Info = dict[int | None, dict[str, Any]]  # Dask's description of a chunk, by argument number
Location = list[tuple[int, int]]  # the begin and the end of a chunk along each axis


def forward(x: Array, record: str, block_info: Info) -> Array:
    """One chunk of y."""
    return part(record, block_info[0]["array-location"]).forward(x)


def backward(dy: Array, record: str, block_info: Info) -> Array:
    """One chunk of the gradient."""
    dx: Array = part(record, block_info[0]["array-location"]).backward(dy)
    return dx


def keep(record: str, block_info: Info) -> Array:
    """One chunk of the decisions: a bool for each element, even if elements share decisions."""
    mask = part(record, block_info[None]["array-location"])
    return np.broadcast_to(mask.keep, mask.shape).copy()


def part(record: str, location: Location) -> dropcore.Mask:
    """The mask of the chunk at `location`, in the mask of the whole array.

    The mask has the shape that Dask states for the chunk. `Mask.forward` refuses an array of
    another shape, because the elements of this chunk and of later chunks would get wrong decisions.
    """
    fields = json.loads(record)
    shape = fields["shape"]
    whole, origin = fields.get("shard", (shape, [0] * len(shape)))
    fields["shape"] = [int(stop - start) for start, stop in location]
    fields["shard"] = [
        whole,
        [int(first + start) for first, (start, _) in zip(origin, location, strict=True)],
    ]
    return dropcore.Mask.from_record(fields)
