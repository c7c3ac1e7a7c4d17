# The core's functions for Python. Their bodies are in buffers.pyx and shards.pyx.

from dropcore._core.work cimport REPEAT, TILE
from dropcore.core.buffers cimport (
    backward_of, forward_of, forward_plan_of, keep_bits_of, select_of, shared_of,
)
from dropcore.core.shards cimport forward_shard_of, keep_shard_of

cdef enum:
    BY_FORMAT = -1  # the format of x decides between float32 and float64


def keep_bits(draw, p, bits, n, start=0):
    """Write the decisions: bit i is 1 if element i is kept.

    Parameters
    ----------
    draw : Draw
        The address of the mask.
    p : float
        The probability that an element is dropped, in [0, 1].
    bits : buffer of uint8
        OUT: ``(n + 7) // 8`` bytes, element i in bit ``i % 8`` of byte ``i // 8``; the bits
        after the last element are 0.
    n : int
        The number of decisions.
    start : int, default: 0
        The place of the first decision in the whole mask. So a mask can be made in pieces.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If an argument is not accepted, or ``start + n`` is above 2**63.

    Examples
    --------
    >>> import dropcore
    >>> from dropcore import core
    >>> bits = bytearray(1)
    >>> core.keep_bits(dropcore.Stream(42).at(0), 0.5, bits, 8)
    >>> bits == dropcore.keep_mask(8, 0.5, rng=dropcore.Stream(42), packed=True).tobytes()
    True
    """
    keep_bits_of(draw, p, bits, n, start)


def forward(draw, p, x, y, bits=None, start=0):
    """Standard dropout: y is x * kept_scale(p) where kept, +0.0 where dropped.

    Parameters
    ----------
    draw : Draw
        The address of the mask.
    p : float
        The probability that an element is dropped, in [0, 1].
    x : buffer of float32 or float64
        IN: one dimension, contiguous.
    y : buffer
        OUT: of the length and type of x; x itself, or memory that does not overlap x.
    bits : buffer of uint8, optional
        OUT: ``(n + 7) // 8`` bytes for n elements: the decisions, as `keep_bits` writes them.
    start : int, default: 0
        The place of the first element in the whole mask.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If an argument is not accepted. Nothing was written.

    Examples
    --------
    >>> import array, dropcore
    >>> from dropcore import core
    >>> x = array.array("f", [1, 2, 3, 4])
    >>> y, bits = array.array("f", [0] * 4), bytearray(1)
    >>> core.forward(dropcore.Stream(42).at(0), 0.5, x, y, bits)
    >>> y.tolist() == [2 * x[i] if bits[0] >> i & 1 else 0 for i in range(4)]
    True
    """
    forward_of(BY_FORMAT, draw, p, x, y, bits, start)


def backward(draw, p, dy, dx, bits=None, start=0):
    """The gradient of `forward`: dx is dy * kept_scale(p) where kept, +0.0 where dropped.

    Parameters
    ----------
    draw : Draw
    p : float
        As for `forward`.
    dy : buffer of float32 or float64
        IN: one dimension, contiguous.
    dx : buffer
        OUT: of the length and type of dy; dy itself, or memory that does not overlap dy.
    bits : buffer of uint8, optional
        IN: the bits that `forward` wrote. Without bits the decisions are made again from the draw.
    start : int, default: 0
        As for `forward`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If an argument is not accepted. Nothing was written.

    Examples
    --------
    >>> import array, dropcore
    >>> from dropcore import core
    >>> dy, dx = array.array("d", [1, 1, 1, 1]), array.array("d", [0] * 4)
    >>> core.backward(dropcore.Stream(42).at(0), 0.5, dy, dx)
    >>> set(dx) == {0.0, 2.0}
    True
    """
    backward_of(BY_FORMAT, draw, p, dy, dx, bits, start)


def forward_plan(draw, p, x, y, scale, shift=0.0, drop=0.0, bits=None, start=0):
    """Like `forward`, with a plan: x * scale + shift where kept, `drop` where dropped.

    The product and the sum are each rounded to float64 for float64 elements, and to float32 for all
    others. For the gradient, call `select` with `bits` and the same scale, without shift and drop.
    If the scale is ``dropcore.kept_scale(p)``, `backward` computes the same gradient.

    Parameters
    ----------
    draw : Draw
    p : float
    x, y : buffer
        As for `forward`.
    scale, shift, drop : float
        The plan.
    bits : buffer of uint8, optional
    start : int, default: 0
        As for `forward`.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If an argument is not accepted. Nothing was written.

    Examples
    --------
    >>> import array, dropcore
    >>> from dropcore import core
    >>> x = array.array("f", [1, 1, 1, 1])
    >>> core.forward_plan(dropcore.Stream(42).at(0), 0.5, x, x, scale=3, shift=1, drop=-1)
    >>> set(x) == {4.0, -1.0}
    True
    """
    forward_plan_of(BY_FORMAT, draw, p, x, y, scale, shift, drop, bits, start)


