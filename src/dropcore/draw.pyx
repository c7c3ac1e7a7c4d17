# Draws: the addresses of masks (mask stream, version 1).

cimport cython
from libc.stdint cimport uint64_t
from libc.string cimport memcmp

import numpy as np

from dropcore._core.arguments cimport integer_of
from dropcore._core.dispatch cimport kernels
from dropcore._core.table cimport DrawAddress

STREAM_VERSION = 1
LAST_INDEX = 2**64 - 1


cdef object index_of(str name, object index):
    index = integer_of(name, index, "an integer in [0, 2**64)")
    if index > LAST_INDEX:
        raise OverflowError(f"{name} must be in [0, 2**64), not {index}")
    return index


def check_version(name, value):
    """Raise if a saved dict has another version of the stream."""
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a dict, not {value!r}")
    version = value.get("stream_version")
    if isinstance(version, bool) or version != STREAM_VERSION:
        raise ValueError(
            f"{name}['stream_version'] must be {STREAM_VERSION}, the version of this release, "
            f"not {version!r}"
        )


cdef Draw draw_of(DrawAddress address):
    cdef Draw draw = Draw.__new__(Draw)
    draw.address = address
    return draw


cdef const DrawAddress* address_of(Draw draw) except NULL:
    # A broken pickle may have no draw.
    if draw is None:
        raise ValueError("draw must be a Draw if a mask has no bits of its own, not None")
    return &draw.address


cdef bytes key_bytes(const DrawAddress* address):
    return b"".join([address.key[word].to_bytes(4, "little") for word in range(8)])


cdef object key_and_index(const DrawAddress* address):
    cdef uint64_t[::1] out
    cdef int word
    words = np.empty(5, np.uint64)
    out = words
    for word in range(4):
        out[word] = address.key[2 * word] | <uint64_t> address.key[2 * word + 1] << 32
    out[4] = address.index
    return words


cdef int set_key_bytes(DrawAddress* address, bytes key) except -1:
    cdef int word
    for word in range(8):
        address.key[word] = int.from_bytes(key[4 * word:4 * word + 4], "little")
    return 0


@cython.final
cdef class Draw:
    """Draw(never, /)\n--\n\nThe address of the decisions of one call: a key and an index.

    A Draw takes 40 bytes. The draw, p, the shape, and the variant with its options determine a
    mask. Draws come from `Stream.draw`, `Stream.at`, `Draw.parse` and `Draw.from_key_and_index`;
    `Mask.draw` is the draw of a mask. Draws are immutable, and are equal if key and index are
    equal. They can be hashed, copied and pickled.

    Attributes
    ----------
    key : bytes
        The 32 bytes of the stream's key.
    index : int
        The draw index, in [0, 2**64).
    key_and_index : numpy.ndarray
        Key and index as a new array of five uint64. The first four hold the key: 8 bytes each,
        in order, little-endian. The fifth is the index. Compilers such as
        ``torch.compile`` can take this array as an input of a graph. `from_key_and_index`
        makes the draw from it again.

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
        raise TypeError(
            "a Draw comes from Stream.draw(), Stream.at(index), Draw.parse(text) or "
            "Draw.from_key_and_index(words)"
        )

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
        """The draw with the given `key_and_index`.

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
            If `words` has another type, dtype or shape.

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
        """The draw from its text, as written by `str`.

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
            If `text` does not have the form above, or has another stream version.
        """
        cdef Draw draw
        if not isinstance(text, str):
            raise TypeError(f"text must be a str, not {text!r}")
        version, _, rest = text.partition(":")
        key, _, index = rest.partition(":")
        if version != f"dc{STREAM_VERSION}":
            raise ValueError(
                f"text must begin with 'dc{STREAM_VERSION}:', the stream version, not {text!r}"
            )
        if len(key) != 64 or not set("0123456789abcdef").issuperset(key):
            raise ValueError(f"text must have 64 lower-case hex digits of a key, not {text!r}")
        digits = index.isascii() and index.isdigit() and len(index) <= 20
        if not digits or str(int(index)) != index or int(index) > LAST_INDEX:
            raise ValueError(f"text must end in a draw index in [0, 2**64), not {text!r}")
        draw = Draw.__new__(Draw)
        set_key_bytes(&draw.address, bytes.fromhex(key))
        draw.address.index = int(index)
        return draw

    def words(self, n, start=0):
        """Raw 64-bit words of this draw, for noise that is not a keep decision.

        The compatibility guarantee of `Stream` covers the words too. The words are independent of
        the draw's keep decisions.

        Parameters
        ----------
        n : int
            The number of words.
        start : int, default: 0
            The index of the first word, so words can be made in pieces.

        Returns
        -------
        numpy.ndarray
            Shape ``(n,)``, uint64, newly allocated.

        Raises
        ------
        TypeError, ValueError
            If `n` or `start` is not an integer >= 0.
        OverflowError
            If ``start + n`` is above 2**63.

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
        n = integer_of("n", n, "an integer >= 0")
        start = integer_of("start", start, "an integer >= 0")
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
