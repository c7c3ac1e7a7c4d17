# Shards: the block of a larger array that one machine holds, and where the block's decisions lie in
# the mask of the whole array.
#
# A. Decisions are numbered in the whole mask, and stored in the block's own C order. So the code
#    that reads bits (layouts, select, backward) does not depend on shards.
# B. The trailing axes that are not cut, and the last cut axis, form one run of decisions in the
#    mask: a row. The other axes are nested loops over rows; in `loop_length` and `loop_stride` the
#    innermost loop is first. A step of a loop skips `loop_stride` decisions of the mask. Two
#    neighbouring loops are merged if the stride of the outer loop equals the stride of the inner
#    loop times the length of the inner loop.
# C. The rows have the same order in the block and in the mask.

import operator

import numpy as np

cdef bint find_shard(
    int axes, const Py_ssize_t* whole, const Py_ssize_t* offset, const Py_ssize_t* length,
    uint64_t shared,
    Shard* shard,  # OUT
) noexcept nogil:
    # Returns False if the block is not within the whole array. The caller has checked that the
    # whole array has fewer than 2^63 elements. `shared`: bit `axis` is 1 if decisions are shared
    # along that axis.
    cdef Py_ssize_t stride = 1
    cdef int axis, last
    set_neighbours(0, 1, shard)
    for axis in range(axes - 1, -1, -1):
        if not 0 <= length[axis] <= whole[axis] or (
            not 0 <= offset[axis] <= whole[axis] - length[axis]
        ):
            return False
        if shared >> axis & 1:
            shard.shared |= length[axis] != 1
            continue
        shard.start += <uint64_t> offset[axis] * <uint64_t> stride
        last = shard.loops - 1
        if length[axis] == 1:
            pass
        elif last < 0 and stride == shard.n:
            shard.n *= length[axis]
        elif last >= 0 and stride == shard.loop_length[last] * shard.loop_stride[last]:
            shard.loop_length[last] *= length[axis]
        else:
            shard.loop_length[last + 1] = length[axis]
            shard.loop_stride[last + 1] = stride
            shard.loops += 1
        stride *= whole[axis]
    for axis in range(shard.loops):
        shard.rows *= shard.loop_length[axis]
    return True


# ------------------------------------------------------------------- the argument

cdef tuple checked_shard(object shard, str name, tuple shape):
    # The argument `shard=` for the array `name` of this shape: (global_shape, offsets) as tuples of
    # int.
    cdef Py_ssize_t axes = len(shape)
    if not isinstance(shard, tuple) or len(shard) != 2:
        raise TypeError(f"shard must be (global_shape, offsets), not {shard!r}")
    whole = lengths_of(shard[0], name, axes)
    offsets = offsets_of(shard[1], name, axes)
    elements = 1
    for axis in range(axes):
        elements *= whole[axis] or 1
        if not 0 <= offsets[axis] <= whole[axis] - shape[axis]:
            raise ValueError(
                f"shard must lie within global_shape {whole}, not outside: along axis {axis} "
                f"{name} has {shape[axis]} elements from offset {offsets[axis]}"
            )
    if elements >= 2**63:
        raise ValueError(
            f"shard's global_shape must have fewer than 2**63 elements, not {whole}"
        )
    return whole, offsets


cdef tuple lengths_of(object lengths, str name, Py_ssize_t axes):
    what = (
        f"shard's global_shape must be {axes} integers, one for each axis of {name}, "
        f"not {lengths!r}"
    )
    try:
        whole = tuple([integer(length) for length in lengths])
    except TypeError:
        raise TypeError(what) from None
    if len(whole) != axes:
        raise ValueError(what)
    return whole


cdef tuple offsets_of(object offsets, str name, Py_ssize_t axes):
    if not hasattr(offsets, "__len__") or len(offsets) != axes:
        raise ValueError(
            f"shard's offsets must be {axes} integers, one for each axis of {name}, "
            f"not {offsets!r}"
        )
    found = []
    for offset in offsets:
        try:
            found.append(integer(offset))
        except TypeError:
            raise TypeError(
                f"each of shard's offsets must be an integer, not {offset!r}"
            ) from None
    return tuple(found)


cdef object integer(object value):
    # `value` as an int. Raises TypeError if it is no integer, or a bool.
    if isinstance(value, (bool, np.bool_)):
        raise TypeError
    return operator.index(value)
