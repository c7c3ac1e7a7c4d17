# The pipeline for a shard: groups of the mask go in, groups of the shard's elements come out. Read
# pipeline.pxi and shard.pxi first.
#
# As in pipeline.pxi, elements are selected between the quarter rounds of a group. Only groups in
# which the shard has rows are enciphered. The shard's decisions in a group are first gathered in a
# queue. When the queue holds 1024 decisions, 1024 elements are selected by these decisions, between
# the quarter rounds of the next group.
#
# `settle` stores single keep words, and `gather` loads several at once. A load that spans several
# stores waits until all these stores are in the cache. So a group is not gathered right after its
# ties were settled, but one group later.

cdef enum:
    SCRATCH = 2048  # words: two pages

cdef struct ShardPipeline:
    Pipeline pipe
    Queue queue
    uint32_t[5 * <int> GROUP_WORDS] word  # the last used word, then the words in the queue


cdef inline void skip_to(
    const Shard* shard, uint64_t limit,
    Walk* walk,  # INOUT
) noexcept nogil:
    # Moves to the first decision of the shard whose place in the mask is `limit` or later.
    cdef Py_ssize_t rows, left
    while place(walk) < limit:
        if walk.row + shard.n > limit:
            walk.done = limit - walk.row
            return
        rows = <Py_ssize_t> (limit - walk.row - shard.n) // shard.loop_stride[0] + 1
        left = shard.loop_length[0] - walk.index[0]
        if rows < left:
            walk.done = 0
            walk.index[0] += rows
            walk.row += rows * shard.loop_stride[0]
            continue
        walk.index[0] += left - 1
        walk.row += (left - 1) * shard.loop_stride[0]
        if not next_row(shard, walk):
            walk.row = <uint64_t> 1 << 63  # after all decisions
            return


cdef inline uint32_t wanted(const Shard* shard, const Walk* walk) noexcept nogil:
    # The bit map of the words of the walk's group that the shard needs, and perhaps a few more.
    # Ties in other words are not settled.
    cdef uint64_t group = place(walk) // DECISIONS
    cdef uint64_t end = walk.row + shard.n - 1  # the last decision of the row
    cdef uint32_t words = 0xFFFFFFFFU << (place(walk) % DECISIONS >> 5)
    if end // DECISIONS == group and (walk.row + shard.loop_stride[0]) // DECISIONS > group:
        words &= 0xFFFFFFFFU >> (31 - (end % DECISIONS >> 5))
    return words


cdef inline void use(
    ShardPipeline* own,
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    # Removes the first 1024 decisions from the queue, and stores them in `bits`.
    cdef Queue* queue = &own.queue
    cdef int word
    if bits != NULL:
        store_bits(own.word + 1, DECISIONS, bits)
    queue.count -= GROUP_WORDS
    for word in range(<int> queue.count + 1):
        own.word[word] = own.word[GROUP_WORDS + word]


cdef inline Py_ssize_t gather_group(
    const Shard* shard, const Group* group, Py_ssize_t n,
    Walk* walk,  # INOUT
    Queue* queue,  # INOUT
) noexcept nogil:
    cdef uint64_t begin = group.ties.first >> 5
    return gather(shard, group.keep + 1, begin, begin + GROUP_WORDS, n, walk, queue)


cdef inline void pass_groups(
    Decider* d, const Shard* shard, Py_ssize_t first, Py_ssize_t n, Plan plan, bint linear,
    bint only_bits, bint nontemporal,
    const element* x,  # IN, if not only_bits
    element* y,  # OUT, may be x
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    # n > 1024
    cdef uint32_t[<int> SCRATCH] scratch
    cdef ShardPipeline* own = <ShardPipeline*> placed(<Pipeline*> scratch, y)
    cdef Pipeline* pipe = &own.pipe
    cdef Queue* queue = &own.queue
    cdef Walk ahead, behind  # the next decisions to encipher, and the next decisions to gather
    cdef uint64_t end, group
    cdef int shifted = 0 if only_bits else ahead_of(y)
    cdef Py_ssize_t done = 0, taken = 0, turn = 0, at
    cdef bint selecting, more = True
    walk_from(shard, first + n - 1, &behind)
    end = place(&behind) + 1
    walk_from(shard, first, &behind)
    ahead = behind
    queue.word = own.word + 1
    queue.count = 0
    queue.waiting = 0
    queue.filled = 0
    expect_ties(d)
    group_at(pipe, 2).ties.open = 0
    while more:
        more = place(&ahead) < end
        selecting = done > 0 and queue.count >= <int> GROUP_WORDS
        if more:
            group = place(&ahead) // DECISIONS
            if selecting and not only_bits:
                at = done + shifted - 32 if shifted else done
                advance(
                    d, group, group_at(pipe, turn), group_at(pipe, turn + 2), True,
                    by_lines(pipe, queue.word, shifted), plan, linear, nontemporal, x + at, y + at,
                )
            else:
                advance_only(d, group, group_at(pipe, turn), group_at(pipe, turn + 2))
            group_at(pipe, turn).ties.open &= wanted(shard, &ahead)
            skip_to(shard, DECISIONS * (group + 1), &ahead)
        else:
            settle(d, &group_at(pipe, turn + 2).ties)
            selecting = selecting and only_bits
        if selecting:
            use(own, bits + (done >> 3) if bits != NULL else NULL)
            done += DECISIONS
        if turn > 1:
            taken += gather_group(shard, group_at(pipe, turn - 2), n - taken, &behind, queue)
        if done == 0 and queue.count >= <int> GROUP_WORDS:
            if not only_bits:
                select_words(queue.word, DECISIONS, plan, nontemporal, False, True, x, y)
            use(own, bits)
            done += DECISIONS
        turn += 1
    gather_group(shard, group_at(pipe, turn - 2), n - taken, &behind, queue)
    finish(queue)
    if bits != NULL:
        store_bits(queue.word, n - done, bits + (done >> 3))
    if not only_bits:
        select_words(queue.word, n - done, plan, nontemporal, True, False, x + done, y + done)


cdef void forward_shard_groups(
    Decider* d, const Shard* shard, Py_ssize_t first, Py_ssize_t n, Plan plan, bint nontemporal,
    const element* x,  # IN
    element* y,  # OUT, may be x
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    # The flags are constants in each call, so the compiler removes their branches from the loops.
    if not is_linear(plan):
        pass_groups(d, shard, first, n, plan, False, False, False, x, y, bits)
    elif HAS_NONTEMPORAL and nontemporal:
        pass_groups(d, shard, first, n, plan, True, False, True, x, y, bits)
    else:
        pass_groups(d, shard, first, n, plan, True, False, False, x, y, bits)
