cimport numpy as cnp
from libc.stdint cimport uint8_t

from dropcore._core.layout cimport scratch_bytes
from dropcore._core.table cimport DrawAddress, Dtype, Layout, Plan, Shard

cdef int keep_bits(
    const DrawAddress* draw, double p, const Shard* shard, cnp.ndarray bits
) except -1
cdef int drop(
    const DrawAddress* draw, double p, const Shard* shard, Plan plan,
    cnp.ndarray x, cnp.ndarray y, cnp.ndarray bits
) except -1
cdef int select(
    cnp.ndarray bits, const Layout* layout, cnp.ndarray scratch, Plan plan,
    cnp.ndarray x, cnp.ndarray y
) except -1
cdef void select_now(
    const Layout* layout, const uint8_t* bits, Plan plan, Dtype dtype, Py_ssize_t itemsize,
    const void* x, void* y, uint8_t* scratch,
) noexcept nogil


cdef inline cnp.ndarray scratch_for(const Layout* layout):
    # Memory for the bits if `select` must write them in another order; otherwise None.
    cdef cnp.npy_intp size = scratch_bytes(layout)
    return cnp.PyArray_EMPTY(1, &size, cnp.NPY_UINT8, 0) if size else None
