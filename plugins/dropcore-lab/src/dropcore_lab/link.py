"""A specification in a link: ``spec=`` and base64url of zlib of its canonical JSON."""

from __future__ import annotations

import base64
import re
import zlib

from dropcore_lab import limits
from dropcore_lab.fields import Fault, Faults, parse_json, shortened
from dropcore_lab.reading import read
from dropcore_lab.spec import Spec

MARK = "spec="


def link_of(spec: Spec) -> str | None:
    """Write a specification for the fragment of a link; None if it is too long for a link.

    >>> link = link_of(read({}))
    >>> read_text("http://127.0.0.1:8080/#" + link) == read({})
    True
    """
    packed = base64.urlsafe_b64encode(zlib.compress(spec.text.encode(), 9)).rstrip(b"=")
    text = MARK + packed.decode()
    return text if len(text) <= limits.LINK else None


def read_text(text: str) -> Spec:
    """Read a specification from a link, its fragment, or JSON.

    Raises
    ------
    Faults
        With all faults.
    """
    found = re.search(rf"(?:^|[#&])({MARK}[^&]*)", text.strip())
    if found and not text.lstrip().startswith("{"):
        text = _unpacked(found[1].removeprefix(MARK))
    return read(parse_json(text))


def _unpacked(packed: str) -> str:
    unpacker = zlib.decompressobj()
    try:
        if not re.fullmatch(r"[A-Za-z0-9_-]*", packed):
            raise ValueError("it has characters that a link cannot have")
        raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        data = unpacker.decompress(raw, limits.MESSAGE)  # limits the size, also for a zip bomb
        if not unpacker.eof:
            raise ValueError("it is cut off, or too long")
        return data.decode()
    except (ValueError, zlib.error) as error:
        why = "its text is damaged" if isinstance(error, zlib.error) else error
        whole = f"a whole link ({why})"
        raise Faults([Fault("", shortened(MARK + packed), whole)]) from None
