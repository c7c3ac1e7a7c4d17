# Decisions: 32 of them are a word, bit set where the element is kept.
#
# With P = floor(p * 2^64) and K planes,
#
#     u(i) = sum over j of plane_j(i) * 2^(K-1-j)
#     element i is dropped if u < T, or if u == T and s(i) < R,
#     T = P >> (64-K),  R = (P << K) mod 2^64,
#     s(i) = mix64((t0 + (i+1) * 0x9E3779B97F4A7C15) ^ t1).
#
# A group of blocks decides 8192/K elements.
#
# A. The planes are folded with and, or, xor. No element is ever compared by itself,
#    but for the one in 256 that ties.
# B. Ties are found in a map of words and settled in one loop: a branch on each word
#    would be mispredicted once in eight. Where groups follow each other, those of one
#    are settled behind the cipher of the next, which does not wait for that branch.

cdef struct Decider:
    Blocks blocks
    int planes  # K; 0: nothing is dropped, or everything
    uint32_t threshold  # T
    uint64_t remainder  # R; no tie is dropped where it is 0, as it is for K < 8
    uint32_t constant  # the keep word, where planes is 0
    uint64_t end  # no decision from here on is asked for
    bint has_tie_words
    uint64_t t0
    uint64_t t1


cdef inline void decider(
    const DrawAddress* draw, double p, uint64_t end,
    Decider* d,  # OUT
) noexcept nogil:
    cdef uint64_t P
    d.planes = 0
    d.threshold = 0
    d.remainder = 0
    d.constant = 0
    d.end = end
    d.has_tie_words = False
    if p >= 1:
        return
    P = <uint64_t> (p * 18446744073709551616.0)  # both steps are exact, but for the floor
    if P == 0:
        d.constant = 0xFFFFFFFFU
        return
    if P << 1 == 0:
        d.planes = 1
    elif P << 2 == 0:
        d.planes = 2
    elif P << 4 == 0:
        d.planes = 4
    else:
        d.planes = 8
    d.threshold = <uint32_t> (P >> (64 - d.planes))
    d.remainder = P << d.planes
    set_blocks(draw, &d.blocks)


cdef inline uint64_t mix64(uint64_t z) noexcept nogil:
    z ^= z >> 30
    z *= 0xBF58476D1CE4E5B9ULL
    z ^= z >> 27
    z *= 0x94D049BB133111EBULL
    return z ^ (z >> 31)


cdef inline uint64_t word64(const uint32_t* W, int place, int lane) noexcept nogil:
    return W[32 * place + lane] | (<uint64_t> W[32 * place + 16 + lane] << 32)


cdef void draw_tie_words(Decider* d) noexcept nogil:
    cdef uint32_t[<int> WORDS] W
    cipher_block(&d.blocks, 0xFFFFFFFFFFFFFFFFULL, W)
    d.t0 = word64(W, 0, 0)
    d.t1 = word64(W, 1, 0)
    d.has_tie_words = True


cdef inline void fold(
    const uint32_t* W, int planes, uint32_t threshold, int begin, int end,
    uint32_t* keep,  # OUT: u >= T
    uint32_t* tie,  # OUT: u == T
) noexcept nogil:
    # Least significant plane first: where its bit differs from T's it decides, and
    # where it is the same the planes below have decided.
    cdef uint32_t[8] bit
    cdef uint32_t plane, at_least, differs
    cdef int column, j, columns = WORDS // planes
    for j in range(planes):
        bit[j] = 0 - ((threshold >> (planes - 1 - j)) & 1)
    for column in range(begin, end):
        at_least = 0xFFFFFFFFU
        differs = 0
        for j in range(planes):
            plane = W[(planes - 1 - j) * columns + column]
            at_least = (plane & at_least) | ((plane | at_least) & ~bit[planes - 1 - j])
            differs |= plane ^ bit[planes - 1 - j]
        keep[column] = at_least
        tie[column] = ~differs


