from libc.stdint cimport uint8_t, uint64_t

from dropcore._core.table cimport DrawAddress, Dtype, Layout, Plan, Shard


cdef enum:
    SMALL = 32768  # elements of a call, or bits to reorder: below this number the GIL is kept


cdef enum Operation:
    KEEP_BITS
    DROP
    KEEP_SHARD
    DROP_SHARD
    SELECT
    REPEAT
    TILE


# One call of a kernel, with all its arguments. Each operation uses some of the fields.
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
    uint64_t first  # the index of the first decision, in the bits or in the shard
    Py_ssize_t n  # KEEP_BITS, KEEP_SHARD, REPEAT: decisions; TILE: rows; otherwise elements
    Py_ssize_t times  # REPEAT: elements for each decision; TILE: decisions of one row; otherwise 1
    const Layout* layout
    Py_ssize_t step  # the first step of the layout's loop
    Py_ssize_t steps
    Plan plan
    bint nontemporal
    const char* x
    char* y


cdef inline Work new_work(Operation operation, Py_ssize_t n) noexcept nogil:
    # Sets the fields one by one. From a memset of the whole struct GCC makes `rep stos`, which took
    # 40 ns on Zen 4. The caller sets the other fields that its operation reads.
    cdef Work w
    w.operation = operation
    w.start = 0
    w.shard = NULL
    w.bits_in = NULL
    w.bits_out = NULL
    w.first = 0
    w.n = n
    w.times = 1
    w.layout = NULL
    w.step = 0
    w.steps = 1
    w.itemsize = 0
    w.x = NULL
    w.y = NULL
    return w


cdef inline Work laid_out(const Layout* layout, const uint8_t* bits) noexcept nogil:
    # A select by given bits, which are in the order of memory.
    cdef Work w = new_work(SELECT, layout.elements)
    w.bits_in = bits
    if not layout.dense:
        w.operation = REPEAT if layout.repeats else TILE
        w.layout = layout
        w.n = layout.n
        w.times = layout.times
        w.steps = layout.steps
    return w


# Runs a Work on this thread.
cdef void run_here(const Work* w) noexcept nogil

# Runs a Work on this thread or on several. x, y and bits: the objects that own the memory, or None.
cdef int execute(Work* w, object x, object y, object bits) except -1
