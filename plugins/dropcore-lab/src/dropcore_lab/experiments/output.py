"""The file that an experiment leaves: tried before the training, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile


def try_out(directory: Path, name: str) -> None:
    """Make the directory, and make sure that a file can be written there under this name.

    Raises
    ------
    OSError
        If not.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory, not a file to replace")
    with TemporaryFile(dir=directory):
        pass


def write(path: Path, save: Callable[[Path], object]) -> Path:
    """Let `save` write a new file beside `path`, then put it in the place of `path`.

    If `save` fails, or is interrupted, then nothing of it is left and `path` is what it was.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
