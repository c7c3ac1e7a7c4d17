# From which size on results are stored past the caches, by non-temporal stores.

from dropcore._core import dispatch
from dropcore._core.caches import last_level_cache

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX

# Ordinary and non-temporal stores are equally fast where x and y together have three quarters of
# the last-level cache. Where no store fills a whole cache line, non-temporal ones are never faster.
nontemporal_from = PY_SSIZE_T_MAX
if dispatch.fills_lines:
    nontemporal_from = last_level_cache() // 4 * 3 or PY_SSIZE_T_MAX


def set_nontemporal_from(Py_ssize_t nbytes):
    """Set from how many bytes on, of x and y together, y is stored past the caches.

    Returns the old number.

    For tests and measurements: the bits are the same for any number.
    """
    global nontemporal_from
    before = nontemporal_from
    nontemporal_from = nbytes
    return before
