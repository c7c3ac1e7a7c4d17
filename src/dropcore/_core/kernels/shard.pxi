# Decisions of a shard: rows of neighbouring decisions of the mask, gathered in the shard's order.
# _core/shard.pyx explains shard, row and loop. Read that file and decide.pxi first.
#
# A. Rows are in increasing order in the mask, so one pass over the mask is enough. One window of
#    keep words is decided at a time, for all rows in the window.
# B. A window goes to the end of its group. It ends earlier, at the end of the current row, if the
#    next row begins in another group, or if the row is the last one of the innermost loop.
# C. At eight planes and 4096 or more elements, if rows are long or near each other, whole groups go
#    through the pipeline instead (`takes_whole_groups`; shard_pipeline.pxi).

cdef enum:
    LONG_ROW = 128  # decisions: whole groups are cheaper if a row has at least so many
    NEAR_ROWS = 512  # decisions: whole groups are also cheaper if rows begin at most so far apart

# A position in a shard.
cdef struct Walk:
    uint64_t row  # the place of the row's first decision in the mask
    Py_ssize_t done  # decisions of the row that were taken before
    Py_ssize_t[<int> MAX_AXES] index  # of the row, in each loop

# Decisions in the shard's order.
cdef struct Queue:
    uint32_t* word
    Py_ssize_t count  # whole words in `word`
    uint64_t waiting  # a word that is not whole yet: the next `filled` decisions
    int filled


cdef inline uint64_t place(const Walk* walk) noexcept nogil:
    return walk.row + walk.done


cdef inline void walk_from(
    const Shard* shard, Py_ssize_t first,
    Walk* walk,  # OUT
) noexcept nogil:
    cdef Py_ssize_t row = first // shard.n
    cdef int axis
    walk.done = first - row * shard.n
    walk.row = shard.start
    for axis in range(shard.loops):
        walk.index[axis] = row % shard.loop_length[axis]
        row = row // shard.loop_length[axis]
        walk.row += walk.index[axis] * shard.loop_stride[axis]


cdef inline bint next_row(
    const Shard* shard,
    Walk* walk,  # INOUT
) noexcept nogil:
    # Returns False after the last row.
    cdef int axis
    walk.done = 0
    for axis in range(shard.loops):
        walk.row += shard.loop_stride[axis]
        walk.index[axis] += 1
        if walk.index[axis] < shard.loop_length[axis]:
            return True
        walk.row -= walk.index[axis] * shard.loop_stride[axis]
        walk.index[axis] = 0
    return False


cdef inline uint32_t two_words(const uint32_t* keep, int shift) noexcept nogil:
    # The 32 decisions from bit `shift` on, 0 <= shift < 32.
    return <uint32_t> ((keep[0] | <uint64_t> keep[1] << 32) >> shift)


cdef inline void across_many(
    const uint32_t* keep, int ahead, Py_ssize_t count,  # 0 < ahead < 32
    uint32_t* out,  # OUT
) noexcept nogil:
    # Eight words at a time. The last eight overlap the eight before, so no words are left over.
    cdef uint32_t[8] low
    cdef uint32_t[8] high
    cdef Py_ssize_t word, at
    cdef int k
    if count < 8:
        for word in range(count):
            out[word] = across(keep + word, ahead)
        return
    for word from 0 <= word < count by 8:
        at = min(word, count - 8)
        memcpy(low, keep + at, sizeof(low))
        memcpy(high, keep + at + 1, sizeof(high))
        for k in range(8):
            low[k] = (low[k] >> ahead) | (high[k] << (32 - ahead))
        memcpy(out + at, low, sizeof(low))


