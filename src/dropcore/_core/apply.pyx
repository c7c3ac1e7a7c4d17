# The kernels over arrays. The caller has checked the arrays: they are accepted (arguments.pyx) and
# dense (`is_dense` in layout.pxd). The caller also keeps the arrays alive during the call. `bits`
# is a `bytes` object or an array of uint8 (bits.pxd).
#
# These functions take arrays, not typed memoryviews: to make a memoryview of each array would cost
# as much as the rest of a small call.

cimport numpy as cnp
from libc.stdint cimport uint8_t

from dropcore._core.arguments cimport dtype_of
from dropcore._core.bits cimport data_of
from dropcore._core.dispatch cimport kernels
from dropcore._core.nontemporal cimport is_nontemporal
from dropcore._core.table cimport DrawAddress, Dtype, Layout, Plan, Shard
from dropcore._core.work cimport (
    DROP, DROP_SHARD, KEEP_BITS, KEEP_SHARD, SMALL, Operation, Work, execute, laid_out, new_work,
    run_here,
)

cnp.import_array()


cdef int over_arrays(Work* w, cnp.ndarray x, cnp.ndarray y, object bits) except -1:
    w.dtype = dtype_of(x)
    w.itemsize = cnp.PyArray_ITEMSIZE(x)
    w.x = <const char*> cnp.PyArray_DATA(x)
    w.y = <char*> cnp.PyArray_DATA(y)
    return execute(w, x, y, bits)


cdef inline void set_places(
    Work* w,  # INOUT
    const Shard* shard, Operation across_rows,
) noexcept:
    w.start = shard.start
    if shard.loops:
        w.operation = across_rows
        w.shard = shard


cdef int keep_bits(
    const DrawAddress* draw, double p, const Shard* shard,
    object bits,  # OUT
) except -1:
    cdef Work w = new_work(KEEP_BITS, shard.n * shard.rows)
    if w.n == 0:
        return 0
    set_places(&w, shard, KEEP_SHARD)
    w.draw = draw[0]
    w.p = p
    w.bits_out = data_of(bits)
    return execute(&w, None, None, bits)


cdef int drop(
    const DrawAddress* draw, double p, const Shard* shard, Plan plan,
    cnp.ndarray x,  # IN
    cnp.ndarray y,  # OUT, may be x
    object bits,  # OUT, or None
) except -1:
    # Each element has a decision of its own; one kernel makes the decisions and uses them.
    cdef Work w = new_work(DROP, shard.n * shard.rows)
    if w.n == 0:
        return 0
    set_places(&w, shard, DROP_SHARD)
    w.draw = draw[0]
    w.p = p
    w.plan = plan
    if bits is not None:
        w.bits_out = data_of(bits)
    return over_arrays(&w, x, y, bits)


cdef inline void reorder(
    const Layout* layout, const uint8_t* bits,
    uint8_t* scratch,  # OUT
) noexcept nogil:
    kernels.reorder(bits, layout.axes, layout.length, layout.stride, scratch)


cdef int select(
    object bits,  # IN
    const Layout* layout,
    object scratch,  # from `scratch_for`
    Plan plan,
    cnp.ndarray x,  # IN: dense, with the strides for which the layout was made
    cnp.ndarray y,  # OUT: dense, with the same strides; may be x
) except -1:
    # Selects by given bits.
    cdef Work w
    cdef const uint8_t* source = data_of(bits)
    cdef uint8_t* anew
    if layout.elements == 0:
        return 0
    if layout.reordered:
        anew = data_of(scratch)
        bits = scratch
        if layout.reordered < SMALL:
            reorder(layout, source, anew)
        else:
            with nogil:
                reorder(layout, source, anew)
    w = laid_out(layout, data_of(bits))
    w.plan = plan
    return over_arrays(&w, x, y, bits)


cdef void select_now(
    const Layout* layout, const uint8_t* bits, Plan plan, Dtype dtype, Py_ssize_t itemsize,
    const void* x,  # IN
    void* y,  # OUT, may be x
    uint8_t* scratch,  # OUT
) noexcept nogil:
    # Like `select`, but over pointers, and always on this thread.
    cdef Work w
    if layout.elements == 0:
        return
    if layout.reordered:
        reorder(layout, bits, scratch)
        bits = scratch
    w = laid_out(layout, bits)
    w.dtype = dtype
    w.itemsize = itemsize
    w.plan = plan
    w.x = <const char*> x
    w.y = <char*> y
    w.nontemporal = is_nontemporal(layout.elements, itemsize, 1, x, y)
    run_here(&w)
