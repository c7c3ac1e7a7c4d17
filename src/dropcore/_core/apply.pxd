cimport numpy as cnp
from libc.stdint cimport uint8_t

from dropcore._core.bits cimport empty_bits
from dropcore._core.layout cimport scratch_bytes
from dropcore._core.table cimport DrawAddress, Dtype, Layout, Plan, Shard

cdef int keep_bits(
    const DrawAddress* draw, double p, const Shard* shard, object bits
) except -1
cdef int drop(
    const DrawAddress* draw, double p, const Shard* shard, Plan plan,
    cnp.ndarray x, cnp.ndarray y, object bits
) except -1
cdef int select(
    object bits, const Layout* layout, object scratch, Plan plan,
    cnp.ndarray x, cnp.ndarray y
) except -1
cdef void select_now(
    const Layout* layout, const uint8_t* bits, Plan plan, Dtype dtype, Py_ssize_t itemsize,
    const void* x, void* y, uint8_t* scratch,
) noexcept nogil


cdef inline object scratch_for(const Layout* layout):
    # Memory for the bits if `select` must write them in another order; otherwise None.
    cdef Py_ssize_t size = scratch_bytes(layout)
    return empty_bits(8 * size) if size else None
