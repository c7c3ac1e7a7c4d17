# Streams and draws: where the decisions of a mask come from (mask stream, version 1).
#
# A. A stream's key is a function of its seed and its path alone (_core/keys.pyx), so
#    streams never disturb each other, whatever is drawn from them and in whatever order.
# B. A draw index is taken under the stream's lock and after everything that can
#    fail before it: no index is given twice, and a refused call takes none.
# C. Everything that is saved is text or JSON: never a pickle of generator state.

cimport cython
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

import operator
import os
from collections.abc import Sequence

import numpy as np

from dropcore._core cimport keys
from dropcore._core.dispatch cimport kernels
from dropcore._core.table cimport DrawAddress

STREAM_VERSION = 1
cdef object LAST_INDEX = 2**64 - 1


# ----------------------------------------------------------------------- keys

cdef int add_item(keys.Path* path, object item) except -1:
    # A str, bytes, or an integer of any size.
    cdef char kind
    cdef bytes payload
    if isinstance(item, str):
        kind, payload = c"s", item.encode("utf-8")
    elif isinstance(item, bytes):
        kind, payload = c"b", item
    else:
        kind, payload = c"i", item.to_bytes((item.bit_length() + 7) // 8, "little")
    keys.add_item(path, kind, <const uint8_t*> <const char*> payload, len(payload))
    return 0


cdef int derive_key(DrawAddress* address, object seed, tuple path) except -1:
    cdef keys.Path hashed
    keys.begin(&hashed)
    for item in (seed, *path):
        add_item(&hashed, item)
    keys.set_key(&hashed, address)
    return 0


def _integer(name, value, what):
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be {what}, not the bool {value!r}")
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be {what}, not {value!r}") from None
    if value < 0:
        raise ValueError(f"{name} must be {what}, not {value}: integers are >= 0")
    return value


def _seed(seed):
    if seed is None:
        return os.urandom(32)
    if isinstance(seed, bytes):
        return seed
    if isinstance(seed, np.random.SeedSequence):
        return seed.generate_state(8, np.uint32).astype("<u4").tobytes()
    return _integer("seed", seed, "None, an integer >= 0, bytes or a SeedSequence")


def _part(part):
    if isinstance(part, str):
        try:
            part.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError(f"path part {part!r} has no UTF-8 form") from None
        return str.__str__(part)  # its text, also of an enum
    return _integer("path part", part, "a str or an integer >= 0")


def _index(name, index):
    index = _integer(name, index, "an integer in [0, 2**64)")
    if index > LAST_INDEX:
        raise OverflowError(f"{name} must be in [0, 2**64), not {index}")
    return index


# ---------------------------------------------------------------------- draws

cdef Draw draw_of(DrawAddress address):
    cdef Draw draw = Draw.__new__(Draw)
    draw.address = address
    return draw


cdef bytes key_bytes(const DrawAddress* address):
    return b"".join([address.key[word].to_bytes(4, "little") for word in range(8)])


cdef key_and_index(const DrawAddress* address):
    cdef uint64_t[::1] out
    cdef int word
    words = np.empty(5, np.uint64)
    out = words
    for word in range(4):
        out[word] = address.key[2 * word] | <uint64_t> address.key[2 * word + 1] << 32
    out[4] = address.index
    return words


cdef int set_key(DrawAddress* address, bytes key) except -1:
    cdef int word
    for word in range(8):
        address.key[word] = int.from_bytes(key[4 * word:4 * word + 4], "little")
    return 0


@cython.final
cdef class Draw:
    """The address of one mask: a key and a draw index, 40 bytes.

    Draws come from `Stream.draw`, `Stream.at` and `Draw.parse`. They are immutable,
    compare by value, hash, copy and pickle.

    Attributes
    ----------
    key : bytes
        The 32 bytes of the stream's key.
    index : int
        The draw index, in [0, 2**64).
    key_and_index : numpy.ndarray
        The same as numbers, uint64 of shape (5,), newly allocated: four words of the key, of
        its bytes the first 8 in the first, low bytes first; then the index. It is how a
        compiler of arrays takes a draw for an input of its graph. `from_key_and_index`
        makes the draw of it again.

    Examples
    --------
    >>> import dropcore
    >>> draw = dropcore.Stream(42).at(57)
    >>> str(draw)
    'dc1:b880c6888b48ee63390662588012a0922f46bc7def6f10b4a2402968b224362c:57'
    >>> dropcore.Draw.parse(str(draw)) == draw
    True
    """

    def __init__(self):
        raise TypeError("a Draw comes from Stream.draw(), Stream.at(index) or Draw.parse(text)")

    @property
    def key(self):
        return key_bytes(&self.address)

    @property
    def index(self):
        return self.address.index

    @property
    def key_and_index(self):
        return key_and_index(&self.address)

    @staticmethod
    def from_key_and_index(words):
        """The draw whose `key_and_index` this is.

        Parameters
        ----------
        words : numpy.ndarray
            uint64, of shape (5,).

        Returns
        -------
        Draw

        Raises
        ------
        TypeError, ValueError
            If `words` is no such array.

        Examples
        --------
        >>> import dropcore
        >>> draw = dropcore.Stream(42).at(57)
        >>> dropcore.Draw.from_key_and_index(draw.key_and_index) == draw
        True
        """
        cdef const uint64_t[:] given
        cdef Draw draw
        cdef int word
        if not isinstance(words, np.ndarray) or words.dtype != np.uint64:
            raise TypeError(f"words must be an array of uint64, not {words!r}")
        if words.shape != (5,):
            raise ValueError(f"words must be of shape (5,), not {words.shape}")
        given = words
        draw = Draw.__new__(Draw)
        for word in range(8):
            draw.address.key[word] = given[word // 2] >> 32 * (word % 2)
        draw.address.index = given[4]
        return draw

    @staticmethod
    def parse(text):
        """The draw that `str` wrote.

        Parameters
        ----------
        text : str
            ``"dc1:<64 hex digits of the key>:<index>"``.

        Returns
        -------
        Draw

        Raises
        ------
        TypeError
            If `text` is not a str.
        ValueError
            If it is not of that form, or of another stream version.
        """
        cdef Draw draw
        if not isinstance(text, str):
            raise TypeError(f"text must be a str, not {text!r}")
        version, _, rest = text.partition(":")
        key, _, index = rest.partition(":")
        if version != f"dc{STREAM_VERSION}":
            raise ValueError(
                f"text must begin with 'dc{STREAM_VERSION}:', the stream's version, not {text!r}"
            )
        if len(key) != 64 or not set("0123456789abcdef").issuperset(key):
            raise ValueError(f"text must have 64 lower-case hex digits of a key, not {text!r}")
        digits = index.isascii() and index.isdigit() and len(index) <= 20
        if not digits or str(int(index)) != index or int(index) > LAST_INDEX:
            raise ValueError(f"text must end in a draw index in [0, 2**64), not {text!r}")
        draw = Draw.__new__(Draw)
        set_key(&draw.address, bytes.fromhex(key))
        draw.address.index = int(index)
        return draw

    def words(self, n, start=0):
        """Raw 64-bit words of this draw, for noise that is not a keep decision.

        The words are part of the stream's promise. They are independent of the
        draw's keep decisions.

        Parameters
        ----------
        n : int
            How many.
        start : int, default: 0
            The first word's place, so that pieces can be made apart.

        Returns
        -------
        numpy.ndarray
            Shape ``(n,)``, uint64, newly allocated.

        Examples
        --------
        >>> import dropcore
        >>> draw = dropcore.Stream(42).at(0)
        >>> hex(draw.words(3)[2]) == hex(draw.words(1, start=2)[0])
        True
        >>> uniform = (draw.words(1000) >> 11) * 2.0**-53   # in [0, 1)
        """
        cdef uint64_t[::1] out
        cdef uint64_t first
        cdef Py_ssize_t count
        n = _integer("n", n, "an integer >= 0")
        start = _integer("start", start, "an integer >= 0")
        if start + n > 2**63:
            raise OverflowError(f"start + n must be at most 2**63, not {start + n}")
        words = np.empty(n, np.uint64)
        out = words
        first = start
        count = n
        if count:
            with nogil:
                kernels.words(&self.address, first, count, &out[0])
        return words

    def __str__(self):
        return f"dc{STREAM_VERSION}:{self.key.hex()}:{self.address.index}"

    def __repr__(self):
        return f"Draw.parse({str(self)!r})"

    def __eq__(self, other):
        if not isinstance(other, Draw):
            return NotImplemented
        return memcmp(&self.address, &(<Draw> other).address, sizeof(DrawAddress)) == 0

    def __hash__(self):
        return hash((self.key, self.address.index))

    def __reduce__(self):
        return Draw.parse, (str(self),)


# -------------------------------------------------------------------- streams

@cython.final
cdef class Stream:
    """A seeded source of draws, with a path and a position.

    Parameters
    ----------
    seed : None, int, bytes or numpy.random.SeedSequence, default: None
        None takes 32 bytes from the operating system. Integers are >= 0, of any size.
    path : sequence of str or int, optional
        ``Stream(seed, path=("encoder", "drop1"))`` gives the draws of
        ``Stream(seed).child("encoder").child("drop1")``.

    Attributes
    ----------
    seed : int or bytes
    path : tuple of str or int
    position : int
        The index of the next draw; 2**64 when no draw is left.
    key_and_index : numpy.ndarray
        That of the draw at index 0; see `Draw`.
    state : dict
        JSON-able: seed, path, position and the positions of all descendants. Setting
        it moves this stream and its descendants to the saved positions; the saved
        seed and path must be this stream's.

    Raises
    ------
    TypeError, ValueError
        If `seed` or a part of `path` is not of those kinds (a bool is refused), or
        negative.

    Notes
    -----
    **Compatibility guarantee.** A seed, a path and a draw index give the same mask for ever:
    on every machine, in every release with the same `dropcore.STREAM_VERSION`. Changing one
    bit of one mask is a breaking release with another version. docs/mask-stream.md defines
    the bits. What None draws from the operating system differs each time.

    Taking a draw is safe from any number of threads: each gets its own index. Copies
    and pickles carry the position. A forked child goes on where its parent was, so
    parent and child then repeat each other's draws; give each a `child` of its own.

    Examples
    --------
    >>> import dropcore
    >>> stream = dropcore.Stream(42)
    >>> stream.draw().index, stream.draw().index
    (0, 1)
    >>> stream.child("encoder") is stream.child("encoder")
    True
    >>> dropcore.Stream.from_state(stream.state).position
    2
    """

    def __cinit__(self, seed=None, path=()):
        if isinstance(path, (str, bytes)) or not isinstance(path, Sequence):
            raise TypeError(f"path must be a sequence of str or int, not {path!r}")
        self.seed = _seed(seed)
        self.path = tuple(map(_part, path))
        derive_key(&self.next, self.seed, self.path)
        self.next.index = 0
        self.exhausted = False
        self.children = {}

    cdef DrawAddress take(self) except *:
        cdef DrawAddress address
        cdef bint left
        with cython.critical_section(self):
            left = not self.exhausted
            address = self.next
            if left:
                self.next.index += 1
                self.exhausted = self.next.index == 0
        if not left:
            raise OverflowError(f"{self!r} has no draw left: its position is 2**64")
        return address

    def draw(self):
        """The next draw; the position moves on by one.

        Returns
        -------
        Draw

        Raises
        ------
        OverflowError
            If all 2**64 draws are taken.
        """
        return draw_of(self.take())

    def at(self, index):
        """The draw at an index, without taking any.

        Parameters
        ----------
        index : int
            In [0, 2**64).

        Returns
        -------
        Draw
        """
        cdef DrawAddress address
        cdef uint64_t at = _index("index", index)
        with cython.critical_section(self):
            address = self.next
        address.index = at
        return draw_of(address)

    def child(self, part):
        """The stream one step down the path: the same object each time it is asked for.

        Parameters
        ----------
        part : str or int
            A str is taken as it is, without normalisation; 5 and "5" are two children.

        Returns
        -------
        Stream
        """
        part = _part(part)
        child = self.children.get(part)
        if child is None:
            child = self.children.setdefault(part, Stream(self.seed, (*self.path, part)))
        return child

    @property
    def position(self):
        cdef bint exhausted
        cdef uint64_t index
        with cython.critical_section(self):
            exhausted, index = self.exhausted, self.next.index
        return LAST_INDEX + 1 if exhausted else index

    @property
    def key_and_index(self):
        cdef DrawAddress address
        with cython.critical_section(self):
            address = self.next
        address.index = 0
        return key_and_index(&address)

    @property
    def state(self):
        seed = self.seed
        return {
            "stream_version": STREAM_VERSION,
            "seed": {"bytes": seed.hex()} if isinstance(seed, bytes) else seed,
            "path": list(self.path),
            **self._positions(),
        }

    @state.setter
    def state(self, state):
        other = Stream.from_state(state)
        if (other.seed, other.path) != (self.seed, self.path):
            raise ValueError(
                f"state must be of this stream, seed {self.seed!r} and path {self.path!r}, "
                f"not of seed {other.seed!r} and path {other.path!r}"
            )
        self._move(other)

    @staticmethod
    def from_state(state):
        """A new stream, with its descendants, where `state` says.

        Parameters
        ----------
        state : dict
            What `Stream.state` gave, also after a trip through JSON.

        Returns
        -------
        Stream

        Raises
        ------
        TypeError, ValueError
            If `state` is not such a dict, or of another stream version.
        """
        check_version("state", state)
        _fields("state", state, {"stream_version", "seed", "path", "position", "children"})
        seed = state["seed"]
        if isinstance(seed, dict):
            _fields("state['seed']", seed, {"bytes"})
            try:
                seed = bytes.fromhex(seed["bytes"])
            except (TypeError, ValueError):
                raise ValueError(
                    f"state['seed']['bytes'] must be hex digits, not {seed['bytes']!r}"
                ) from None
        elif seed is None or isinstance(seed, bytes):
            raise TypeError(f"state['seed'] must be an integer or {{'bytes': hex}}, not {seed!r}")
        if not isinstance(state["path"], (list, tuple)):
            raise TypeError(f"state['path'] must be a list, not {state['path']!r}")
        stream = Stream(seed, state["path"])
        (<Stream> stream)._set_positions(state)
        return stream

    def _positions(self):
        return {
            "position": self.position,
            "children": [
                {"part": part, **(<Stream> child)._positions()}
                for part, child in sorted(self.children.items(), key=repr)
            ],
        }

    def _set_positions(self, saved):
        position = _integer("position", saved["position"], "an integer in [0, 2**64]")
        if position > LAST_INDEX + 1:
            raise ValueError(f"position must be in [0, 2**64], not {position}")
        if not isinstance(saved["children"], list):
            raise TypeError(f"children must be a list, not {saved['children']!r}")
        self._go_to(position)
        for child in saved["children"]:
            _fields("each of children", child, {"part", "position", "children"})
            self.child(child["part"])._set_positions(child)

    def _go_to(self, position):
        with cython.critical_section(self):
            self.exhausted = position > LAST_INDEX
            self.next.index = 0 if self.exhausted else position

    def _move(self, Stream other):
        # Descendants that the other does not have were not drawn from.
        self._go_to(other.position)
        for part in {*self.children, *other.children}:
            self.child(part)._move(other.child(part))

    def __repr__(self):
        seed = self.seed if isinstance(self.seed, int) else f"bytes.fromhex({self.seed.hex()!r})"
        return f"<Stream seed={seed} path={self.path!r} position={self.position}>"

    def __reduce__(self):
        return Stream.from_state, (self.state,)


def _fields(name, value, expected):
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a dict, not {value!r}")
    if set(value) != expected:
        raise ValueError(f"{name} must have the keys {sorted(expected)}, not {list(value)}")


def check_version(name, value):
    """Refuse a saved dict that is not of this version of the stream."""
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a dict, not {value!r}")
    version = value.get("stream_version")
    if isinstance(version, bool) or version != STREAM_VERSION:
        raise ValueError(
            f"{name}['stream_version'] must be {STREAM_VERSION}, the version of this release, "
            f"not {version!r}"
        )


# ------------------------------------------------------------ the rng argument

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
    if rng is None or isinstance(rng, (Stream, Draw)):
        return 0
    if not isinstance(rng, (np.random.Generator, np.random.BitGenerator)):
        stream_of(rng)
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
    return Stream(_integer("rng", rng, RNGS))


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