cdef inline void append(
    const uint32_t* keep, int shift, Py_ssize_t n,  # IN: n decisions from bit `shift` on
    Queue* queue,  # INOUT
) noexcept nogil:
    cdef Py_ssize_t whole
    cdef int m
    if n >= 128:
        # Completes the waiting word, then appends whole words.
        m = 32 - queue.filled
        queue.word[queue.count] = <uint32_t> (
            queue.waiting | <uint64_t> two_words(keep, shift) << queue.filled
        )
        shift += m
        keep += shift >> 5
        shift &= 31
        n -= m
        whole = n >> 5
        if shift == 0:
            memcpy(queue.word + queue.count + 1, keep, 4 * whole)
        else:
            across_many(keep, shift, whole, queue.word + queue.count + 1)
        queue.count += 1 + whole
        queue.waiting = 0
        queue.filled = 0
        keep += whole
        n &= 31
    while n > 0:
        m = <int> min(n, <Py_ssize_t> 32)
        queue.waiting |= <uint64_t> (
            two_words(keep, shift) & (0xFFFFFFFFU >> (32 - m))
        ) << queue.filled
        queue.filled += m
        if queue.filled >= 32:
            queue.word[queue.count] = <uint32_t> queue.waiting
            queue.count += 1
            queue.waiting >>= 32
            queue.filled -= 32
        keep += 1
        n -= m


cdef inline void append_rows(
    const uint32_t* keep, uint64_t at, Py_ssize_t stride, int n, Py_ssize_t rows,
    Queue* queue,  # INOUT
) noexcept nogil:
    # Appends rows of n <= 32 decisions each; the first row begins at bit `at`.
    cdef uint64_t waiting = queue.waiting
    cdef uint32_t* word = queue.word + queue.count
    cdef uint32_t low = 0xFFFFFFFFU >> (32 - n)
    cdef int filled = queue.filled, whole
    cdef Py_ssize_t row
    for row in range(rows):
        waiting |= <uint64_t> (two_words(keep + (at >> 5), at & 31) & low) << filled
        at += stride
        filled += n
        # No branch tests whether the word is whole: such a branch would be unpredictable.
        word[0] = <uint32_t> waiting
        whole = filled >> 5
        word += whole
        waiting >>= 32 * whole
        filled &= 31
    queue.waiting = waiting
    queue.count = word - queue.word
    queue.filled = filled


cdef Py_ssize_t gather(
    const Shard* shard, const uint32_t* keep, uint64_t begin, uint64_t end, Py_ssize_t n,
    Walk* walk,  # INOUT
    Queue* queue,  # INOUT
) noexcept nogil:
    # The window is the keep words begin ... end-1 of the mask; one more word after the window must
    # be readable. Appends the shard's decisions in the window, but at most n, and returns their
    # number.
    cdef Py_ssize_t taken = 0, left, rows
    cdef uint64_t at, stop = end << 5
    while taken < n:
        at = place(walk)
        if at >= stop:
            break
        left = min(n - taken, <Py_ssize_t> (stop - at))
        if walk.done == 0 and shard.n <= 32 and shard.n <= left:
            rows = (left - shard.n) // shard.loop_stride[0] + 1
            rows = min(rows, shard.loop_length[0] - walk.index[0])
            append_rows(
                keep, at - (begin << 5), shard.loop_stride[0], <int> shard.n, rows, queue
            )
            taken += rows * shard.n
            walk.row += (rows - 1) * shard.loop_stride[0]
            walk.index[0] += rows - 1
            next_row(shard, walk)
            continue
        left = min(left, shard.n - walk.done)
        append(keep + ((at >> 5) - begin), at & 31, left, queue)
        taken += left
        walk.done += left
        if walk.done == shard.n:
            next_row(shard, walk)
    return taken


cdef inline void finish(Queue* queue) noexcept nogil:
    queue.word[queue.count] = <uint32_t> queue.waiting


