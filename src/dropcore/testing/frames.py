"""Where an error comes from: the frames of a traceback in the variant author's own code.

Frames of dropcore and of Python's standard library may precede the author's frames: an error in
another thread comes through `concurrent.futures`.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path
from types import TracebackType

PACKAGE = Path(__file__).resolve().parents[1]
STANDARD = Path(sysconfig.get_path("stdlib")).resolve()


def own_frames(error: BaseException) -> TracebackType | None:
    """The traceback from the author's first frame on; None if it has no frame of the author."""
    found = error.__traceback__
    while found is not None and not _is_own(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    return found


def place(error: BaseException) -> str:
    """The author's method in which an error was raised, as the end of an error message."""
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
