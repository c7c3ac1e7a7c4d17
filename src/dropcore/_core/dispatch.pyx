# Picks the kernels, once. The processor is asked before a module is imported:
# a module built for an instruction set uses it from its first line.

import os
from importlib import import_module
from importlib.util import find_spec

from cpython.pycapsule cimport PyCapsule_GetPointer

from dropcore._core.caches import last_level_cache

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX

cdef extern from "machine/processor.h":
    bint has_v3 "dropcore_has_v3" () noexcept
    bint has_v4 "dropcore_has_v4" () noexcept


def _module(str isa):
    return f"dropcore._core._kernels_{isa}"


def isas_built():
    """Names of the instruction sets that kernels were built for, lowest first."""
    return tuple(isa for isa in ("baseline", "v3", "v4") if find_spec(_module(isa)))


def isas_available():
    """Names of the built instruction sets that this processor has, lowest first."""
    supported = {"baseline": True, "v3": has_v3(), "v4": has_v4()}
    return tuple(isa for isa in isas_built() if supported[isa])


def _choose():
    available = isas_available()
    forced = os.environ.get("DROPCORE_ISA", "")
    if not forced:
        return available[-1]
    if forced not in available:
        raise RuntimeError(
            f"DROPCORE_ISA={forced!r}: accepted here are {', '.join(available)} "
            f"(built: {', '.join(isas_built())}), or leave it unset"
        )
    return forced


isa = _choose()
cdef object _capsule = import_module(_module(isa)).kernel_table
kernels = <const KernelTable*> PyCapsule_GetPointer(_capsule, "dropcore.kernel_table")

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
