# Decisions made and used: keep bits, forward, raw words.
#
# A. Whole groups run one behind another. While group g is in the cipher, the decisions of
#    group g-2 are selected between its quarter rounds; then the ties of g-1 are settled. So
#    nothing waits for the cipher that can go before it.
# B. Where the select goes by the lines of y, it takes the last word of the group before
#    along, and leaves its own last word to the next.
# C. A group of float32 is a page of y, so what groups leave each other meets the stores that
#    still wait for memory at the same place in a page each time, and a load is told from a waiting
#    store by its place in a page alone. Where arrays were stored past the caches, the stack lay so
#    in one process of five that all of it took a fifth longer. So it gets a place by y's, one of
#    those that measured well (with GCC 12, float32 and float16; some are as bad).
# D. What is no whole group, or has fewer planes than eight, whose cipher is cheap, goes
#    a group at a time: decide, then select.

cdef struct Decided:
    uint32_t[1 + <int> GROUP_WORDS] keep  # the last word of the group before, then its own
    Ties ties


# What groups leave each other.
cdef struct Left:
    Decided[3] decided
    uint32_t[<int> GROUP_WORDS] shifted  # to the lines of y


cdef inline Left* placed(Left* room, const void* y) noexcept nogil:
    # Where in the room a line begins that is a little behind y's place in a page.
    cdef size_t place = (<size_t> y + BEHIND) // LINE * LINE
    return <Left*> (<char*> room + (place - <size_t> room) % PAGE)


