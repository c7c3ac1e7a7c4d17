cimport numpy as cnp
from libc.stdint cimport uint64_t

from dropcore._core.table cimport MAX_AXES


# What a step along each of some axes skips.
cdef struct Axes:
    int count
    Py_ssize_t[<int> MAX_AXES] length
    Py_ssize_t[<int> MAX_AXES] stride


# How decisions lie over elements that follow each other in memory. The last axes make a `repeat`
# or a `tile`, and the others a loop around it.
cdef struct Nest:
    bint dense  # a decision for each element
    bint repeats
    Py_ssize_t n  # of a repeat: decisions; of a tile: decisions in a row
    Py_ssize_t times  # of a repeat: elements to a decision; of a tile: rows
    Py_ssize_t steps  # of the loop
    Axes loop  # from the last; a step skips `stride` decisions, 0 where they are shared
    Py_ssize_t reordered  # bits that are to be laid out anew first; mostly 0
    Axes order  # so, from the first; a step skips `stride` bits of the mask in C order


cdef class Layout:
    cdef readonly tuple shape
    cdef readonly tuple mask_shape
    cdef readonly Py_ssize_t decisions
    cdef int axes
    cdef Py_ssize_t[<int> MAX_AXES] length
    cdef uint64_t shared
    cdef Nest nest  # in C order


cdef bint find_nest(
    int axes, const Py_ssize_t* length, uint64_t shared, const Py_ssize_t* strides,
    Py_ssize_t itemsize, Nest* nest,
) noexcept nogil
cdef bint has_no_gaps(cnp.ndarray array) noexcept
cdef bint has_strides_of(cnp.ndarray a, cnp.ndarray b) noexcept
cdef const Nest* nest_in(Layout layout, cnp.ndarray array, Nest* own) noexcept


# Most arrays are in C order, and of those there is no more to ask.

cdef inline bint is_dense(cnp.ndarray array) noexcept:
    # One run of aligned elements, whatever the order of its axes: what the kernels read and write.
    return cnp.PyArray_ISALIGNED(array) and (
        cnp.PyArray_IS_C_CONTIGUOUS(array) or has_no_gaps(array)
    )


cdef inline bint lie_alike(cnp.ndarray a, cnp.ndarray b) noexcept:
    # Of the same shape.
    return (
        cnp.PyArray_IS_C_CONTIGUOUS(a) and cnp.PyArray_IS_C_CONTIGUOUS(b) or has_strides_of(a, b)
    )


cdef inline const Nest* nest_of(
    Layout layout, cnp.ndarray array,
    Nest* own,  # OUT, where the array, which is dense, is in another order than C's
) noexcept:
    if cnp.PyArray_IS_C_CONTIGUOUS(array):
        return &layout.nest
    return nest_in(layout, array, own)
