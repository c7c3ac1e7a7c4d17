# The kernels that make decisions (`keep_bits`), make decisions and select elements by them
# (`forward_plan`), or make raw words (`words`). Read decide.pxi and pipeline.pxi first.
#
# At eight planes, two or more successive whole groups go through the pipeline, if `start` is a
# multiple of 32. All other decisions are made in stages; `forward_plan` selects the elements of a
# stage before the next stage is decided. With fewer than eight planes the cipher is a small part of
# the cost, so the pipeline would gain little.

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
            decide_groups(&d, word // GROUP_WORDS, groups, bits + (done >> 3))
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


cdef void forward_plan(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n, Plan plan, bint nontemporal,
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
        # `start` is inside a keep word. For each stage, `keep_bits` makes packed bits, and then
        # `select` uses them.
        while done < n:
            m = min(n - done, 32 * <Py_ssize_t> STAGE)
            keep_bits(draw, p, start + done, m, piece)
            select(piece, 0, m, plan, nontemporal, x + done, y + done)
            if bits != NULL:
                memcpy(bits + (done >> 3), piece, (m + 7) >> 3)
            done += m
        return
    nontemporal = nontemporal and can_go_nontemporal(y)
    decider(draw, p, start + n, &d)
    # At eight planes this loop has at most three stages: too few to join them (select.pxi, C).
    joined = d.planes != 8
    while word < end:
        groups = (n - done) // DECISIONS
        if d.planes == 8 and word % GROUP_WORDS == 0 and groups > 1:
            forward_groups(
                &d, word // GROUP_WORDS, groups, plan, nontemporal, x + done, y + done,
                bits + (done >> 3) if bits != NULL else NULL,
            )
            done += DECISIONS * groups
            word += GROUP_WORDS * groups
            continue
        count = decide(&d, word, end, stage + 1, &keep)
        m = min(n - done, 32 * <Py_ssize_t> count)
        keep[-1] = last
        select_words(
            keep, m, plan, nontemporal, joined and done > 0, joined and done + m < n,
            x + done, y + done,
        )
        last = keep[count - 1]
        if bits != NULL:
            store_bits(keep, m, bits + (done >> 3))
        done += m
        word += count
    if nontemporal:
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
    cdef uint64_t loaded = 0  # the group in W; groups of raw words are never 0
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
