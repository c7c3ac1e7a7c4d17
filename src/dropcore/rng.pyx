# The argument `rng=` (SPEC 7): what it may be, and the draw that it names.

import os

import numpy as np

from dropcore._core.arguments cimport integer_of
from dropcore._core.table cimport DrawAddress
from dropcore.draw cimport Draw
from dropcore.stream cimport Stream

cdef str STREAMS = "None, a Stream, an integer >= 0, a SeedSequence, a Generator or a BitGenerator"
cdef str RNGS = STREAMS.replace("a Stream", "a Stream, a Draw")

# What `rng=` takes (SPEC 7); for annotations, and for isinstance.
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
    # Without it, forked workers would all drop the same elements.
    os.register_at_fork(after_in_child=_seed_default_stream)


cdef int check_rng(object rng) except -1:
    # Before anything is drawn: whether take_draw will know what to do.
    if type(rng) is Stream:
        return (<Stream> rng).check_left()
    if rng is None or type(rng) is Draw:
        return 0
    if not isinstance(rng, (np.random.Generator, np.random.BitGenerator)):
        stream_of(rng)
    return 0


cdef int check_agreed(object rng) except -1:
    # For a block of a larger array. A source that gives each call a new draw would give each block
    # another mask.
    if rng is None or isinstance(rng, (Stream, np.random.Generator, np.random.BitGenerator)):
        raise TypeError(
            "rng must be a Draw (or an integer or a SeedSequence, which repeats its own) where "
            f"shard is given, not {rng!r}: pass the same Draw for all blocks of one array, such "
            "as stream.at(step)"
        )
    return 0


def stream_of(rng):
    """The stream that `rng=` names, for what takes more than one draw of it: a layer, a model.

    Parameters
    ----------
    rng : None, Stream, int, SeedSequence, Generator or BitGenerator
        A Stream is returned as it is; an int or a SeedSequence is the seed of a new one.
        A Generator gives 32 bytes for the seed of a new one, so ask once for each layer.

    Returns
    -------
    Stream or None
        None for None: the stream of the process, which a forked child makes anew. It has
        no Stream of its own to return; pass None on as ``rng=``.

    Raises
    ------
    TypeError, ValueError
        If `rng` is none of these; a Draw is one mask, and no stream.

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
            f"rng must be {STREAMS} where more than one draw is taken, not the one draw {str(rng)}"
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
    draw[0] = take_draw(rng)
    return 0