def select(bits, x, y, scale, shift=0.0, drop=0.0, first=0):
    """Apply given bits: x * scale + shift where a bit is 1, `drop` where a bit is 0.

    Parameters
    ----------
    bits : buffer of uint8
        IN: at least ``(first + n + 7) // 8`` bytes for n elements.
    x, y : buffer
        As for `forward`.
    scale, shift, drop : float
    first : int, default: 0
        The index of the bit for the first element.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If an argument is not accepted. Nothing was written.

    Examples
    --------
    >>> import array
    >>> from dropcore import core
    >>> x = array.array("d", [1, 2, 3, 4])
    >>> core.select(bytes([0b0101]), x, x, 2.0)
    >>> x.tolist()
    [2.0, 0.0, 6.0, 0.0]
    """
    select_of(BY_FORMAT, bits, x, y, scale, shift, drop, first)


def repeat(bits, decisions, times, x, y, scale, shift=0.0, drop=0.0, first=0):
    """Like `select`, for shared inner axes: each decision holds for `times` neighbours.

    Parameters
    ----------
    bits : buffer of uint8
        IN: a bit for each decision.
    decisions, times : int
        x has ``decisions * times`` elements.
    x, y : buffer
    scale, shift, drop : float
    first : int, default: 0
        As for `select`; `first` is the index of the bit for the first decision.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If an argument is not accepted. Nothing was written.

    Examples
    --------
    >>> import array
    >>> from dropcore import core
    >>> x = array.array("d", [1, 2, 3, 4])
    >>> core.repeat(bytes([0b01]), 2, 2, x, x, 2.0)
    >>> x.tolist()
    [2.0, 4.0, 0.0, 0.0]
    """
    shared_of(REPEAT, BY_FORMAT, bits, decisions, times, x, y, scale, shift, drop, first)


def tile(bits, decisions, times, x, y, scale, shift=0.0, drop=0.0, first=0):
    """Like `select`, for shared outer axes: one row of decisions holds for `times` rows.

    Parameters
    ----------
    bits : buffer of uint8
        IN: a bit for each decision.
    decisions, times : int
        x has ``decisions * times`` elements.
    x, y : buffer
    scale, shift, drop : float
    first : int, default: 0
        As for `select`; `first` is the index of the bit for the first decision.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If an argument is not accepted. Nothing was written.

    Examples
    --------
    >>> import array
    >>> from dropcore import core
    >>> x = array.array("d", [1, 2, 3, 4])
    >>> core.tile(bytes([0b01]), 2, 2, x, x, 2.0)
    >>> x.tolist()
    [2.0, 0.0, 6.0, 0.0]
    """
    shared_of(TILE, BY_FORMAT, bits, decisions, times, x, y, scale, shift, drop, first)


def keep_shard(draw, p, shard, bits):
    """Like `keep_bits`, for a block of a larger array: the block's part of one mask.

    Parameters
    ----------
    draw : Draw
        The same for all blocks.
    p : float
    shard : Shard
    bits : buffer of uint8
        OUT: ``(shard.decisions + 7) // 8`` bytes: the decisions in C order of the block.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted. Nothing was written.

    Examples
    --------
    >>> import dropcore
    >>> from dropcore import core
    >>> draw, bits = dropcore.Stream(42).at(0), bytearray(1)
    >>> core.keep_shard(draw, 0.5, core.Shard((2, 3), (4, 6), (2, 3)), bits)
    >>> whole = dropcore.keep_mask((4, 6), 0.5, rng=draw)
    >>> [bits[0] >> i & 1 for i in range(6)] == whole[2:, 3:].flatten().tolist()
    True
    """
    keep_shard_of(draw, p, shard, bits)


