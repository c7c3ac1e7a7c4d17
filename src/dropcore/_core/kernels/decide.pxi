# Keep decisions (docs/mask-stream.md, sections 3 to 5). A keep word holds 32 decisions; a bit is 1
# if the element is kept. Read cipher.pxi first.
#
# A plane is one random bit for each element of a group: the 256 words of a group are K planes of
# 256/K words. p determines K: 8 for most p, otherwise 1, 2 or 4. With P = floor(p * 2^64),
#
#     u(i) = sum over j of plane_j(i) * 2^(K-1-j)
#     element i is dropped if u(i) < T, or if u(i) == T and s(i) < R,
#     T = P >> (64-K),  R = (P << K) mod 2^64,
#     s(i) = mix64((t0 + (i+1) * 0x9E3779B97F4A7C15) ^ t1).
#
# t0 and t1 are the first two 64-bit words of block 2^64 - 1. A group of blocks decides 8192/K
# elements. An element with u(i) == T is a tie. For K < 8, R is 0: all ties are kept, and s(i) is
# not needed.
#
# A. u is compared with T for all elements of a register at once: `fold` combines the planes by
#    `and`, `or` and `not`, in the registers in which the cipher leaves the planes. At K = 8 one
#    element in 256 is a tie, and only ties are decided one by one (`settle`).
# B. A bit map (`open`) marks the keep words of a group that have ties, and one loop goes through
#    the marked words. A branch for each word of the group would be mispredicted once in eight
#    words.

cdef struct Decider:
    Blocks blocks
    int planes  # K; 0 if all decisions are the same (`constant`)
    int bits  # a group has 2^bits keep words
    uint32_t[8] clear  # for each plane: all ones if its bit of T is 0, else all zeros
    uint64_t remainder  # R; 0 for K < 8, so no tie is dropped
    uint32_t constant  # the keep word, if planes is 0
    uint64_t end  # the first decision that is not needed
    bint has_tie_key  # t0 and t1 are computed
    uint64_t t0
    uint64_t t1


# The ties of a group at K = 8: 1024 decisions.
cdef struct Ties:
    uint64_t first  # index of the first decision
    uint32_t open  # bit w is 1 if word w has ties
    uint32_t[<int> GROUP_WORDS] word  # a bit is 1 where the element is a tie
    uint32_t* keep  # the keep words; `settle` clears the bit of each tie that is dropped


cdef inline void decider(
    const DrawAddress* draw, double p, uint64_t end,
    Decider* d,  # OUT
) noexcept nogil:
    cdef uint64_t P
    cdef int j
    d.planes = 0
    d.bits = 8
    d.remainder = 0
    d.constant = 0
    d.end = end
    d.has_tie_key = False
    if p >= 1:
        return
    P = <uint64_t> (p * 18446744073709551616.0)  # the product is exact; the cast rounds down
    if P == 0:
        d.constant = 0xFFFFFFFFU
        return
    if P << 1 == 0:
        d.planes = 1
    elif P << 2 == 0:
        d.planes = 2
        d.bits = 7
    elif P << 4 == 0:
        d.planes = 4
        d.bits = 6
    else:
        d.planes = 8
        d.bits = 5
    for j in range(d.planes):
        d.clear[j] = <uint32_t> (P >> (63 - j) & 1) - 1
    d.remainder = P << d.planes
    set_blocks(draw, &d.blocks)


cdef inline uint64_t mix64(uint64_t z) noexcept nogil:
    z ^= z >> 30
    z *= 0xBF58476D1CE4E5B9ULL
    z ^= z >> 27
    z *= 0x94D049BB133111EBULL
    return z ^ (z >> 31)


cdef inline uint64_t word64(const uint32_t* W, int apart) noexcept nogil:
    return W[0] | (<uint64_t> W[apart] << 32)


cdef void draw_tie_key(Decider* d) noexcept nogil:
    cdef uint32_t[16] W
    cipher_block(&d.blocks, 0xFFFFFFFFFFFFFFFFULL, W)
    d.t0 = word64(W, 1)
    d.t1 = word64(W + 2, 1)
    d.has_tie_key = True


