# The face of the kernels: arrays that `arrays` has checked in, kernels with the GIL released
# below.
#
# A. A call is described once, as a Work, and a Work can be cut: threads run its
#    pieces. Cuts are where a group of decisions ends, so no block is made twice.
# B. Decisions lie over the elements as `layout` finds it: one for each, or a `repeat` or `tile`
#    in a loop that steps through the bits.
# C. Releasing the GIL costs as much as a small array takes, so small arrays keep it. Typed
#    memoryviews would ask every array again what it is, which costs as much as all the rest
#    of a call: what comes here has its dtype beside it, is dense (`is_dense`), and is held by
#    the caller.

cimport cython
cimport numpy as cnp
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memset

import threading

from dropcore._core import threads
from dropcore._core.dispatch cimport kernels, streams
from dropcore._core.table cimport Affine, DrawAddress, Dtype, Nest

cnp.import_array()

cdef enum:
    GROUP = 8192  # decisions in a group, at most
    SMALL = 4096  # elements

cdef enum Operation:
    KEEP
    FORWARD
    SELECT
    REPEAT
    TILE

cdef struct Work:
    Operation operation
    Dtype dtype
    Py_ssize_t itemsize
    DrawAddress draw
    double p
    uint64_t start
    const uint8_t* bits_in
    uint8_t* bits_out
    uint64_t first
    Py_ssize_t n  # elements; of a repeat: decisions; of a tile: rows
    Py_ssize_t times  # of a repeat: elements to a decision; of a tile: decisions in a row
    const Nest* nest
    Py_ssize_t step  # of its loop, the first
    Py_ssize_t steps
    Affine plan
    bint stream
    const char* x
    char* y


# ----------------------------------------------------------------------- work

cdef inline Work work(Operation operation, Py_ssize_t n) noexcept nogil:
    cdef Work w
    memset(&w, 0, sizeof(w))
    w.operation = operation
    w.n = n
    w.times = 1
    w.steps = 1
    return w


cdef void run_inner(const Work* w) noexcept nogil:
    if w.operation == KEEP:
        kernels.keep(&w.draw, w.p, w.start, w.n, w.bits_out)
    elif w.operation == FORWARD:
        kernels.forward[<int> w.dtype](
            &w.draw, w.p, w.start, w.n, w.plan, w.stream, w.x, w.y, w.bits_out
        )
    elif w.operation == SELECT:
        kernels.select[<int> w.dtype](w.bits_in, w.first, w.n, w.plan, w.stream, w.x, w.y)
    elif w.operation == REPEAT:
        kernels.repeat[<int> w.dtype](w.bits_in, w.first, w.n, w.times, w.plan, w.stream, w.x, w.y)
    else:
        kernels.tile[<int> w.dtype](w.bits_in, w.first, w.times, w.n, w.plan, w.stream, w.x, w.y)


cdef void run(const Work* w) noexcept nogil:
    cdef Work inner = w[0]
    cdef Py_ssize_t step, rest, block = w.n * w.times * w.itemsize
    cdef int axis
    for step in range(w.step, w.step + w.steps):
        inner.first = w.first
        rest = step
        for axis in range(w.nest.loops if w.steps > 1 or step else 0):
            inner.first += rest % w.nest.loop_length[axis] * w.nest.loop_stride[axis]
            rest //= w.nest.loop_length[axis]
        run_inner(&inner)
        inner.x += block
        inner.y += block


