"""`Mask`: the decisions for a Dask array, and lazy forward and backward passes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
from dask.array.core import normalize_chunks
from dask.array.utils import meta_from_array
from dask.base import tokenize

import dropcore
from dropcore_dask import block

DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True, eq=False)
class Mask:
    """The decisions for a Dask array.

    `dropout` returns a Mask. The Mask holds the draw, and no decisions: the worker that has a chunk
    makes the decisions of the chunk, and makes them again for the gradient. So the mask is the same
    for any chunks, schedulers and numbers of workers.

    Parameters
    ----------
    whole : dropcore.Mask
        The same mask for NumPy: its `shape`, `p`, `draw`, `variant`, `training`, and its `record()`
        for JSON. Mask(dropcore.Mask.from_record(record)) is this mask in another process.

    Raises
    ------
    TypeError
        If `whole` is not a `dropcore.Mask`, or its variant is not one that `dropout` accepts.
    ValueError
        If `whole` has no draw, such as a mask from `dropcore.Mask.from_keep`.

    Examples
    --------
    >>> import dask.array as da, dropcore, dropcore_dask
    >>> x = da.ones((400, 1000), chunks=(100, 500), dtype="float32")
    >>> y, mask = dropcore_dask.dropout(x, 0.1, training=True, rng=dropcore.Stream(42).at(0))
    >>> dx = mask.backward(da.ones_like(y))
    >>> bool((dx == y).all().compute())
    True
    >>> bool((mask.keep() == (y != 0)).all().compute())
    True
    """

    whole: dropcore.Mask

    def __post_init__(self) -> None:
        if not isinstance(self.whole, dropcore.Mask):
            raise TypeError(f"whole must be a dropcore.Mask, not {type(self.whole).__name__}")
        check_variant(self.whole.variant, self.whole.training)
        if self.whole.training and self.whole.draw is None:
            raise ValueError(
                "whole must have a draw, from which each worker makes its part; a mask from "
                "from_keep has no draw"
            )

    def __dask_tokenize__(self) -> tuple[str, str]:
        return "dropcore_dask.Mask", self._record()

    def forward(self, x: da.Array) -> da.Array:
        """Apply the same decisions to another x.

        Parameters
        ----------
        x : dask.array.Array
            Of the mask's shape, in any chunks.

        Returns
        -------
        dask.array.Array
            Lazy; of x's dtype and chunks. In inference x itself.

        Raises
        ------
        TypeError, ValueError
            If x is not a Dask array as described above, or has chunks of unknown sizes.
        """
        return self._map(block.forward, "x", x)

    def backward(self, dy: da.Array) -> da.Array:
        """The gradient of x, computed from the gradient of y.

        Parameters
        ----------
        dy : dask.array.Array
            Of the mask's shape, in any chunks.

        Returns
        -------
        dask.array.Array
            Lazy; of dy's dtype and chunks. In inference dy itself.

        Raises
        ------
        TypeError, ValueError
            If dy is not a Dask array as described above, or has chunks of unknown sizes.
        """
        return self._map(block.backward, "dy", dy)

    def keep(self, chunks: Any = "auto") -> da.Array:
        """True where kept.

        Parameters
        ----------
        chunks : int, tuple or "auto", default: "auto"
            As for `dask.array.ones`.

        Returns
        -------
        dask.array.Array
            Lazy; a bool for each element of the mask's shape, also along shared axes.

        Raises
        ------
        TypeError, ValueError
            If `chunks` is not what Dask accepts.
        """
        shape = self.whole.shape
        chunks = normalize_chunks(chunks, shape, dtype=bool)
        meta = np.empty((0,) * len(shape), bool)
        if not self.whole.training:
            ones: da.Array = da.ones(shape, dtype=bool, chunks=chunks)
            return ones
        keep: da.Array = da.map_blocks(
            block.keep,
            self._record(),
            chunks=chunks,
            dtype=bool,
            meta=meta,
            name=f"dropcore-keep-{tokenize(self, chunks)}",
        )
        return keep

    def _map(self, function: Callable[..., Any], name: str, array: da.Array) -> da.Array:
        check_array(name, array)
        if array.shape != self.whole.shape:
            raise ValueError(
                f"{name} must have the shape of the mask, {self.whole.shape}, not {array.shape}"
            )
        if not self.whole.training:
            return array
        mapped: da.Array = da.map_blocks(
            function,
            array,
            self._record(),
            dtype=array.dtype,
            meta=meta_from_array(array),
            name=f"dropcore-{function.__name__}-{tokenize(self, array)}",
        )
        return mapped

    def _record(self) -> str:
        return json.dumps(self.whole.record())


def check_variant(variant: dropcore.Variant, training: bool) -> None:
    """Raise TypeError unless the variant can be applied to one chunk without other chunks."""
    if not isinstance(variant, dropcore.PlannedVariant) or not variant.takes_shard(training):
        raise TypeError(
            "variant must be planned, with the default rule of inference, for Dask arrays, not "
            f"{variant.name!r} with training={training}: it may need the whole array for one "
            "chunk. dropcore.dropout accepts every variant, for NumPy arrays"
        )


def check_array(name: str, array: Any) -> None:
    """Raise unless `array` is a Dask array of NumPy arrays, in chunks of known sizes."""
    if not isinstance(array, da.Array):
        raise TypeError(
            f"{name} must be a dask.array.Array, not {type(array).__module__}."
            f"{type(array).__qualname__}: dask.array.from_array makes a Dask array from a NumPy "
            "array, and xarray.apply_ufunc(..., dask='allowed') passes the array of a DataArray"
        )
    if any(map(math.isnan, array.shape)):
        raise ValueError(
            f"{name} must have chunks of known sizes, not {array.chunks}: an element's decision "
            f"depends on its place. Call {name}.compute_chunk_sizes() first"
        )
    if type(meta := meta_from_array(array)) is not np.ndarray:
        raise TypeError(
            f"{name} must have chunks that are NumPy arrays, not {type(meta).__module__}."
            f"{type(meta).__qualname__}"
        )
    if meta.dtype.name not in DTYPES or not meta.dtype.isnative:
        raise TypeError(
            f"{name} must be of {', '.join(DTYPES[:-1])} or {DTYPES[-1]}, in native byte order, "
            f"not of dtype {meta.dtype.str if meta.dtype.name in DTYPES else meta.dtype}"
        )
