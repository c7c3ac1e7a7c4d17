# Output arrays for reuse. Each page of a fresh array costs a page fault at its first write. For a
# large array these take several times as long as the kernel. glibc returns the pages of a freed
# array to the system, so the next array pays again. So a layer keeps the arrays that it returned,
# and returns one again when its reference count shows that nobody else holds it. An array is freed
# when a third one is needed, or with the layer.
#
# Without the GIL a reference count of one does not show that. There nothing is kept.

cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject

from dropcore._core.outputs cimport empty_like

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define DROPCORE_COUNTS_HOLDERS 0
    #else
    #define DROPCORE_COUNTS_HOLDERS 1
    #endif
    #define dropcore_held_once(object) (Py_REFCNT(object) == 1)
    """
    const bint COUNTS_HOLDERS "DROPCORE_COUNTS_HOLDERS"
    bint held_once "dropcore_held_once" (PyObject*) noexcept

cdef extern from "Python.h":
    PyObject* PyList_GET_ITEM(object items, Py_ssize_t at) noexcept

cnp.import_array()

cdef enum:
    FROM = 1 << 16  # bytes: smaller arrays come without fresh pages
    KEPT = 2  # arrays: what a training step needs of a layer, y and dx


@cython.final
cdef class ReusableOutputs:
    """Arrays that were returned, to be returned again once nobody else holds them.

    What a caller holds, also by a view or a buffer of it, is never touched. A copy or a pickle
    begins with none.
    """

    cdef list arrays

    def __cinit__(self):
        self.arrays = []

    def like(self, x):
        """An array for what is computed from `x`, or None where a new one is as good."""
        cdef cnp.ndarray array, given
        cdef Py_ssize_t at
        if not COUNTS_HOLDERS or not cnp.PyArray_CheckExact(x):
            return None
        array = x
        if cnp.PyArray_NBYTES(array) < FROM:
            return None
        for at in range(len(self.arrays)):
            if not held_once(PyList_GET_ITEM(self.arrays, at)):
                continue
            given = self.arrays[at]
            if not cnp.PyArray_ISCARRAY(given):  # whoever had it changed its flags or strides
                continue
            if cnp.PyArray_SAMESHAPE(given, array) and given.dtype is array.dtype:
                return given
        given = empty_like(array)
        if len(self.arrays) == KEPT:
            del self.arrays[0]
        self.arrays.append(given)
        return given

    def __reduce__(self):
        return ReusableOutputs, ()
