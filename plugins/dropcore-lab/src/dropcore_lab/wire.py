"""Converts a message and its arrays to bytes, for the WebSocket and for the worker's pipes.

A message is four bytes with the length of its JSON, the JSON, and the arrays; PROTOCOL.md describes
the format. On a pipe the length of the whole message comes first.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

DTYPES = {"u1": np.uint8, "i4": np.int32, "f4": np.float32}
ALIGNED = 8

Message = dict[str, Any]


class Arrays:
    """The arrays of one message; `add` gives the index of an array for the JSON."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[Any]] = []

    def add(self, array: NDArray[Any], dtype: str) -> int:
        """Add an array, converted to the dtype."""
        self.arrays.append(np.ascontiguousarray(array, np.dtype(DTYPES[dtype]).newbyteorder("<")))
        return len(self.arrays) - 1

    def described(self) -> list[dict[str, Any]]:
        """The description of the arrays for the JSON."""
        return [{"dtype": a.dtype.str[1:], "shape": list(a.shape)} for a in self.arrays]


def finished(message: Message, arrays: Arrays) -> tuple[Message, list[bytes]]:
    """Return the message with a description of the arrays, and the bytes of the arrays."""
    if arrays.arrays:
        message = {**message, "buffers": arrays.described()}
    return message, [array.tobytes() for array in arrays.arrays]


def to_json(message: Message) -> str:
    """Write the JSON of a message. A number that is not finite is a bug of the Lab, and raises."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False)


def encode(message: Message, buffers: Sequence[bytes | memoryview]) -> bytes:
    """Write a message, which describes its buffers, and the buffers, as one bytes object.

    >>> message = {"type": "x", "buffers": [{"dtype": "u1", "shape": [3]}]}
    >>> decode(encode(message, [b"abc"])) == (message, [b"abc"])
    True
    """
    text = to_json(message).encode()
    text += b" " * (-(4 + len(text)) % ALIGNED)
    parts: list[bytes | memoryview] = [struct.pack("<I", len(text)), text]
    for buffer in buffers:
        parts += [buffer, bytes(-len(buffer) % ALIGNED)]
    return b"".join(parts)


def decode(data: bytes) -> tuple[Message, list[bytes]]:
    """Read what `encode` wrote."""
    (length,) = struct.unpack_from("<I", data)
    message = json.loads(data[4 : 4 + length])
    buffers, place = [], 4 + length
    for each in message.get("buffers", ()):
        size = math.prod(each["shape"]) * np.dtype(each["dtype"]).itemsize
        buffers.append(data[place : place + size])
        place += size + -size % ALIGNED
    return message, buffers


def write(pipe: IO[bytes], message: Message, buffers: Sequence[bytes] = ()) -> None:
    """Write a message to a pipe."""
    data = encode(message, buffers)
    pipe.write(struct.pack("<I", len(data)) + data)
    pipe.flush()


def read(pipe: IO[bytes]) -> tuple[Message, list[bytes]] | None:
    """Read a message from a pipe; None at its end, also within a message."""
    head = pipe.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack("<I", head)
    data = pipe.read(length)
    return decode(data) if len(data) == length else None
