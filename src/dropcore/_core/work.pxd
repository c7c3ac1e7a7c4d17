from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset

from dropcore._core.table cimport DrawAddress, Dtype, Layout, Plan, Shard


cdef enum:
    SMALL = 4096  # elements or bits that are not worth releasing the GIL for


cdef enum Operation:
    KEEP_BITS
    DROP
    KEEP_SHARD
    DROP_SHARD
    SELECT
    REPEAT
    TILE


# What a kernel is to do, with all its arguments; some mean nothing to some operations.
cdef struct Work:
    Operation operation
    Dtype dtype
    Py_ssize_t itemsize
    DrawAddress draw
    double p
    uint64_t start
    const Shard* shard
    const uint8_t* bits_in
    uint8_t* bits_out
    uint64_t first  # decision: of the bits, or of a shard
    Py_ssize_t n  # elements; of a repeat: decisions; of a tile: rows
    Py_ssize_t times  # of a repeat: elements to a decision; of a tile: decisions in a row
    const Layout* layout
    Py_ssize_t step  # of its loop, the first
    Py_ssize_t steps
    Plan plan
    bint nontemporal
    const char* x
    char* y


cdef inline Work new_work(Operation operation, Py_ssize_t n) noexcept nogil:
    cdef Work w
    memset(&w, 0, sizeof(w))
    w.operation = operation
    w.n = n
    w.times = 1
    w.steps = 1
    return w


cdef inline Work laid_out(const Layout* layout, const uint8_t* bits) noexcept nogil:
    # By bits that are laid out already.
    cdef Work w = new_work(SELECT, layout.elements)
    w.bits_in = bits
    if not layout.dense:
        w.operation = REPEAT if layout.repeats else TILE
        w.layout = layout
        w.n = layout.n
        w.times = layout.times
        w.steps = layout.steps
    return w


# On this thread.
cdef void run_here(const Work* w) noexcept nogil

# On as many threads as it is worth. x, y and bits: the objects that hold the memory, or None.
cdef int execute(Work* w, object x, object y, object bits) except -1
