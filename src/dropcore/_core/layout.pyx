# Which decision belongs to which element of an array: the axes along which decisions are shared
# (`Sharing`), and the loops that follow from these axes and their order in memory (`Layout`).
#
# A. The kernels take elements in the order of memory. So an array without gaps is one run of
#    elements, for any order of its axes.
# B. Neighbouring axes are merged if decisions are shared along all of them, or along none. The last
#    two merged axes become one call of `repeat` (if the last axis is shared) or `tile` (if it is
#    not shared); kernels/shared.pxi explains both kernels. The other merged axes become a loop of
#    such calls.
# C. Decisions are numbered in C order. If the axes lie in another order in memory, the bits are
#    first written in the order of memory. This moves one bit for each decision. A copy of the
#    elements into C order and back would move sixteen bytes for each float32 element (read and
#    write, twice). The bits are also rewritten if each call of `repeat` or `tile` would have only a
#    few elements.

cimport cython
cimport numpy as cnp

from dropcore._core.shard cimport find_shard, set_neighbours

cnp.import_array()

cdef enum:
    # Elements: if each call in the loop has fewer elements, the bits are first copied, one bit for
    # each element, in the order of memory.
    FEW = 64


cdef int in_memory(
    int axes, const Py_ssize_t* length, const Py_ssize_t* strides, Py_ssize_t itemsize,
    int* order,  # OUT: the axes longer than 1, largest stride first
) noexcept nogil:
    # Returns the length of `order`; -1 if there are gaps between elements, if elements share
    # memory, or if a stride is negative.
    # `strides`: in bytes, or NULL for C order.
    cdef int count = 0, axis, place
    cdef Py_ssize_t covered = itemsize
    for axis in range(axes):
        if length[axis] == 1:
            continue
        place = count
        while strides != NULL and place > 0 and strides[order[place - 1]] < strides[axis]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = axis
        count += 1
    if strides != NULL:
        for place in range(count - 1, -1, -1):
            if strides[order[place]] != covered:
                return -1
            covered *= length[order[place]]
    return count


cdef bint find_layout(
    int axes, const Py_ssize_t* length, uint64_t shared, const Py_ssize_t* strides,
    Py_ssize_t itemsize,
    Layout* layout,  # OUT
) noexcept nogil:
    # Returns False if the elements are not one run of memory (see `in_memory`). `shared`: bit
    # `axis` is 1 if decisions are shared along that axis.
    cdef int[<int> MAX_AXES] order
    cdef Py_ssize_t[<int> MAX_AXES] skipped  # bits of the mask that a step along each axis skips
    cdef Py_ssize_t decisions = 1
    cdef int count = in_memory(axes, length, strides, itemsize, order)
    cdef int axis, place, before = -1
    cdef bint in_order = True
    if count < 0:
        return False
    for axis in range(axes - 1, -1, -1):
        skipped[axis] = 0
        if not shared >> axis & 1:
            skipped[axis] = decisions
            decisions *= length[axis]
    for place in range(count):
        axis = order[place]
        if not shared >> axis & 1:
            in_order &= axis > before
            before = axis
    layout.decisions = decisions
    set_loop(order, count, length, shared, layout)
    layout.elements = layout.n * layout.times * layout.steps
    if layout.steps > 1 and 0 < layout.n * layout.times < FEW:
        in_order = False
        layout.dense = True
        shared = 0
    layout.reordered = 0
    if not in_order:
        set_order(order, count, length, shared, skipped, layout)
    return True


cdef void set_loop(
    const int* order, int count, const Py_ssize_t* length, uint64_t shared,
    Layout* layout,  # OUT: all fields except those for `reorder`
) noexcept nogil:
    cdef Py_ssize_t[<int> MAX_AXES] part
    cdef bint is_shared = False
    cdef Py_ssize_t stride
    cdef int place, parts = 0
    for place in range(count):
        if parts and is_shared == (shared >> order[place] & 1):
            part[parts - 1] *= length[order[place]]
        else:
            is_shared = shared >> order[place] & 1
            part[parts] = length[order[place]]
            parts += 1
    layout.dense = parts == 0 or (parts == 1 and not is_shared)
    layout.repeats = is_shared
    layout.times = part[parts - 1] if parts else 1
    layout.n = part[parts - 2] if parts > 1 else 1
    layout.steps = 1
    layout.loops = max(parts - 2, 0)
    stride = layout.n if is_shared else layout.times
    for place in range(layout.loops):
        layout.loop_length[place] = part[parts - 3 - place]
        layout.loop_stride[place] = 0 if is_shared else stride
        layout.steps *= layout.loop_length[place]
        if not is_shared:
            stride *= layout.loop_length[place]
        is_shared = not is_shared


