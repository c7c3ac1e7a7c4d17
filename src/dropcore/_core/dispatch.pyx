# Picks the kernels for this processor, once, at import. The processor's features are tested before
# a kernel module is imported, because the module may use its instruction set during its import.

import os
from importlib import import_module
from importlib.util import find_spec

from cpython.pycapsule cimport PyCapsule_GetPointer

cdef extern from "machine/processor.h":
    ctypedef struct InstructionSet "dropcore_isa":
        const char* name
        bint (*is_present)() noexcept
    const InstructionSet* INSTRUCTION_SETS "dropcore_isas"
    int COUNT "DROPCORE_ISAS"


cdef extern from *:
    """
    #if defined(__clang__)
    #define DROPCORE_COMPILER "Clang " __clang_version__
    #elif defined(__GNUC__)
    #define DROPCORE_COMPILER "GCC " __VERSION__
    #else
    #define DROPCORE_COMPILER "unknown"
    #endif
    """
    const char* COMPILER "DROPCORE_COMPILER"

compiler = COMPILER.decode("utf-8", "replace").strip()


def _module(str isa):
    return f"dropcore._core._kernels_{isa}"


def isas_built():
    """Names of the instruction sets that kernels were built for, lowest first."""
    cdef int k
    names = [INSTRUCTION_SETS[k].name.decode() for k in range(COUNT)]
    return tuple([name for name in names if find_spec(_module(name))])


def isas_available():
    """Names of the built instruction sets that this processor has, lowest first."""
    cdef int k
    cdef list present = []
    for k in range(COUNT):
        if INSTRUCTION_SETS[k].is_present():
            present.append(INSTRUCTION_SETS[k].name.decode())
    return tuple([name for name in isas_built() if name in present])


def _choose():
    available = isas_available()
    forced = os.environ.get("DROPCORE_ISA", "")
    if not forced:
        return available[-1]
    if forced not in available:
        raise RuntimeError(
            f"DROPCORE_ISA must be unset or one of {', '.join(available)} on this processor, not "
            f"{forced!r} (built: {', '.join(isas_built())})"
        )
    return forced


isa = _choose()
cdef object _kernels = import_module(_module(isa))
kernels = <const KernelTable*> PyCapsule_GetPointer(_kernels.kernel_table, "dropcore.kernel_table")
# Whether the chosen kernels have non-temporal stores.
has_nontemporal = _kernels.has_nontemporal
