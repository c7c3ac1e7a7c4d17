# The exported functions: thin calls through the table of kernels. tools/write_interface.py
# generates the functions that call one kernel, and the forms for each dtype (api_functions.pxi).
# This file has the bodies of the other functions. Bodies that work on elements take the dtype as an
# argument.

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from dropcore._core cimport keys
from dropcore._core.apply cimport select_now
from dropcore._core.dispatch cimport kernels
from dropcore._core.layout cimport find_layout, scratch_bytes
from dropcore._core.nontemporal cimport is_nontemporal
from dropcore._core.plan cimport kept_scale
from dropcore._core.shard cimport find_shard
from dropcore._core.table cimport MAX_AXES, Dtype, Plan

# The size of an element in bytes, by Dtype.
# written by tools/write_interface.py: sizes
from dropcore._core.table cimport BFLOAT16, DTYPES, FLOAT16, FLOAT32, FLOAT64

cdef size_t[<int> DTYPES] SIZES = [
    sizeof(float), sizeof(double), sizeof(uint16_t), sizeof(uint16_t),
]
# end of sizes


cdef uint32_t dropcore_abi() noexcept nogil:
    return DROPCORE_ABI


# ------------------------------------------------------------- keys and draws

cdef void dropcore_path_of_integer(uint64_t seed, dropcore_path* path) noexcept nogil:
    keys.begin_path(path)
    keys.add_integer(path, seed)


cdef void dropcore_path_of_bytes(
    const uint8_t* seed, Py_ssize_t n, dropcore_path* path,
) noexcept nogil:
    keys.begin_path(path)
    keys.add_item(path, c"b", seed, n)


cdef void dropcore_path_add_integer(dropcore_path* path, uint64_t part) noexcept nogil:
    keys.add_integer(path, part)


cdef void dropcore_path_add_text(
    dropcore_path* path, const char* utf8, Py_ssize_t n,
) noexcept nogil:
    keys.add_item(path, c"s", <const uint8_t*> utf8, n)


cdef void dropcore_draw_at(
    const dropcore_path* path, uint64_t index, dropcore_draw* draw,
) noexcept nogil:
    keys.set_key(path, draw)
    draw.index = index


cdef void dropcore_set_index(dropcore_draw* draw, uint64_t index) noexcept nogil:
    draw.index = index


cdef double dropcore_scale(double p) noexcept nogil:
    return kept_scale(p)


# ----------------------------------------------------------- standard dropout

cdef inline Plan standard(double p) noexcept nogil:
    return Plan(scale=kept_scale(p), shift=0, drop=0)


cdef inline bint nontemporal(
    Dtype dtype, Py_ssize_t n, const void* x, const void* y,
) noexcept nogil:
    # Whether one thread uses non-temporal stores.
    return is_nontemporal(n, SIZES[<int> dtype], 1, x, y)


cdef inline void forward(
    Dtype dtype, const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const void* x, void* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward_plan[<int> dtype](
        draw, p, start, n, standard(p), nontemporal(dtype, n, x, y), x, y, bits
    )


cdef inline void backward(
    Dtype dtype, const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const void* dy, void* dx, const uint8_t* bits,
) noexcept nogil:
    if bits == NULL:
        forward(dtype, draw, p, start, n, dy, dx, NULL)
    else:
        kernels.select[<int> dtype](bits, 0, n, standard(p), nontemporal(dtype, n, dy, dx), dy, dx)


# ---------------------------------------------------------- layouts and shards

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX


cdef bint is_shape(int axes, const Py_ssize_t* length, uint64_t shared) noexcept nogil:
    # Whether an array can have these lengths, and `shared` names no axis beyond them.
    cdef Py_ssize_t elements = 1
    cdef int axis
    if not 0 <= axes <= MAX_AXES or (axes < 64 and shared >> axes):
        return False
    for axis in range(axes):
        if length[axis] < 0 or elements > PY_SSIZE_T_MAX // max(length[axis], 1):
            return False
        elements *= max(length[axis], 1)
    return True


cdef int32_t dropcore_layout_of(
    int axes, const Py_ssize_t* length, const Py_ssize_t* stride, uint64_t shared,
    dropcore_layout* layout,
) noexcept nogil:
    if is_shape(axes, length, shared) and find_layout(axes, length, shared, stride, 1, layout):
        return True
    memset(layout, 0, sizeof(dropcore_layout))
    return False


cdef Py_ssize_t dropcore_layout_decisions(const dropcore_layout* layout) noexcept nogil:
    return layout.decisions


cdef Py_ssize_t dropcore_layout_scratch(const dropcore_layout* layout) noexcept nogil:
    return scratch_bytes(layout)


cdef inline void select_layout(
    Dtype dtype, const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan,
    const void* x, void* y, uint8_t* scratch,
) noexcept nogil:
    select_now(layout, bits, plan[0], dtype, SIZES[<int> dtype], x, y, scratch)


cdef int32_t dropcore_shard_of(
    int axes, const Py_ssize_t* whole, const Py_ssize_t* offset, const Py_ssize_t* length,
    uint64_t shared, dropcore_shard* shard,
) noexcept nogil:
    if is_shape(axes, whole, shared) and find_shard(axes, whole, offset, length, shared, shard):
        return True
    memset(shard, 0, sizeof(dropcore_shard))
    return False


cdef Py_ssize_t dropcore_shard_decisions(const dropcore_shard* shard) noexcept nogil:
    return shard.n * shard.rows


include "api_functions.pxi"