cdef void set_order(
    const int* order, int count, const Py_ssize_t* length, uint64_t shared,
    const Py_ssize_t* skipped,
    Layout* layout,  # OUT: the fields for `reorder`
) noexcept nogil:
    # Takes the axes that are not shared, in the order of memory. Two axes are merged if they are
    # also neighbours in the mask.
    cdef int place, axis, last = -1
    layout.reordered = 1
    for place in range(count):
        axis = order[place]
        if shared >> axis & 1:
            continue
        layout.reordered *= length[axis]
        if last >= 0 and layout.stride[last] == length[axis] * skipped[axis]:
            layout.length[last] *= length[axis]
            layout.stride[last] = skipped[axis]
            continue
        last += 1
        layout.length[last] = length[axis]
        layout.stride[last] = skipped[axis]
    layout.axes = last + 1


# --------------------------------------------------------------------- of arrays

cdef inline const Py_ssize_t* strides_of(cnp.ndarray array) noexcept:
    return <const Py_ssize_t*> cnp.PyArray_STRIDES(array)


cdef bint has_no_gaps(cnp.ndarray array) noexcept:
    cdef int[<int> MAX_AXES] order
    return in_memory(
        cnp.PyArray_NDIM(array), <Py_ssize_t*> cnp.PyArray_DIMS(array), strides_of(array),
        cnp.PyArray_ITEMSIZE(array), order,
    ) >= 0


cdef bint has_strides_of(cnp.ndarray a, cnp.ndarray b) noexcept:
    # The stride of an axis of length 1 does not matter.
    cdef int axis
    for axis in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, axis) != 1 and (
            cnp.PyArray_STRIDE(a, axis) != cnp.PyArray_STRIDE(b, axis)
        ):
            return False
    return True


@cython.final
cdef class Sharing:
    """The axes of an array along which decisions are shared, and the layout of an array in C order.

    Parameters
    ----------
    shape : tuple of int
        The shape of the array.
    shared_axes : tuple of int
        Normalised: each in [0, len(shape)), none twice.
    shard : (global_shape, offsets), optional
        The result of `checked_shard`, if the array is a block of a larger array.
    """

    def __cinit__(self, tuple shape, tuple shared_axes=(), tuple shard=None):
        cdef int axis
        self.shape = shape
        self.mask_shape = tuple(
            [1 if axis in shared_axes else length for axis, length in enumerate(shape)]
        )
        self.axes = len(shape)
        if self.axes > <int> MAX_AXES:
            raise ValueError(f"shape must have at most {<int> MAX_AXES} axes, not {self.axes}")
        self.decisions = 1
        for axis in range(self.axes):
            self.length[axis] = shape[axis]
            self.decisions *= <Py_ssize_t> self.mask_shape[axis]
            if axis in shared_axes:
                self.shared |= <uint64_t> 1 << axis
        find_layout(self.axes, self.length, self.shared, NULL, 0, &self.layout)
        if shard is None:
            set_neighbours(0, self.decisions, &self.shard)
        else:
            self.place(shard)

    cdef int place(self, tuple shard) except -1:
        cdef Py_ssize_t[<int> MAX_AXES] whole, offset
        cdef int axis
        for axis in range(self.axes):
            whole[axis] = shard[0][axis]
            offset[axis] = shard[1][axis]
        find_shard(self.axes, whole, offset, self.length, self.shared, &self.shard)
        return 0


cdef const Layout* layout_in(Sharing sharing, cnp.ndarray array, Layout* own) noexcept:
    find_layout(
        sharing.axes, sharing.length, sharing.shared, strides_of(array),
        cnp.PyArray_ITEMSIZE(array), own,
    )
    return own
