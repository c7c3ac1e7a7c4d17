# The argument `rng=` of Scientific Python SPEC 7 (https://scientific-python.org/specs/spec-0007/):
# the accepted types, and the draw that a value of each type gives.

import os

import numpy as np

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

from dropcore._core.arguments cimport integer_of
from dropcore._core.table cimport DrawAddress
from dropcore.draw cimport Draw
from dropcore.stream cimport Stream

cdef str STREAMS = "None, a Stream, an integer >= 0, a SeedSequence, a Generator or a BitGenerator"
cdef str RNGS = STREAMS.replace("a Stream", "a Stream, a Draw")

# The types that `rng=` accepts; for annotations, and for isinstance.
RNGLike = (
    Stream
    | Draw
    | int
    | np.integer
    | np.random.SeedSequence
    | np.random.Generator
    | np.random.BitGenerator
    | None
)

cdef Stream default_stream = Stream()


def _seed_default_stream():
    global default_stream
    default_stream = Stream()


if hasattr(os, "register_at_fork"):
    # Otherwise all forked workers would drop the same elements.
    os.register_at_fork(after_in_child=_seed_default_stream)


cdef int check_rng(object rng) except -1:
    # Raises if take_draw would raise. Takes no draw.
    if type(rng) is Stream:
        return (<Stream> rng).check_left()
    if rng is None or type(rng) is Draw:
        return 0
    if not isinstance(rng, (np.random.Generator, np.random.BitGenerator)):
        stream_of(rng)
    return 0


cdef int check_agreed(object rng) except -1:
    # The check of `rng` for a block of a larger array. With a Stream or a generator, each block
    # would have another draw, and so another mask.
    if rng is None or isinstance(rng, (Stream, np.random.Generator, np.random.BitGenerator)):
        raise TypeError(
            "rng must be a Draw (or an integer or a SeedSequence, which give the same draw in each "
            f"call) where shard is given, not {rng!r}: pass the same Draw for all blocks of one "
            "array, such as stream.at(step)"
        )
    return 0


def stream_of(rng):
    """The stream for `rng=`, for code that takes several draws, such as a layer.

    Parameters
    ----------
    rng : None, Stream, int, SeedSequence, Generator or BitGenerator
        A Stream is returned as it is. An int or a SeedSequence is the seed of a new Stream. A
        Generator or a BitGenerator gives 32 bytes, the seed of a new Stream. The next call with the
        same generator takes other bytes and makes another Stream, so call `stream_of` once for
        each layer.

    Returns
    -------
    Stream or None
        If `rng` is None, the result is None. Pass this None on as ``rng=``: dropcore then uses
        the stream of the process, which is another stream in each forked process.

    Raises
    ------
    TypeError, ValueError
        If `rng` is of another type, or a negative integer. A Draw is refused, because it is only
        one draw.

    Examples
    --------
    >>> import dropcore
    >>> dropcore.stream_of(42)
    <Stream seed=42 path=() position=0>
    """
    if rng is None or isinstance(rng, Stream):
        return rng
    if isinstance(rng, Draw):
        raise TypeError(
            f"rng must be {STREAMS} where more than one draw is taken, not the Draw {str(rng)}"
        )
    if isinstance(rng, np.random.RandomState):
        raise TypeError(
            f"rng must be {RNGS}, not a RandomState: pass dropcore.Stream(rng.bytes(32))"
        )
    if isinstance(rng, np.random.BitGenerator):
        rng = np.random.Generator(rng)
    if isinstance(rng, np.random.Generator):
        return Stream(rng.bytes(32))
    if isinstance(rng, np.random.SeedSequence):
        return Stream(rng)
    return Stream(integer_of("rng", rng, RNGS))


cdef DrawAddress take_draw(object rng) except *:
    if type(rng) is Stream:
        return (<Stream> rng).take()
    if type(rng) is Draw:
        return (<Draw> rng).address
    if rng is None:
        return default_stream.take()
    return (<Stream> stream_of(rng)).take()


cdef int dropcore_draw_of(object rng, DrawAddress* draw) except -1:
    # Checks the pointer also without DROPCORE_CHECKS, since this function can raise.
    if draw == NULL or <size_t> draw % sizeof(uint64_t):
        raise ValueError(
            f"draw must be {sizeof(DrawAddress)} bytes of memory aligned to {sizeof(uint64_t)} "
            f"bytes, not at {<size_t> draw:#x}"
        )
    draw[0] = take_draw(rng)
    return 0
