from libc.stdint cimport uint64_t

from dropcore._core.table cimport Shard


cdef bint find_shard(
    int axes, const Py_ssize_t* whole, const Py_ssize_t* offset, const Py_ssize_t* length,
    uint64_t shared, Shard* shard,
) noexcept nogil
cdef tuple checked_shard(object shard, str name, tuple shape)


cdef inline void set_neighbours(
    uint64_t start, Py_ssize_t n,
    Shard* shard,  # OUT
) noexcept nogil:
    # A shard of one row: successive decisions.
    shard.start = start
    shard.n = n
    shard.rows = 1
    shard.loops = 0
    shard.shared = 0
