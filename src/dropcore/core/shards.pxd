from dropcore._core.table cimport Shard as Places


cdef class Shard:
    cdef Places places
    cdef readonly tuple shape
    cdef readonly tuple global_shape
    cdef readonly tuple offsets
    cdef readonly tuple shared_axes


# `named`: as in buffers.pxd.
cdef int keep_shard_of(draw, p, shard, bits) except -1
cdef int forward_shard_of(int named, draw, p, shard, x, y, scale, shift, drop, bits) except -1
