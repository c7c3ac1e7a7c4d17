"""Where an error comes from: the frames of a traceback that are the author's own.

Frames of dropcore and of Python's standard library may lie before them: an error in another thread
comes through `concurrent.futures`.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path
from types import TracebackType

PACKAGE = Path(__file__).resolve().parents[1]
STANDARD = Path(sysconfig.get_path("stdlib")).resolve()


def own_frames(error: BaseException) -> TracebackType | None:
    """The part of the traceback that begins with the author's first frame; None without one."""
    found = error.__traceback__
    while found is not None and not _is_own(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    return found


def place(error: BaseException) -> str:
    """The method of the author in which an error was raised, as an end of its message."""
    found = own_frames(error)
    if found is None:
        return ""
    code = found.tb_frame.f_code
    return f" (in {code.co_name}, {Path(code.co_filename).name}, line {found.tb_lineno})"


def _is_own(file: str) -> bool:
    path = Path(file).resolve()
    if file.endswith(".pyx") or path.is_relative_to(PACKAGE):
        return False
    return not path.is_relative_to(STANDARD) or "site-packages" in path.parts
