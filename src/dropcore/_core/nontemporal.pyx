# From which size on a kernel uses non-temporal stores.
#
# A. While x and y stay in the cache, ordinary stores are better: the next reader of y finds it
#    there. Past the cache, non-temporal stores are better: a line of y is not read before it is
#    written. The size is that from which dropout followed by a sum or a maximum of y takes less
#    time with them. Dropout alone would gain from a smaller size.
# B. On AMD a few cores, a complex, share one cache, and one core can use all of it. The size is
#    three quarters of it. There one thread saturates the memory, so up to twice that the ordinary
#    stores of several threads are faster.
# C. Elsewhere the last-level cache is spread over a mesh. The system states the size for the whole
#    socket, up to 300 MiB, and the size is 32 MiB at most. An AMD system that states more than any
#    complex has is a virtual machine that adds up several.
#
# bench/nontemporal.py measures it.

import os

from dropcore._core import dispatch
from dropcore._core.caches import last_level_cache

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX

cdef extern from "machine/processor.h":
    bint is_amd "dropcore_is_amd" () noexcept

MIB = 1 << 20
LARGEST_OF_A_COMPLEX = 128 * MIB
MESH = 32 * MIB
NEVER = PY_SSIZE_T_MAX


def default_from(Py_ssize_t cache, bint amd):
    """Return from how many bytes on, of x and y together, non-temporal stores are used.

    `cache` is the size of the last-level cache as the system states it, or 0.
    """
    if cache == 0:
        return NEVER
    if amd and cache <= LARGEST_OF_A_COMPLEX:
        return cache // 4 * 3
    return min(cache // 4 * 3, MESH)


def _from_environment(str text):
    if text in ("always", "never"):
        return 0 if text == "always" else NEVER
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(
            f"DROPCORE_NONTEMPORAL must be always, never or a number of bytes, not {text!r}"
        )
    return int(text)


cdef str _setting = os.environ.get("DROPCORE_NONTEMPORAL", "").strip()
for_several = 1
if _setting:
    nontemporal_from = _from_environment(_setting)
else:
    nontemporal_from = default_from(last_level_cache(), is_amd())
    for_several = 2 if is_amd() else 1
if not dispatch.has_nontemporal:
    nontemporal_from = NEVER


def get_nontemporal_from():
    """Return from how many bytes on, of x and y together, they are used; None stands for never."""
    return None if nontemporal_from == NEVER else nontemporal_from


def set_nontemporal_from(Py_ssize_t nbytes):
    """Set from how many bytes on, of x and y together, a kernel uses non-temporal stores.

    Returns the old number.

    For tests and measurements: the bits are the same for any number.
    """
    global nontemporal_from
    before = nontemporal_from
    nontemporal_from = nbytes
    return before
