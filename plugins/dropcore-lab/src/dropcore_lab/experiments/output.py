"""The file that an experiment writes: tested before the training, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile


def try_out(directory: Path, name: str) -> None:
    """Make the directory, and make sure that a file of this name can be written in it.

    Raises
    ------
    OSError
        If no file can be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if (directory / name).is_dir():
            raise IsADirectoryError(0, f"{name} in it is a directory, not a file to replace")
        with TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise OSError(f"--out: cannot write in {str(directory)!r}: {error.strerror}") from error


def write(path: Path, save: Callable[[Path], object]) -> Path:
    """Call `save` to write a new file beside `path`, then replace `path` by it.

    If `save` fails, or is interrupted, the new file is deleted and `path` does not change.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
