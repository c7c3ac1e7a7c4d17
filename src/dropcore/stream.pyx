# Streams: where draws come from (mask stream, version 1).
#
# A. A stream's key depends only on its seed and its path (_core/keys.pyx). So draws from one stream
#    never change the draws of another.
# B. A call takes a draw index after it has checked its arguments. So a refused call takes no index.
#    After a planned variant has taken the index, the call fails only if a signal handler raises an
#    exception. The code of a deciding or free variant runs after the index was taken: if this code
#    raises, the index is used up.
# C. No index is given twice. With the GIL no lock is needed: Python cannot switch threads while
#    `take` runs. In free-threaded Python each Stream has a lock: its critical section. The code in
#    the section never waits and never detaches its thread from the interpreter, so Python never
#    suspends the section. CPython never forks while another thread holds the lock, so the lock is
#    free in the forked process.
# D. `state` is a dict for JSON; a pickle stores the same dict.

cimport cython
from libc.stdint cimport uint8_t, uint64_t

import os
from collections.abc import Sequence

import numpy as np

from dropcore._core cimport keys
from dropcore._core.arguments cimport integer_of
from dropcore._core.table cimport DrawAddress
from dropcore.draw cimport LAST_INDEX, Draw, draw_of, index_of, key_and_index

from dropcore.draw import STREAM_VERSION, check_version


# ----------------------------------------------------------------------- keys

cdef int add_part(keys.Path* path, object item) except -1:
    # `item`: a str, bytes, or an integer of any size.
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
    keys.begin_path(&hashed)
    for item in (seed, *path):
        add_part(&hashed, item)
    keys.set_key(&hashed, address)
    return 0


def _seed(seed):
    if seed is None:
        return os.urandom(32)
    if isinstance(seed, bytes):
        return seed
    if isinstance(seed, np.random.SeedSequence):
        return seed.generate_state(8, np.uint32).astype("<u4").tobytes()
    return integer_of("seed", seed, "None, an integer >= 0, bytes or a SeedSequence")


def _part(part):
    if isinstance(part, str):
        try:
            part.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError(f"path part must be a str with a UTF-8 form, not {part!r}") from None
        return str.__str__(part)  # the text alone, also of an enum's member
    return integer_of("path part", part, "a str or an integer >= 0")


# -------------------------------------------------------------------- streams

@cython.final
cdef class Stream:
    """Stream(seed=None, path=())\n--\n\nA seeded source of draws, with a path and a position.

    Parameters
    ----------
    seed : None, int, bytes or numpy.random.SeedSequence, default: None
        With None, the operating system gives each Stream a different seed of 32 bytes. An
        integer must be >= 0 and may have any size.
    path : sequence of str or int, optional
        ``Stream(seed, path=("encoder", "drop1"))`` gives the same draws as
        ``Stream(seed).child("encoder").child("drop1")``.

    Attributes
    ----------
    seed : int or bytes
    path : tuple of str or int
    position : int
        The index of the next draw; 2**64 when no draw is left.
    key_and_index : numpy.ndarray
        The key and the index of the draw ``stream.at(0)``, as a new array of five uint64. See
        `Draw.key_and_index`.
    state : dict
        Plain data for JSON: seed, path, position and the positions of all descendants. Assigning a
        saved state moves this stream and its descendants to the saved positions; the saved seed and
        path must equal the seed and path of this stream.

    Raises
    ------
    TypeError, ValueError
        If `seed` or a part of `path` is negative or of another type. A bool is not accepted.

    Notes
    -----
    **Compatibility guarantee.** A seed, a path and a draw index give the same decisions, for the
    same p, on every machine and in every release with the same `dropcore.STREAM_VERSION`. A
    release that changes one bit of one mask is a breaking release, with another version.
    docs/mask-stream.md defines the bits.

    Any number of threads can take draws from one Stream at the same time: each call gets its own
    index. Copies and pickles have the position of the original. After a fork, the parent process
    and the forked process continue from the same position, so both get the same draws. Give each
    process a stream of its own: ``stream.child(number_of_the_process)``. A fork is safe while other
    threads take draws.

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
            self.refuse()
        return address

    cdef int check_left(self) except -1:
        cdef bint exhausted
        with cython.critical_section(self):
            exhausted = self.exhausted
        return self.refuse() if exhausted else 0

    cdef int refuse(self) except -1:
        raise OverflowError(f"{self!r} has no draw left: its position is 2**64")

    def draw(self):
        """The next draw; the position advances by one.

        Returns
        -------
        Draw

        Raises
        ------
        OverflowError
            If all 2**64 draws are taken.
        """
        cdef Draw draw = Draw.__new__(Draw)  # before an index is taken
        draw.address = self.take()
        return draw

    def at(self, index):
        """The draw at an index; the position stays as it is.

        Parameters
        ----------
        index : int
            In [0, 2**64).

        Returns
        -------
        Draw
        """
        cdef DrawAddress address
        cdef uint64_t at = index_of("index", index)
        with cython.critical_section(self):
            address = self.next
        address.index = at
        return draw_of(address)

    def child(self, part):
        """The stream whose path has `part` added; equal parts give the same object.

        Parameters
        ----------
        part : str or int
            A str is taken as it is, without Unicode normalisation. 5 and "5" are different parts.

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
        """A new stream with its descendants, at the positions in `state`.

        Parameters
        ----------
        state : dict
            A value of `Stream.state`, also one that was written to JSON and read again.

        Returns
        -------
        Stream

        Raises
        ------
        TypeError, ValueError
            If `state` is not a dict as `Stream.state` gives it, or has another stream version.
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
        position = integer_of("position", saved["position"], "an integer in [0, 2**64]")
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
        # A descendant that `other` lacks goes back to position 0.
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
