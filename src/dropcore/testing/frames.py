"""Where an error comes from: the frames of a traceback that are the author's own."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

PACKAGE = str(Path(__file__).resolve().parents[1])


def own_frames(error: BaseException) -> TracebackType | None:
    """The traceback from the first frame on that is not dropcore's; None if all are."""
    found = error.__traceback__
    while found is not None and _is_ours(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    return found


def place(error: BaseException) -> str:
    """The method of the author in which an error was raised, as an end of its message."""
    found = own_frames(error)
    if found is None:
        return ""
    code = found.tb_frame.f_code
    return f" (in {code.co_name}, {Path(code.co_filename).name}, line {found.tb_lineno})"


def _is_ours(file: str) -> bool:
    return file.endswith(".pyx") or str(Path(file).resolve()).startswith(PACKAGE)
