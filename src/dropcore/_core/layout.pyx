# How decisions lie over the elements of an array: along which axes they are shared, and in which
# order the axes lie in memory.
#
# A. Elements are taken as they follow each other in memory, so an array without gaps is one run
#    whatever the order of its axes.
# B. Neighbouring axes that are all shared, or all not, count as one. The last two such axes make
#    a `repeat` (the last is shared) or a `tile` (it is not), and the others a loop that steps
#    through the bits.
# C. Decisions are numbered in C order. Where memory has another order, their bits are laid out
#    anew: an eighth of a byte for each decision, where copying the elements into C order and back
#    would move sixteen bytes and more. So are they where `repeat` and `tile` would be called
#    for a few elements at a time.

cimport cython
cimport numpy as cnp

cnp.import_array()

cdef enum:
    FEW = 64  # elements, to a step of the loop


cdef int in_memory(
    int axes, const Py_ssize_t* length, const Py_ssize_t* strides, Py_ssize_t itemsize,
    int* order,  # OUT: the axes longer than 1, as they lie in memory
) noexcept nogil:
    # How many there are; -1 where elements have gaps between them, or are reversed. `strides`: in
    # bytes, or NULL for C order.
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


cdef bint find_nest(
    int axes, const Py_ssize_t* length, uint64_t shared, const Py_ssize_t* strides,
    Py_ssize_t itemsize,
    Nest* nest,  # OUT
) noexcept nogil:
    # False where the elements are no single run of memory, as `in_memory` finds. `shared`: bit
    # `axis` is set where decisions are shared along that axis.
    cdef int[<int> MAX_AXES] order
    cdef Py_ssize_t[<int> MAX_AXES] skipped  # bits of the mask, by a step along each axis
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
    nest.decisions = decisions
    set_loop(order, count, length, shared, nest)
    nest.elements = nest.n * nest.times * nest.steps
    if nest.steps > 1 and nest.n * nest.times < FEW:
        in_order = False
        nest.dense = True
        shared = 0
    nest.reordered = 0
    if not in_order:
        set_order(order, count, length, shared, skipped, nest)
    return True


cdef void set_loop(
    const int* order, int count, const Py_ssize_t* length, uint64_t shared,
    Nest* nest,  # OUT: all but that
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
    nest.dense = parts == 0 or (parts == 1 and not is_shared)
    nest.repeats = is_shared
    nest.times = part[parts - 1] if parts else 1
    nest.n = part[parts - 2] if parts > 1 else 1
    nest.steps = 1
    nest.loops = max(parts - 2, 0)
    stride = nest.n if is_shared else nest.times
    for place in range(nest.loops):
        nest.loop_length[place] = part[parts - 3 - place]
        nest.loop_stride[place] = 0 if is_shared else stride
        nest.steps *= nest.loop_length[place]
        if not is_shared:
            stride *= nest.loop_length[place]
        is_shared = not is_shared


cdef void set_order(
    const int* order, int count, const Py_ssize_t* length, uint64_t shared,
    const Py_ssize_t* skipped,
    Nest* nest,  # OUT: how it is reordered
) noexcept nogil:
    # Of the axes that are not shared; two that follow each other in the mask as well are one.
    cdef int place, axis, last = -1
    nest.reordered = 1
    for place in range(count):
        axis = order[place]
        if shared >> axis & 1:
            continue
        nest.reordered *= length[axis]
        if last >= 0 and nest.stride[last] == length[axis] * skipped[axis]:
            nest.length[last] *= length[axis]
            nest.stride[last] = skipped[axis]
            continue
        last += 1
        nest.length[last] = length[axis]
        nest.stride[last] = skipped[axis]
    nest.axes = last + 1


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
    # Along an axis of length 1 a stride means nothing.
    cdef int axis
    for axis in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, axis) != 1 and (
            cnp.PyArray_STRIDE(a, axis) != cnp.PyArray_STRIDE(b, axis)
        ):
            return False
    return True


@cython.final
cdef class Layout:
    """How the decisions of a mask lie over the elements of an array.

    Parameters
    ----------
    shape : tuple of int
        The array's.
    shared_axes : tuple of int
        Normalised: each in [0, len(shape)), none twice.
    """

    def __cinit__(self, tuple shape, tuple shared_axes=()):
        cdef int axis
        self.shape = shape
        self.mask_shape = tuple(
            [1 if axis in shared_axes else length for axis, length in enumerate(shape)]
        )
        self.axes = len(shape)
        self.decisions = 1
        for axis in range(self.axes):
            self.length[axis] = shape[axis]
            self.decisions *= <Py_ssize_t> self.mask_shape[axis]
            if axis in shared_axes:
                self.shared |= <uint64_t> 1 << axis
        find_nest(self.axes, self.length, self.shared, NULL, 0, &self.nest)


cdef const Nest* nest_in(Layout layout, cnp.ndarray array, Nest* own) noexcept:
    find_nest(
        layout.axes, layout.length, layout.shared, strides_of(array),
        cnp.PyArray_ITEMSIZE(array), own,
    )
    return own
