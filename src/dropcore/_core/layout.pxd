cimport numpy as cnp
from libc.stdint cimport uint64_t

from dropcore._core.table cimport MAX_AXES, Layout, Shard

# The fields of a Layout, in the order of memory. `dense`: each element has a decision. Otherwise,
# if `repeats`, `n` decisions hold for `times` elements each; if not, the same `times` decisions
# hold for each of `n` rows. This happens `steps` times, in a loop over axes from the last: a step
# along axis k moves on by `loop_stride[k]` decisions (0 if they are shared). Before that,
# `reordered` bits, if any, are written in another order; `axes`, `length` and `stride` are
# arguments of `kernels.reorder`.

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


# Most arrays are in C order. The inline functions answer for those, without a call.

cdef inline bint is_dense(cnp.ndarray array) noexcept:
    # What the kernels can read and write: one run of aligned elements, in any order of the axes.
    return cnp.PyArray_ISALIGNED(array) and (
        cnp.PyArray_IS_C_CONTIGUOUS(array) or has_no_gaps(array)
    )


cdef inline bint lie_alike(cnp.ndarray a, cnp.ndarray b) noexcept:
    # Both have the same shape.
    return (
        cnp.PyArray_IS_C_CONTIGUOUS(a) and cnp.PyArray_IS_C_CONTIGUOUS(b) or has_strides_of(a, b)
    )


cdef inline const Layout* layout_of(
    Sharing sharing, cnp.ndarray array,
    Layout* own,  # OUT: used if the array, which is dense, is not in C order
) noexcept:
    if cnp.PyArray_IS_C_CONTIGUOUS(array):
        return &sharing.layout
    return layout_in(sharing, array, own)


cdef inline Py_ssize_t scratch_bytes(const Layout* layout) noexcept nogil:
    # Of the bits that are laid out in another order, in whole words; 0 where none are.
    return (layout.reordered + 31) // 32 * 4


cdef inline bint is_fused(const Layout* layout) noexcept:
    # Whether a kernel can use each decision when it makes it: one for each element, in the order of
    # memory.
    return layout.dense and not layout.reordered
