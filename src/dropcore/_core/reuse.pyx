# Output arrays for reuse. The first write to each page of a new array causes a page fault. For a
# large array these page faults take several times as long as the kernel. glibc returns the pages of
# a freed array to the system, so the next array has the same cost. Therefore a layer keeps the
# arrays that it returned, and returns an array again when the reference count shows that nobody
# else holds the array. An array is freed when a third array is needed, or with the layer.
#
# In free-threaded Python a reference count of one does not prove that nobody else holds the array,
# so nothing is kept.

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
    FROM = 1 << 16  # bytes: a smaller array does not get new pages
    KEPT = 2  # arrays: a training step needs y and dx of a layer


@cython.final
cdef class ReusableOutputs:
    """Arrays that were returned, to be returned again when nobody else holds them.

    An array that a caller holds, also through a view or a buffer, is never written to. A copy or a
    pickle of this object holds no arrays.
    """

    cdef list arrays

    def __cinit__(self):
        self.arrays = []

    def like(self, x):
        """An array with the shape and dtype of `x`; None if reuse gains nothing or is unsafe."""
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
            if not cnp.PyArray_ISCARRAY(given):  # a caller changed its flags or strides
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