cdef inline void expect_ties(Decider* d) noexcept nogil:
    # Computes the tie key (t0 and t1) before the first of several groups. The processor then
    # overlaps the block of the tie key with the first group. If `settle` computed the tie key, all
    # ties of the first group would wait for this block.
    if d.remainder and not d.has_tie_key:
        draw_tie_key(d)


cdef inline void settle(
    Decider* d,
    Ties* ties,  # INOUT: removes the settled ties, and changes their keep words
) noexcept nogil:
    # A pass settles one tie of each word; few words have a second tie. Ties of different words
    # do not depend on each other, so the processor overlaps their computations.
    cdef uint32_t open = ties.open
    cdef uint32_t again, word
    cdef uint64_t s
    cdef int place, bit
    if open and not d.has_tie_key:
        draw_tie_key(d)
    while open:
        again = 0
        while open:
            place = lowest_bit(open)
            open &= open - 1
            word = ties.word[place]
            bit = lowest_bit(word)
            s = mix64((d.t0 + (ties.first + 32 * place + bit + 1) * 0x9E3779B97F4A7C15ULL) ^ d.t1)
            ties.keep[place] &= ~(<uint32_t> (s < d.remainder) << bit)
            word &= word - 1
            ties.word[place] = word
            again |= <uint32_t> (word != 0) << place
        open = again


# In `fold` a column is one register of keep words, not a column of the cipher's state.
cdef inline void fold(
    const lanes* plane, int columns, int planes,  # IN: plane j of column k: plane[columns * j + k]
    const uint32_t* clear,  # IN
    lanes* keep,  # OUT, for each column: u >= T
    lanes* tie,  # OUT, for each column: u == T
) noexcept nogil:
    # The loop goes from the least to the most significant plane. Where a plane's bit differs from
    # T's bit, the plane's bit overrules the less significant planes: a bit of 1 means u > T. The
    # branches are the same for all groups of a call, so the processor predicts the branches. A
    # comparison without branches would need twice as many instructions.
    cdef lanes p
    cdef int j, k
    for k in range(columns):
        p = plane[columns * (planes - 1) + k]
        keep[k] = p
        tie[k] = p
        if clear[planes - 1]:
            keep[k] = p | ~p
            tie[k] = ~p
    for j in range(planes - 2, -1, -1):
        if clear[j]:
            for k in range(columns):
                p = plane[columns * j + k]
                keep[k] = keep[k] | p
                tie[k] = tie[k] & ~p
        else:
            for k in range(columns):
                p = plane[columns * j + k]
                keep[k] = keep[k] & p
                tie[k] = tie[k] & p


cdef inline uint32_t one_of(lanes words) noexcept nogil:
    cdef uint32_t[16] stored
    put_lanes(stored, words)
    return stored[0]


cdef inline uint32_t fold_lanes(
    const lanes* s, int lane, int planes, const uint32_t* clear,  # IN: words of the cipher
    uint32_t* keep,  # OUT: room for the group's 256 // planes words; writes words of this run
    Ties* ties,  # OUT, at eight planes: writes the ties of these words
) noexcept nogil:
    # Folds one run of the cipher, whose first block is `lane`. At eight planes, returns a bit map
    # of the words that have ties; otherwise 0.
    cdef lanes[16] kept
    cdef lanes[16] tied
    cdef uint32_t open = 0
    cdef int columns = 16 // planes
    cdef int k
    fold(s, columns, planes, clear, kept, tied)
    for k in range(columns):
        put_lanes(keep + 16 * k + lane, kept[k])
        if planes == 8:
            put_lanes(ties.word + 16 * k + lane, tied[k])
            open |= nonzero(tied[k]) << (16 * k + lane)
    return open


cdef inline void note_ties(
    uint64_t group, uint32_t open, uint32_t* keep,
    Ties* ties,  # OUT
) noexcept nogil:
    ties.first = group * DECISIONS
    ties.open = open
    ties.keep = keep


