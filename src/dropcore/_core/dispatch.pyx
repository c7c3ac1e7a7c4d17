# Picks the kernels, once. The processor is asked before a module is imported:
# a module built for an instruction set uses it from its first line.

import os
from importlib import import_module
from importlib.util import find_spec

from cpython.pycapsule cimport PyCapsule_GetPointer

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
