# The threshold: the size of x and y together from which a kernel uses non-temporal stores
# (kernels/select.pxi, B).
#
# A. If x and y fit the cache, ordinary stores are faster, because the next reader of y finds y in
#    the cache. If x and y do not fit, non-temporal stores are faster, because no line of y is read
#    before it is written. The threshold is chosen for dropout followed by a sum or a maximum of y.
#    If nothing reads y, a smaller threshold would be faster on Intel's processors.
# B. The threshold is three quarters of the last-level cache. On AMD the cores of a complex share
#    such a cache, and one core can use all of it. For a call on several threads the threshold is
#    doubled on AMD (`for_several`), because below the doubled threshold ordinary stores are faster
#    if y is read afterwards.
# C. On other processors the last-level cache is spread over all cores of a socket (a mesh). The
#    system states the size for the whole socket, up to 300 MiB, so the threshold is at most 32 MiB.
#    This limit also holds on AMD if the stated size is above LARGEST_OF_A_COMPLEX: some virtual
#    machines state the sum of several caches.
# D. For float16 and bfloat16 the threshold is doubled (`for_halves`). An ordinary store first reads
#    its line of y. For these dtypes the processor does arithmetic during the reads, and the
#    arithmetic takes longer than the reads. So below the doubled threshold, dropout followed by a
#    sum or a maximum of y is about as fast with ordinary stores, or faster: a part of y stays in
#    the cache for the next reader. If both B and D apply, the threshold is doubled only once.
# E. A threshold that the user sets by DROPCORE_NONTEMPORAL holds for any number of threads and for
#    every dtype.
#
# bench/nontemporal.py measures where the threshold lies.

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
    """Return the threshold for a processor: a number of bytes of x and y together.

    `cache` is the size of the last-level cache as the system states it; 0 if it is not known.
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
for_several = for_halves = 1
if _setting:
    nontemporal_from = _from_environment(_setting)
else:
    nontemporal_from = default_from(last_level_cache(), is_amd())
    for_several = 2 if is_amd() else 1
    for_halves = 2
if not dispatch.has_nontemporal:
    nontemporal_from = NEVER


def get_nontemporal_from():
    """Return the threshold, in bytes of x and y together; None if non-temporal stores are off."""
    return None if nontemporal_from == NEVER else nontemporal_from


def set_nontemporal_from(Py_ssize_t nbytes):
    """Set the threshold, in bytes of x and y together, and return the old threshold.

    For tests and measurements. The results are the same for any threshold. The factors
    `for_several` and `for_halves` do not change.
    """
    global nontemporal_from
    before = nontemporal_from
    nontemporal_from = nbytes
    return before