cdef inline void decide_whole(
    Decider* d, int planes, uint64_t group,
    uint32_t* keep,  # OUT: 256 // planes words
    Ties* ties,  # OUT, at eight planes
) noexcept nogil:
    cdef lanes[16] s
    cdef uint64_t block = LANES * group
    cdef uint32_t open = 0
    cdef int lane
    set_counter(&d.blocks, block)
    for lane from 0 <= lane < <int> LANES by <int> WIDTH:
        encipher_lanes(&d.blocks, numbered(<uint32_t> block + lane), s)
        open |= fold_lanes(s, lane, planes, d.clear, keep, ties)
    if planes == 8:
        note_ties(group, open, keep, ties)


cdef inline void decide_group(
    Decider* d, int planes, uint64_t group, int begin, int end,
    uint32_t* keep,  # OUT: room for 256 // planes words; writes at least words begin ... end-1
) noexcept nogil:
    cdef uint32_t[16] W
    cdef lanes[8] s
    cdef lanes kept, tied
    cdef Ties ties
    cdef int place, j
    if end - begin > FEW:
        decide_whole(d, planes, group, keep, &ties)
    else:
        note_ties(group, 0, keep, &ties)
        for place in range(begin, end):
            cipher_block(&d.blocks, LANES * group + (place & 15), W)
            for j in range(planes):
                s[j] = spread(W[(place >> 4) + 16 // planes * j])
            fold(s, 1, planes, d.clear, &kept, &tied)
            keep[place] = one_of(kept)
            if planes == 8:
                ties.word[place] = one_of(tied)
                ties.open |= <uint32_t> (ties.word[place] != 0) << place
    if planes == 8 and d.remainder:
        # Ties outside the wanted words are ignored. If no tie is left, `settle` does not compute
        # the cipher's block for t0 and t1.
        ties.open &= (0xFFFFFFFFU << begin) & (0xFFFFFFFFU >> (32 - end))
        if group * DECISIONS + 32 * end > d.end:
            ties.word[end - 1] &= 0xFFFFFFFFU >> (32 - (d.end & 31))
            if ties.word[end - 1] == 0:
                ties.open &= ~(<uint32_t> 1 << (end - 1))
        settle(d, &ties)


cdef inline int decide(
    Decider* d, uint64_t word, uint64_t end,
    uint32_t* stage,  # OUT: at most WORDS words
    uint32_t** keep,  # OUT: where in `stage` the words begin
) noexcept nogil:
    # Makes the keep words from `word` to `end`-1, or to the end of the group of `word` if the group
    # ends first. Returns the number of words.
    cdef uint64_t group = word >> d.bits
    cdef uint64_t after = min((group + 1) << d.bits, end)
    cdef int begin = <int> (word - (group << d.bits))
    cdef int stop = <int> (after - (group << d.bits))
    cdef int k
    keep[0] = stage + begin
    # K is a constant in each call below, so the compiler unrolls the loops over the planes.
    if d.planes == 8:
        decide_group(d, 8, group, begin, stop, stage)
    elif d.planes == 4:
        decide_group(d, 4, group, begin, stop, stage)
    elif d.planes == 2:
        decide_group(d, 2, group, begin, stop, stage)
    elif d.planes == 1:
        decide_group(d, 1, group, begin, stop, stage)
    else:
        for k in range(begin, stop):
            stage[k] = d.constant
    return stop - begin


cdef inline void store_bits(
    const uint32_t* keep, Py_ssize_t n,
    uint8_t* bits,  # OUT: (n+7)//8 bytes; the last byte is padded with zeros
) noexcept nogil:
    cdef Py_ssize_t word, k, full = n >> 5, rest = n & 31
    cdef uint32_t last
    for word in range(full):
        store_word(bits + 4 * word, keep[word])
    if rest:
        last = keep[full] & ((<uint32_t> 1 << rest) - 1)
        for k in range((rest + 7) >> 3):
            bits[4 * full + k] = <uint8_t> (last >> (8 * k))