def forward_shard(draw, p, shard, x, y, scale, shift=0.0, drop=0.0, bits=None):
    """Like `forward_plan`, for a block of a larger array.

    For the gradient, make the same call with dy as `x` and without shift and drop, or call `select`
    with `bits`, also without shift and drop.

    Parameters
    ----------
    draw : Draw
        The same for all blocks.
    p : float
    shard : Shard
        Without shared axes. For a shard with shared axes, call `keep_shard`, then `repeat` or
        `tile`.
    x, y : buffer
        As for `forward`; of ``shard.decisions`` elements, in C order of the block.
    scale, shift, drop : float
    bits : buffer of uint8, optional
        As for `forward`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not accepted. Nothing was written.

    Examples
    --------
    >>> import array, dropcore
    >>> from dropcore import core
    >>> x = array.array("d", [1, 1, 1, 1, 1, 1])
    >>> draw = dropcore.Stream(42).at(0)
    >>> core.forward_shard(draw, 0.5, core.Shard((2, 3), (4, 6), (2, 3)), x, x, scale=2)
    >>> whole = dropcore.keep_mask((4, 6), 0.5, rng=draw)
    >>> x.tolist() == (2 * whole[2:, 3:].flatten()).tolist()
    True
    """
    forward_shard_of(BY_FORMAT, draw, p, shard, x, y, scale, shift, drop, bits)


# written by tools/write_interface.py: named
from dropcore._core.table cimport BFLOAT16, FLOAT16


def forward_float16(draw, p, x, y, bits=None, start=0):
    """Like `forward`, for float16 as 16-bit integers."""
    forward_of(FLOAT16, draw, p, x, y, bits, start)


def forward_bfloat16(draw, p, x, y, bits=None, start=0):
    """Like `forward`, for bfloat16 as 16-bit integers."""
    forward_of(BFLOAT16, draw, p, x, y, bits, start)


def backward_float16(draw, p, dy, dx, bits=None, start=0):
    """Like `backward`, for float16 as 16-bit integers."""
    backward_of(FLOAT16, draw, p, dy, dx, bits, start)


def backward_bfloat16(draw, p, dy, dx, bits=None, start=0):
    """Like `backward`, for bfloat16 as 16-bit integers."""
    backward_of(BFLOAT16, draw, p, dy, dx, bits, start)


def forward_plan_float16(draw, p, x, y, scale, shift=0.0, drop=0.0, bits=None, start=0):
    """Like `forward_plan`, for float16 as 16-bit integers."""
    forward_plan_of(FLOAT16, draw, p, x, y, scale, shift, drop, bits, start)


def forward_plan_bfloat16(draw, p, x, y, scale, shift=0.0, drop=0.0, bits=None, start=0):
    """Like `forward_plan`, for bfloat16 as 16-bit integers."""
    forward_plan_of(BFLOAT16, draw, p, x, y, scale, shift, drop, bits, start)


def select_float16(bits, x, y, scale, shift=0.0, drop=0.0, first=0):
    """Like `select`, for float16 as 16-bit integers."""
    select_of(FLOAT16, bits, x, y, scale, shift, drop, first)


def select_bfloat16(bits, x, y, scale, shift=0.0, drop=0.0, first=0):
    """Like `select`, for bfloat16 as 16-bit integers."""
    select_of(BFLOAT16, bits, x, y, scale, shift, drop, first)


def repeat_float16(bits, decisions, times, x, y, scale, shift=0.0, drop=0.0, first=0):
    """Like `repeat`, for float16 as 16-bit integers."""
    shared_of(REPEAT, FLOAT16, bits, decisions, times, x, y, scale, shift, drop, first)


def repeat_bfloat16(bits, decisions, times, x, y, scale, shift=0.0, drop=0.0, first=0):
    """Like `repeat`, for bfloat16 as 16-bit integers."""
    shared_of(REPEAT, BFLOAT16, bits, decisions, times, x, y, scale, shift, drop, first)


def tile_float16(bits, decisions, times, x, y, scale, shift=0.0, drop=0.0, first=0):
    """Like `tile`, for float16 as 16-bit integers."""
    shared_of(TILE, FLOAT16, bits, decisions, times, x, y, scale, shift, drop, first)


def tile_bfloat16(bits, decisions, times, x, y, scale, shift=0.0, drop=0.0, first=0):
    """Like `tile`, for bfloat16 as 16-bit integers."""
    shared_of(TILE, BFLOAT16, bits, decisions, times, x, y, scale, shift, drop, first)


def forward_shard_float16(draw, p, shard, x, y, scale, shift=0.0, drop=0.0, bits=None):
    """Like `forward_shard`, for float16 as 16-bit integers."""
    forward_shard_of(FLOAT16, draw, p, shard, x, y, scale, shift, drop, bits)


def forward_shard_bfloat16(draw, p, shard, x, y, scale, shift=0.0, drop=0.0, bits=None):
    """Like `forward_shard`, for bfloat16 as 16-bit integers."""
    forward_shard_of(BFLOAT16, draw, p, shard, x, y, scale, shift, drop, bits)
# end of named
