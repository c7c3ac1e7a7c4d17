cimport numpy as cnp
from libc.stdint cimport uint64_t

from dropcore._core.table cimport MAX_AXES, Layout, Shard

# Of a Layout, in the order of memory: a decision for each element (`dense`), or `n` decisions that
# each hold for `times` elements (`repeats`), or else `n` rows of `times` decisions; `steps` times,
# in a loop over axes from the last, where a step skips `loop_stride` decisions, 0 where they are
# shared. Before that, `reordered` bits, if any, are laid out anew, as `kernels.reorder` takes axes.

cdef class Sharing:
    cdef readonly tuple shape
    cdef readonly tuple mask_shape
    cdef readonly Py_ssize_t decisions
    cdef int axes
    cdef Py_ssize_t[<int> MAX_AXES] length
    cdef uint64_t shared
    cdef Layout layout  # in C order
    cdef Shard shard  # where the decisions lie in the mask of the whole array

    cdef int place(self, tuple shard) except -1


cdef bint find_layout(
    int axes, const Py_ssize_t* length, uint64_t shared, const Py_ssize_t* strides,
    Py_ssize_t itemsize, Layout* layout,
) noexcept nogil
cdef bint has_no_gaps(cnp.ndarray array) noexcept
cdef bint has_strides_of(cnp.ndarray a, cnp.ndarray b) noexcept
cdef const Layout* layout_in(Sharing sharing, cnp.ndarray array, Layout* own) noexcept


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


cdef inline const Layout* layout_of(
    Sharing sharing, cnp.ndarray array,
    Layout* own,  # OUT, where the array, which is dense, is in another order than C's
) noexcept:
    if cnp.PyArray_IS_C_CONTIGUOUS(array):
        return &sharing.layout
    return layout_in(sharing, array, own)


cdef inline bint is_fused(const Layout* layout) noexcept:
    # Whether decisions can be used as they are made: one for each element, in the order of memory.
    return layout.dense and not layout.reordered
