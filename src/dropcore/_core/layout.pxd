cimport numpy as cnp
from libc.stdint cimport uint64_t

from dropcore._core.table cimport MAX_AXES, Layout, Shard

# The fields of a Layout. Elements are in the order of memory.
#
#   elements      the number of elements
#   decisions     the number of decisions
#   dense         1 if the kernel reads one bit for each element. If each call of `repeat` or `tile`
#                 would have fewer than 64 elements, shared decisions are first copied, one bit for
#                 each element, and the layout is dense
#   repeats       for a layout that is not dense:
#                 1: a step is `n` decisions, each for `times` elements (kernel `repeat`)
#                 0: a step is one row of `times` decisions, for `n` rows (kernel `tile`)
#   steps         the number of steps, in nested loops over `loops` axes, the innermost axis first
#   loop_length   the length of each of these axes
#   loop_stride   how many decisions lie between two neighbours along the axis; 0 if it is shared
#   reordered     the number of bits that are first written in another order, or 0
#   axes, length, stride    the arguments of the kernel `reorder`

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


# Most arrays are in C order. For these arrays the inline functions need no call.

cdef inline bint is_dense(cnp.ndarray array) noexcept:
    # Whether the kernels can read and write the array: one run of aligned elements, with the axes
    # in any order and no negative stride.
    return cnp.PyArray_ISALIGNED(array) and (
        cnp.PyArray_IS_C_CONTIGUOUS(array) or has_no_gaps(array)
    )


cdef inline bint lie_alike(cnp.ndarray a, cnp.ndarray b) noexcept:
    # The two arrays have the same shape.
    return (
        cnp.PyArray_IS_C_CONTIGUOUS(a) and cnp.PyArray_IS_C_CONTIGUOUS(b) or has_strides_of(a, b)
    )


cdef inline bint has_shape(Sharing sharing, cnp.ndarray array) noexcept:
    cdef int axis
    if cnp.PyArray_NDIM(array) != sharing.axes:
        return False
    for axis in range(sharing.axes):
        if cnp.PyArray_DIM(array, axis) != sharing.length[axis]:
            return False
    return True


cdef inline const Layout* layout_of(
    Sharing sharing, cnp.ndarray array,
    Layout* own,  # OUT: filled if the array, which is dense, is not in C order
) noexcept:
    if cnp.PyArray_IS_C_CONTIGUOUS(array):
        return &sharing.layout
    return layout_in(sharing, array, own)


cdef inline Py_ssize_t scratch_bytes(const Layout* layout) noexcept nogil:
    # The number of bytes that `reorder` writes: whole words of bits; 0 if the order is the same.
    return (layout.reordered + 31) // 32 * 4


cdef inline bint is_fused(const Layout* layout) noexcept:
    # Whether one kernel can make the decisions and use them: each element has a decision of its
    # own, in the order of memory.
    return layout.dense and not layout.reordered
