"""The size of the last-level cache, as the operating system states it."""

from __future__ import annotations

import os
from pathlib import Path

SYSFS = Path("/sys/devices/system/cpu/cpu0/cache")
UNITS = {"K": 1 << 10, "M": 1 << 20}


def last_level_cache(folder: Path = SYSFS) -> int:
    """The size in bytes of the highest cache level of the first processor; 0 if it is not known.

    Linux's files are read before the C library is asked: on some processors glibc adds up the
    caches of all cores.
    """
    levels = {}
    for index in folder.glob("index*"):
        try:
            size = (index / "size").read_text().strip()
            levels[int((index / "level").read_text())] = int(size[:-1]) * UNITS[size[-1]]
        except (OSError, ValueError, LookupError):  # not all systems have these files
            continue
    return levels[max(levels)] if levels else _from_libc()


def _from_libc() -> int:
    for name in ("SC_LEVEL3_CACHE_SIZE", "SC_LEVEL2_CACHE_SIZE"):
        if name in getattr(os, "sysconf_names", ()):
            size = os.sysconf(name)
            if size > 0:
                return size
    return 0