cdef inline void settle(
    Decider* d, uint64_t first, uint32_t open,
    uint32_t* tie,  # IN: the words of set bits in `open`; spent
    uint32_t* keep,  # OUT
) noexcept nogil:
    # A pass takes one tie of each word in the map; a word seldom has a second one. No
    # tie waits for the one before it.
    cdef uint32_t again, word
    cdef uint64_t s
    cdef int column, bit
    if open and not d.has_tie_words:
        draw_tie_words(d)
    while open:
        again = 0
        while open:
            column = lowest_bit(open)
            open &= open - 1
            word = tie[column]
            bit = lowest_bit(word)
            s = mix64((d.t0 + (first + 32 * column + bit + 1) * 0x9E3779B97F4A7C15ULL) ^ d.t1)
            keep[column] &= ~(<uint32_t> (s < d.remainder) << bit)
            word &= word - 1
            tie[column] = word
            again |= BIT[column] if word != 0 else 0
        open = again


cdef inline uint32_t map_of(const uint32_t* tie, int begin, int end) noexcept nogil:
    cdef uint32_t open = 0
    cdef int column
    for column in range(begin, end):
        open |= BIT[column] if tie[column] != 0 else 0
    return open


cdef inline void decide_group(
    Decider* d, uint64_t group, int begin, int end,
    uint32_t* keep,  # OUT: columns begin ... end-1 of the group's keep words
) noexcept nogil:
    cdef Group W
    cdef uint32_t[<int> WORDS] tie
    cdef int column
    if d.planes == 0:
        for column in range(begin, end):
            keep[column] = d.constant
        return
    if end - begin <= FEW:
        for column in range(begin, end):
            cipher_block(&d.blocks, LANES * group + (column & 15), W.word + (column & 15))
    else:
        cipher_group[float](&d.blocks, group, W.word, NULL, True, False, NULL, NULL)
    # A call for each K, so that the loop over the planes has a constant length.
    if d.planes == 8:
        if end - begin == GROUP_WORDS:
            fold(W.word, 8, d.threshold, 0, 32, keep, tie)
        elif end == 1:
            fold(W.word, 8, d.threshold, 0, 1, keep, tie)
        else:
            fold(W.word, 8, d.threshold, begin, end, keep, tie)
        if d.remainder:
            if group * DECISIONS + 32 * end > d.end:  # spare ties would cost the tie words
                tie[end - 1] &= 0xFFFFFFFFU >> (32 - (d.end & 31))
            settle(d, group * DECISIONS, map_of(tie, begin, end), tie, keep)
    elif d.planes == 4:
        fold(W.word, 4, d.threshold, begin, end, keep, tie)
    elif d.planes == 2:
        fold(W.word, 2, d.threshold, begin, end, keep, tie)
    else:
        fold(W.word, 1, d.threshold, begin, end, keep, tie)


cdef inline int decide(
    Decider* d, uint64_t word, uint64_t end,
    uint32_t* stage,  # OUT: room for WORDS
    uint32_t** keep,  # OUT: where in the stage the words are
) noexcept nogil:
    # Keep words word ... end-1, as far as the group goes; returns how many.
    cdef int columns = WORDS // d.planes if d.planes else WORDS
    cdef uint64_t group = word // columns
    cdef int begin = <int> (word - group * columns)
    cdef int stop = columns
    if end - word < <uint64_t> (columns - begin):
        stop = begin + <int> (end - word)
    decide_group(d, group, begin, stop, stage)
    keep[0] = stage + begin
    return stop - begin


cdef inline void store_bits(
    const uint32_t* keep, Py_ssize_t n,
    uint8_t* bits,  # OUT: (n+7)//8 bytes, the last padded with zeros
) noexcept nogil:
    cdef Py_ssize_t word, full = n >> 5, rest = n & 31
    cdef uint8_t[4] last
    for word in range(full):
        store_word(bits + 4 * word, keep[word])
    if rest:
        store_word(last, keep[full] & ((<uint32_t> 1 << rest) - 1))
        memcpy(bits + 4 * full, last, (rest + 7) >> 3)