cdef inline int move(
    Decider* d, const Shard* shard, const Walk* walk,
    uint32_t* stage,  # OUT: room for WORDS
    uint32_t** keep,  # OUT: the window that begins at the walk's place
) noexcept nogil:
    # Returns the number of words in the window.
    cdef uint64_t word = place(walk) >> 5
    cdef uint64_t last = (walk.row + shard.n + 31) >> 5
    cdef uint64_t after = ((word >> d.bits) + 1) << d.bits
    if walk.index[0] + 1 < shard.loop_length[0] and (
        (walk.row + shard.loop_stride[0]) >> 5 < after
    ):
        last = after
    return decide(d, word, last, stage, keep)


cdef Py_ssize_t collect(
    Decider* d, const Shard* shard, Py_ssize_t n,
    Walk* walk,  # INOUT
    uint32_t* keep,  # OUT: the next n decisions
) noexcept nogil:
    cdef uint32_t[<int> WORDS + 1] stage
    cdef uint32_t* window
    cdef uint64_t word
    cdef Queue queue = Queue(word=keep, count=0, waiting=0, filled=0)
    cdef Py_ssize_t done = 0
    cdef int count
    while done < n:
        word = place(walk) >> 5
        count = move(d, shard, walk, stage, &window)
        done += gather(shard, window, word, word + count, n - done, walk, &queue)
    if queue.filled:
        finish(&queue)
    return n


cdef inline bint takes_whole_groups(
    const Decider* d, const Shard* shard, Py_ssize_t n,
) noexcept nogil:
    return d.planes == 8 and n >= 4 * DECISIONS and (
        shard.n >= LONG_ROW or shard.loop_stride[0] <= NEAR_ROWS
    )


cdef void keep_shard(
    const DrawAddress* draw, double p, const Shard* shard, Py_ssize_t first, Py_ssize_t n,
    uint8_t* bits,  # OUT
) noexcept nogil:
    cdef Decider d
    cdef Walk walk
    cdef uint32_t[<int> STAGE] keep
    cdef Plan unused = Plan(scale=0, shift=0, drop=0)
    cdef Py_ssize_t done = 0, m
    if n == 0:
        return
    if shard.loops == 0:
        keep_bits(draw, p, shard.start + first, n, bits)
        return
    decider(draw, p, <uint64_t> 1 << 63, &d)
    walk_from(shard, first, &walk)
    if takes_whole_groups(&d, shard, n):
        pass_groups[float](&d, shard, first, n, unused, False, True, False, NULL, NULL, bits)
        return
    while done < n:
        m = min(n - done, 32 * <Py_ssize_t> STAGE)
        collect(&d, shard, m, &walk, keep)
        store_bits(keep, m, bits + (done >> 3))
        done += m


cdef void forward_shard(
    const DrawAddress* draw, double p, const Shard* shard, Py_ssize_t first, Py_ssize_t n,
    Plan plan, bint nontemporal,
    const element* x,  # IN
    element* y,  # OUT, may be x
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    cdef Decider d
    cdef Walk walk
    cdef uint32_t[1 + <int> STAGE] keep  # the last word of the stage before, then all of this stage
    cdef Py_ssize_t done = 0, m
    if n == 0:
        return
    if shard.loops == 0:
        forward_plan(draw, p, shard.start + first, n, plan, nontemporal, x, y, bits)
        return
    nontemporal = nontemporal and can_go_nontemporal(y)
    decider(draw, p, <uint64_t> 1 << 63, &d)
    walk_from(shard, first, &walk)
    if takes_whole_groups(&d, shard, n):
        forward_shard_groups(&d, shard, first, n, plan, nontemporal, x, y, bits)
    else:
        while done < n:
            m = min(n - done, 32 * <Py_ssize_t> STAGE)
            collect(&d, shard, m, &walk, keep + 1)
            select_words(keep + 1, m, plan, nontemporal, done > 0, done + m < n, x + done, y + done)
            if bits != NULL:
                store_bits(keep + 1, m, bits + (done >> 3))
            keep[0] = keep[<int> STAGE]
            done += m
    if nontemporal:
        fence()
