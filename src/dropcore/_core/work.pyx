# A call of a kernel, on this thread or split over several threads.
#
# A. A Work is a call of a kernel, with all its arguments. It can be cut into pieces for threads.
#    - If each element has a decision of its own, a cut is at a multiple of 8192 elements, counted
#      from the first element of the Work. A group of the cipher has 1024, 2048, 4096 or 8192
#      decisions. If `start` is a multiple of the group's number of decisions, a group ends at each
#      cut, so no block of a group is computed twice. With another `start`, or with rows of a shard,
#      both threads compute the group at the cut.
#    - If elements share decisions, a cut is between two steps of the layout (layout.pxd). In a
#      layout with one step, a cut is between two decisions (repeat) or two rows (tile).
# B. A call on one thread for fewer than SMALL elements keeps the GIL, for a few microseconds.
#    Releasing the GIL made a call for 2^14 elements a twentieth slower. Even with the GIL released,
#    two threads that made only such calls made no more calls per second than one thread. For fewer
#    than GROUP elements the number of threads is not looked up, because such a call uses one thread
#    in any case.

cimport cython

import threading

from dropcore._core import threads
from dropcore._core.dispatch cimport kernels
from dropcore._core.nontemporal cimport is_nontemporal

cdef enum:
    GROUP = 8192  # decisions in a group, at most


# ------------------------------------------------------------------- one call

cdef void run_inner(const Work* w) noexcept nogil:
    if w.operation == KEEP_BITS:
        kernels.keep_bits(&w.draw, w.p, w.start, w.n, w.bits_out)
    elif w.operation == DROP:
        kernels.forward_plan[<int> w.dtype](
            &w.draw, w.p, w.start, w.n, w.plan, w.nontemporal, w.x, w.y, w.bits_out
        )
    elif w.operation == KEEP_SHARD:
        kernels.keep_shard(&w.draw, w.p, w.shard, w.first, w.n, w.bits_out)
    elif w.operation == DROP_SHARD:
        kernels.forward_shard[<int> w.dtype](
            &w.draw, w.p, w.shard, w.first, w.n, w.plan, w.nontemporal, w.x, w.y, w.bits_out
        )
    elif w.operation == SELECT:
        kernels.select[<int> w.dtype](w.bits_in, w.first, w.n, w.plan, w.nontemporal, w.x, w.y)
    elif w.operation == REPEAT:
        kernels.repeat[<int> w.dtype](
            w.bits_in, w.first, w.n, w.times, w.plan, w.nontemporal, w.x, w.y
        )
    else:
        kernels.tile[<int> w.dtype](
            w.bits_in, w.first, w.times, w.n, w.plan, w.nontemporal, w.x, w.y
        )


cdef void run_here(const Work* w) noexcept nogil:
    cdef Work inner
    cdef Py_ssize_t step, rest, block = w.n * w.times * w.itemsize
    cdef int axis
    if w.layout == NULL:
        run_inner(w)
        return
    inner = w[0]
    for step in range(w.step, w.step + w.steps):
        inner.first = w.first
        rest = step
        for axis in range(w.layout.loops if w.steps > 1 or step else 0):
            inner.first += rest % w.layout.loop_length[axis] * w.layout.loop_stride[axis]
            rest //= w.layout.loop_length[axis]
        run_inner(&inner)
        inner.x += block
        inner.y += block


cdef Work cut(const Work* w, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    # The piece from `begin` to `end`-1. If the Work has several steps, these numbers count steps;
    # otherwise they count decisions, rows or elements, as `n` does.
    cdef Work piece = w[0]
    cdef Py_ssize_t skipped = begin * w.times * w.itemsize
    if w.steps > 1:
        skipped *= w.n
        piece.step += begin
        piece.steps = end - begin
    else:
        piece.n = end - begin
        piece.start += begin
        if w.operation != TILE:
            piece.first += begin
        if piece.bits_out != NULL:
            piece.bits_out += begin >> 3
    piece.x += skipped
    piece.y += skipped
    return piece


# ---------------------------------------------------------------- its pieces

@cython.final
cdef class Piece:
    # One share of a Work. The first call of a piece runs the piece; later calls do nothing. A piece
    # keeps the arrays alive.
    cdef Work work
    cdef tuple kept_alive
    cdef object claim
    cdef object ended
    cdef bint done

    def __cinit__(self):
        # Plain locks: an exception in a signal handler can leave an Event or a Condition in an
        # inconsistent state.
        self.claim = threading.Lock()
        self.ended = threading.Lock()
        self.ended.acquire()

    def __call__(self):
        if self.is_claimed():
            with nogil:
                run_here(&self.work)
            self.end()
            self.ended.release()

    cdef int give_up(self) except -1:
        if self.is_claimed():
            self.end()
        return 0

    cdef bint is_claimed(self) except -1:
        # Whether this call claimed the piece. If there is no memory for the arguments of `acquire`,
        # `acquire` is called again: the draw is already taken, so the user's call must not fail.
        while True:
            try:
                return self.claim.acquire(False)
            except MemoryError:
                pass

    # On free-threaded builds the critical section publishes the results before `done`.

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
    # If a signal handler raises during the wait, its exception is raised after all pieces have
    # ended. A lack of memory for the arguments of `acquire` is treated as in `is_claimed`.
    cdef Piece piece
    raised = None
    for piece in pieces:
        piece.give_up()
    for piece in pieces:
        while not piece.has_ended():
            try:
                piece.ended.acquire(True, 0.1)
            except MemoryError:
                pass
            except BaseException as error:
                raised = error
    if raised is not None:
        raise raised
    return 0


cdef int execute(Work* w, object x, object y, object bits) except -1:
    cdef Py_ssize_t elements = w.n * w.times * w.steps
    cdef Py_ssize_t units = w.steps if w.steps > 1 else w.n
    cdef Py_ssize_t grain = GROUP if w.steps == 1 and w.times == 1 else 1
    cdef Py_ssize_t count = 1, share, begin
    cdef Piece piece
    cdef list pieces
    if elements >= <int> GROUP:
        count = threads._threads
        if count > 1:
            count = min(count, elements // <Py_ssize_t> threads.PIECE)
    w.nontemporal = is_nontemporal(elements, w.itemsize, count, w.x, w.y)
    if count <= 1:
        if elements < SMALL:
            run_here(w)
        else:
            with nogil:
                run_here(w)
        return 0
    share = -(-units // (count * grain)) * grain
    pieces = []
    try:
        for begin in range(0, units, share):
            piece = Piece()
            piece.kept_alive = (x, y, bits)
            piece.work = cut(w, begin, min(begin + share, units))
            pieces.append(piece)
    except (MemoryError, RuntimeError):
        # RuntimeError: no lock could be made. The Work runs on this thread: the draw is already
        # taken, so the user's call must not fail.
        with nogil:
            run_here(w)
        return 0
    try:
        threads.run_pieces(pieces)
    except MemoryError:
        for piece in pieces:
            piece()
    finally:
        wait_for(pieces)
    return 0