cdef Work cut(const Work* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    # Steps begin ... end-1 of the loop, or where it has one step, units.
    cdef Work piece = w[0]
    cdef Py_ssize_t skipped = begin * w.times * w.itemsize
    if w.steps > 1:
        skipped *= w.n
        piece.step += begin
        piece.steps = end - begin
    else:
        piece.n = end - begin
        if w.operation == KEEP or w.operation == FORWARD:
            piece.start += begin
            if piece.bits_out != NULL:
                piece.bits_out += begin >> 3
        elif w.operation == SELECT or w.operation == REPEAT:
            piece.first += begin
    piece.x += skipped
    piece.y += skipped
    return piece


@cython.final
cdef class Piece:
    # One share of a Work, run once, by whoever calls it first. It holds the arrays.
    cdef Work work
    cdef tuple arrays
    cdef object claim
    cdef object ended
    cdef bint done

    def __cinit__(self):
        # Locks alone: what threading builds of them, an exception in a signal handler can
        # leave half done.
        self.claim = threading.Lock()
        self.ended = threading.Lock()
        self.ended.acquire()

    def __call__(self):
        if self.claim.acquire(False):
            with nogil:
                run(&self.work)
            self.end()
            self.ended.release()

    cdef int give_up(self) except -1:
        if self.claim.acquire(False):
            self.end()
        return 0

    # Without the GIL it takes a lock that what was written is seen before that it was.

    cdef int end(self) except -1:
        with cython.critical_section(self):
            self.done = True
        return 0

    cdef bint has_ended(self) except -1:
        cdef bint done
        with cython.critical_section(self):
            done = self.done
        return done


cdef int wait_for(list pieces) except -1:
    # Whatever a signal handler raises meanwhile is raised after that.
    cdef Piece piece
    raised = None
    for piece in pieces:
        piece.give_up()
    for piece in pieces:
        while not piece.has_ended():
            try:
                piece.ended.acquire(True, 0.1)
            except BaseException as error:
                raised = error
    if raised is not None:
        raise raised
    return 0


cdef int execute(Work* w, cnp.ndarray x, cnp.ndarray y, cnp.ndarray bits) except -1:
    cdef Py_ssize_t elements = w.n * w.times * w.steps
    cdef Py_ssize_t units = w.steps if w.steps > 1 else w.n
    cdef Py_ssize_t grain = GROUP if w.steps == 1 and w.times == 1 else 1
    cdef Py_ssize_t count = 1, share, begin
    cdef Piece piece
    cdef list pieces
    if elements >= SMALL:
        count = min(<Py_ssize_t> threads._threads, elements // <Py_ssize_t> threads.PIECE)
    w.stream = streams(elements * w.itemsize, count, w.x, w.y)
    if elements < SMALL:
        run(w)
        return 0
    if count <= 1:
        with nogil:
            run(w)
        return 0
    share = -(-units // (count * grain)) * grain
    pieces = []
    for begin in range(0, units, share):
        piece = Piece()
        piece.arrays = (x, y, bits)
        piece.work = cut(w, begin, min(begin + share, units))
        pieces.append(piece)
    try:
        threads.run(pieces)
    finally:
        wait_for(pieces)
    return 0


# ------------------------------------------------------------------ the buffers

cdef inline uint8_t* bytes_of(cnp.ndarray bits) noexcept:
    return <uint8_t*> cnp.PyArray_DATA(bits)


cdef int apply(Work* w, cnp.ndarray x, cnp.ndarray y, cnp.ndarray bits) except -1:
    w.itemsize = cnp.PyArray_ITEMSIZE(x)
    w.x = <const char*> cnp.PyArray_DATA(x)
    w.y = <char*> cnp.PyArray_DATA(y)
    return execute(w, x, y, bits)


cdef int keep_bits(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n,
    cnp.ndarray bits,  # OUT: uint8
) except -1:
    cdef Work w = work(KEEP, n)
    if n == 0:
        return 0
    w.draw = draw[0]
    w.p = p
    w.start = start
    w.bits_out = bytes_of(bits)
    return execute(&w, None, None, bits)


cdef int forward(
    const DrawAddress* draw, double p, Affine plan, Dtype dtype,
    cnp.ndarray x,  # IN
    cnp.ndarray y,  # OUT, may be x
    cnp.ndarray bits,  # OUT: uint8, or None
) except -1:
    # A decision for each element, made and used at once.
    cdef Work w = work(FORWARD, cnp.PyArray_SIZE(x))
    if w.n == 0:
        return 0
    w.dtype = dtype
    w.draw = draw[0]
    w.p = p
    w.plan = plan
    if bits is not None:
        w.bits_out = bytes_of(bits)
    return apply(&w, x, y, bits)


cdef cnp.ndarray new_room(Py_ssize_t bits):
    cdef cnp.npy_intp size = (bits + 31) // 32 * 4
    return cnp.PyArray_EMPTY(1, &size, cnp.NPY_UINT8, 0)


cdef inline void reorder(
    const Nest* nest, const uint8_t* bits,
    uint8_t* room,  # OUT
) noexcept nogil:
    kernels.reorder(bits, nest.axes, nest.length, nest.stride, room)


cdef inline Work laid_out(const Nest* nest, const uint8_t* bits) noexcept nogil:
    # By bits that are laid out already.
    cdef Work w = work(SELECT, nest.elements)
    w.bits_in = bits
    if not nest.dense:
        w.operation = REPEAT if nest.repeats else TILE
        w.nest = nest
        w.n = nest.n
        w.times = nest.times
        w.steps = nest.steps
    return w


cdef int select(
    cnp.ndarray bits,  # IN: uint8
    const Nest* nest,
    cnp.ndarray room,  # from `room_for`
    Affine plan, Dtype dtype,
    cnp.ndarray x,  # IN: dense, in the order of axes that the nest was found for
    cnp.ndarray y,  # OUT, in the same; may be x
) except -1:
    # Decisions that are there, laid out over the elements.
    cdef Work w
    cdef const uint8_t* source = bytes_of(bits)
    cdef uint8_t* anew
    if nest.elements == 0:
        return 0
    if nest.reordered:
        anew = bytes_of(room)
        bits = room
        if nest.reordered < SMALL:
            reorder(nest, source, anew)
        else:
            with nogil:
                reorder(nest, source, anew)
    w = laid_out(nest, bytes_of(bits))
    w.dtype = dtype
    w.plan = plan
    return apply(&w, x, y, bits)


cdef void select_now(
    const Nest* nest, const uint8_t* bits, Affine plan, Dtype dtype, Py_ssize_t itemsize,
    const void* x,  # IN
    void* y,  # OUT, may be x
    uint8_t* room,  # OUT
) noexcept nogil:
    # The same on one thread, without arrays.
    cdef Work w
    if nest.elements == 0:
        return
    if nest.reordered:
        reorder(nest, bits, room)
        bits = room
    w = laid_out(nest, bits)
    w.dtype = dtype
    w.itemsize = itemsize
    w.plan = plan
    w.x = <const char*> x
    w.y = <char*> y
    w.stream = streams(nest.elements * itemsize, 1, x, y)
    run(&w)


cpdef double kept_scale(double p) noexcept nogil:
    """1/(1 - P/2^64), with P = floor(p * 2^64): what keeps the mean; 0 for p = 1."""
    cdef uint64_t P
    if p >= 1:
        return 0
    P = <uint64_t> (p * 18446744073709551616.0)
    return 1 / (1 - <double> P / 18446744073709551616.0)
