# Output arrays for reuse. A fresh array of more than a few pages costs a page fault for each,
# several times what the kernel takes, and glibc gives the pages of a freed array back to the
# system. So a layer can keep the arrays that it returned, and return one again once nobody else
# holds it.

cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject

from dropcore._core.outputs cimport empty_like

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED /* a count of one does not say that nobody holds it there */
    #define dropcore_held_once(object) 0
    #else
    #define dropcore_held_once(object) (Py_REFCNT(object) == 1)
    #endif
    """
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
        if not cnp.PyArray_CheckExact(x):
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
