# From which size on results are stored past the caches.

from dropcore._core.caches import last_level_cache
from dropcore._core.dispatch import isa

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX

# Three quarters of the last-level cache for x and y together: there the two ways are equally
# fast. Only v4 fills a line of the cache with one store; with narrower ones ordinary stores are as
# fast or faster.
nontemporal_from = PY_SSIZE_T_MAX
if isa == "v4":
    nontemporal_from = last_level_cache() // 4 * 3 or PY_SSIZE_T_MAX


def set_nontemporal_from(Py_ssize_t nbytes):
    """Set from how many bytes on arrays are stored past the caches; returns the old number.

    For tests and measurements: the bits are the same for any number.
    """
    global nontemporal_from
    before = nontemporal_from
    nontemporal_from = nbytes
    return before