cdef inline void whole_groups(
    Decider* d, uint64_t first, Py_ssize_t count, const Errand* select, bint linear,
    bint stream,
    const element* x,  # IN
    element* y,  # OUT, may be x
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    # select: NULL, where there is nothing to select, or the plan of it.
    cdef Left[6] room  # a page, and one more
    cdef Left* left = placed(room, y)
    cdef Decided* now  # group g
    cdef Decided* before  # g-1
    cdef Errand errand
    cdef int ahead = 0, word
    cdef Py_ssize_t g, at
    left.decided[2].ties.open = 0
    if select != NULL:
        errand = select[0]
        ahead = ahead_of(y)
    for g in range(count + 1):
        now = &left.decided[g % 3]
        before = &left.decided[(g + 2) % 3]
        if g < count:
            if select != NULL and g > 2:
                at = DECISIONS * (g - 2)
                errand.keep = left.decided[(g + 1) % 3].keep + 1
                if ahead:
                    at += ahead - 32
                    for word in range(GROUP_WORDS):
                        left.shifted[word] = across(errand.keep + word - 1, ahead)
                    errand.keep = left.shifted
                decide_whole(
                    d, 8, first + g, now.keep + 1, &now.ties, &before.ties,
                    &errand, linear, stream, x + at, y + at,
                )
            else:
                decide_whole[float](
                    d, 8, first + g, now.keep + 1, &now.ties, &before.ties,
                    NULL, True, False, NULL, NULL,
                )
            if d.remainder == 0:
                now.ties.open = 0
        else:
            settle(d, &before.ties)
        if g > 0:
            now.keep[0] = before.keep[<int> GROUP_WORDS]
            if bits != NULL:
                store_bits(before.keep + 1, DECISIONS, bits + DECISIONS // 8 * (g - 1))
        if select != NULL and g == 1:
            select_words(before.keep + 1, DECISIONS, select.plan, stream, False, count > 1, x, y)
    if select != NULL:
        for g in range(max(count - 2, <Py_ssize_t> 1), count):
            at = DECISIONS * g
            select_words(
                left.decided[g % 3].keep + 1, DECISIONS, select.plan, stream, True, g < count - 1,
                x + at, y + at,
            )


cdef void keep_bits(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n,
    uint8_t* bits,  # OUT
) noexcept nogil:
    cdef Decider d
    cdef uint32_t[<int> WORDS] stage
    cdef uint32_t* keep
    cdef uint32_t whole, waiting = 0
    cdef uint64_t first = start >> 5, word = first, end = (start + n + 31) >> 5
    cdef int shift = start & 31
    cdef int count, k
    cdef Py_ssize_t done = 0, groups
    decider(draw, p, start + n, &d)
    while word < end:
        groups = (n - done) // DECISIONS
        if d.planes == 8 and shift == 0 and word % GROUP_WORDS == 0 and groups > 1:
            whole_groups[float](
                &d, word // GROUP_WORDS, groups, NULL, True, False, NULL, NULL, bits + (done >> 3)
            )
            done += DECISIONS * groups
            word += GROUP_WORDS * groups
            continue
        count = decide(&d, word, end, stage, &keep)
        if shift == 0:
            store_bits(keep, min(n - done, 32 * <Py_ssize_t> count), bits + (done >> 3))
            done += 32 * <Py_ssize_t> count
        else:
            for k in range(count):
                if word + k > first:
                    whole = waiting | (keep[k] << (32 - shift))
                    store_bits(&whole, min(n - done, <Py_ssize_t> 32), bits + (done >> 3))
                    done += 32
                waiting = keep[k] >> shift
        word += count
    if done < n:
        store_bits(&waiting, n - done, bits + (done >> 3))


cdef void forward_groups(
    Decider* d, uint64_t first, Py_ssize_t count, Affine plan, bint stream,
    const element* x,  # IN
    element* y,  # OUT, may be x
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    cdef Errand errand
    errand.plan = plan
    if not is_linear(plan):
        whole_groups(d, first, count, &errand, False, False, x, y, bits)
    elif HAS_MASKS and stream:
        whole_groups(d, first, count, &errand, True, True, x, y, bits)
    else:
        whole_groups(d, first, count, &errand, True, False, x, y, bits)


cdef void forward(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n, Affine plan, bint stream,
    const element* x,  # IN
    element* y,  # OUT, may be x
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    cdef Decider d
    cdef uint32_t[1 + <int> WORDS] stage
    cdef uint8_t[4 * <int> STAGE] piece
    cdef uint32_t* keep
    cdef uint64_t word = start >> 5, end = (start + n + 31) >> 5
    cdef Py_ssize_t done = 0, m, groups
    cdef uint32_t last = 0
    cdef int count
    cdef bint joined
    if start & 31:
        # A start inside a word: bits first, a stage at a time.
        while done < n:
            m = min(n - done, 32 * <Py_ssize_t> STAGE)
            keep_bits(draw, p, start + done, m, piece)
            select(piece, 0, m, plan, stream, x + done, y + done)
            if bits != NULL:
                memcpy(bits + (done >> 3), piece, (m + 7) >> 3)
            done += m
        return
    stream = stream and can_stream(y)
    decider(draw, p, start + n, &d)
    joined = d.planes != 8  # there, the pieces are what whole groups leave
    while word < end:
        groups = (n - done) // DECISIONS
        if d.planes == 8 and word % GROUP_WORDS == 0 and groups > 1:
            forward_groups(
                &d, word // GROUP_WORDS, groups, plan, stream, x + done, y + done,
                bits + (done >> 3) if bits != NULL else NULL,
            )
            done += DECISIONS * groups
            word += GROUP_WORDS * groups
            continue
        count = decide(&d, word, end, stage + 1, &keep)
        m = min(n - done, 32 * <Py_ssize_t> count)
        keep[-1] = last
        select_words(
            keep, m, plan, stream, joined and done > 0, joined and done + m < n,
            x + done, y + done,
        )
        last = keep[count - 1]
        if bits != NULL:
            store_bits(keep, m, bits + (done >> 3))
        done += m
        word += count
    if stream:
        fence()


cdef void words(
    const DrawAddress* draw, uint64_t start, Py_ssize_t n,
    uint64_t* out,  # OUT
) noexcept nogil:
    # Raw word j is the 64-bit word at place j%8 of block 2^63 + j//8.
    cdef Blocks blocks
    cdef uint32_t[<int> WORDS] W
    cdef const uint32_t* block
    cdef uint64_t j = start, end = start + n, group
    cdef uint64_t loaded = 0  # no group begins there
    cdef int apart
    set_blocks(draw, &blocks)
    while j < end:
        group = (<uint64_t> 1 << 59) + (j >> 7)
        if end - j <= 8 * FEW:
            cipher_block(&blocks, (<uint64_t> 1 << 63) + (j >> 3), W)
            block = W
            apart = 1
        else:
            if group != loaded:
                cipher_group(&blocks, group, W)
                loaded = group
            block = W + ((j >> 3) & 15)
            apart = 16
        while True:
            out[j - start] = word64(block + 2 * apart * (j & 7), apart)
            j += 1
            if j == end or j & 7 == 0:
                break
