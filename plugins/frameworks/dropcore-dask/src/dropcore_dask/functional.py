"""`dropout` and `keep_mask`: the arguments are checked, and one draw is taken for all chunks."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np

import dropcore
from dropcore_dask.mask import Mask, check_array, check_variant

ANY_DRAW = dropcore.Stream(0).at(0)  # for a check that must not take a draw from the caller

Shard = tuple[tuple[int, ...], tuple[int, ...]]


def dropout(
    x: da.Array,
    p: float,
    *,
    training: bool,
    rng: dropcore.RNGLike = None,
    variant: str | dropcore.Variant = "standard",
    shard: Shard | None = None,
    **options: Any,
) -> tuple[da.Array, Mask]:
    """Drop elements of a Dask array at random; return the lazy result and the mask.

    The call computes nothing. Each chunk gets its part of one mask. So y equals, to the bit, the y
    of `dropcore.dropout` for the whole array, with any chunks, scheduler and workers.

    Parameters
    ----------
    x : dask.array.Array
        float32, float64, float16 or bfloat16, of any shape, in chunks of known sizes.
    p : float
        The probability that an element is dropped, in [0, 1].
    training : bool
        False gives x itself. There is no default, because a forgotten `training` is a frequent
        bug.
    rng : None, Stream, Draw, int, SeedSequence, Generator or BitGenerator, optional
        As for `dropcore.dropout`. This call takes one draw, which is sent to all workers as text.
        If y is computed again, or on other workers, no further draw is taken. Two calls with the
        same Draw give the same mask, and tasks with the same names; two calls with the same Stream
        give two masks.
    variant : str or dropcore.Variant, default: "standard"
        Any planned variant that is also registered on the workers: "standard", "alpha", "spatial",
        and planned variants of plugins. If `training` is False, the variant must also have the
        default inference, y = x.
    shard : (global_shape, offsets), optional
        If x is itself a block of a larger array: as for `dropcore.dropout`. In training `rng` must
        then be a Draw, an int or a SeedSequence. The chunks of x do not need `shard`.
    **options
        The options of the variant, such as ``shared_axes`` for "standard"; shared axes may be cut
        into chunks.

    Returns
    -------
    y : dask.array.Array
        Lazy; of x's dtype and chunks.
    mask : Mask
        ``mask.backward(dy)`` is the gradient, lazy too.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted. No draw was taken.
    LookupError
        If no variant has the name `variant`.
    OverflowError
        If the stream has no draw left.

    Notes
    -----
    A task carries the text of the draw, p, the shape and the variant, less than 1 kB. The decisions
    of a chunk are made when the chunk is computed, and made again for the gradient. No decisions
    are stored.

    Examples
    --------
    >>> import dask.array as da, dropcore, dropcore_dask, numpy as np
    >>> x, draw = np.ones((300, 500), np.float32), dropcore.Stream(42).at(0)
    >>> y, mask = dropcore_dask.dropout(da.from_array(x, chunks=99), 0.1, training=True, rng=draw)
    >>> whole, _ = dropcore.dropout(x, 0.1, training=True, rng=draw)
    >>> bool((y.compute() == whole).all())
    True
    """
    chosen = dropcore.get_variant(variant, **options)
    check_variant(chosen, training)
    check_array("x", x)
    mask = mask_of(x.shape, p, training, rng, chosen, shard)
    return mask.forward(x), mask


def keep_mask(
    shape: int | tuple[int, ...],
    p: float,
    *,
    rng: dropcore.RNGLike = None,
    chunks: Any = "auto",
    shard: Shard | None = None,
) -> da.Array:
    """The decisions of standard dropout: True where kept.

    Parameters
    ----------
    shape : int or tuple of int
    p : float
        The probability that an element is dropped, in [0, 1].
    rng, shard
        As for `dropout`.
    chunks : int, tuple or "auto", default: "auto"
        As for `dask.array.ones`.

    Returns
    -------
    dask.array.Array
        Lazy; bool of `shape`, the same as ``dropcore.keep_mask(shape, p, rng=rng)``.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As for `dropout`; also if `chunks` is not what Dask accepts.

    Examples
    --------
    >>> import dropcore, dropcore_dask
    >>> draw = dropcore.Stream(42).at(0)
    >>> keep = dropcore_dask.keep_mask((300, 500), 0.1, rng=draw, chunks=100)
    >>> bool((keep.compute() == dropcore.keep_mask((300, 500), 0.1, rng=draw)).all())
    True
    """
    shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    return mask_of(shape, p, True, rng, dropcore.get_variant("standard"), shard).keep(chunks)


def mask_of(
    shape: tuple[int, ...],
    p: float,
    training: bool,
    rng: dropcore.RNGLike,
    variant: dropcore.Variant,
    shard: Shard | None,
) -> Mask:
    """The mask of a Dask array. All arguments are checked before a draw is taken."""
    record: dict[str, Any] = {
        "stream_version": dropcore.STREAM_VERSION,
        "p": p,
        "shape": shape,
        "variant": variant.name,
        "options": variant.options(),
    }
    if shard is not None:
        record["shard"] = shard

    def named_by(source: dropcore.RNGLike) -> Mask:
        draw = draw_of(source, training, shard)
        text = None if draw is None else str(draw)
        return Mask(dropcore.Mask.from_record(record | {"draw": text}))

    if named_by(ANY_DRAW).whole.variant != variant:
        raise TypeError(
            f"variant {variant!r} must be registered under its name, because workers look the "
            "variant up by its name"
        )
    return named_by(rng)


def draw_of(rng: dropcore.RNGLike, training: bool, shard: Shard | None) -> dropcore.Draw | None:
    """The draw for `rng`, by a call of the core with an empty array; None in inference."""
    block = None if shard is None else ((0,), (0,))
    _, mask = dropcore.dropout(
        np.empty(0), 0.5, training=training, rng=rng, store="draw", shard=block
    )
    return mask.draw
