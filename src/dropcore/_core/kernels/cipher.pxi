# ChaCha with four double rounds, in groups of sixteen blocks: word w of block l of a
# group is W[16*w + l].
#
# A. A group: a register holds one word of as many blocks as it has lanes, and the sixteen
#    words of the state are sixteen registers, at any width.
# B. One block alone: a register holds a row of its state, and the four quarter rounds of a
#    round are one. Half as long as a group, and all that a small array needs.
# C. In the first round only the first column meets the number of the block: the other
#    three are the same for all blocks, and done once a draw (`begun`).
# D. The rounds wait for themselves more than for the processor's units, and the core does
#    not overlap a group's cipher with the select of another by itself. So the select of
#    elements whose decisions are there is an errand, run between the quarter rounds.

ctypedef fused word:
    lanes
    row

cdef struct Blocks:
    uint32_t[16] first  # the state before the first round
    uint32_t[16] begun  # the same with three columns of the first round done
    bint has_begun  # for the high word of the counter that `first` has


# What there is to select while the cipher runs: 1024 elements.
cdef struct Errand:
    const uint32_t* keep
    Affine plan


cdef inline word rotate(word a, int by) noexcept nogil:
    return (a << by) | (a >> (32 - by))


cdef inline void quarter_round(word* a, word* b, word* c, word* d) noexcept nogil:
    a[0] = a[0] + b[0]
    if word is lanes:
        d[0] = rotate_16(d[0] ^ a[0])
    else:
        d[0] = rotate[word](d[0] ^ a[0], 16)
    c[0] = c[0] + d[0]
    b[0] = rotate[word](b[0] ^ c[0], 12)
    a[0] = a[0] + b[0]
    if word is lanes:
        d[0] = rotate_8(d[0] ^ a[0])
    else:
        d[0] = rotate[word](d[0] ^ a[0], 8)
    c[0] = c[0] + d[0]
    b[0] = rotate[word](b[0] ^ c[0], 7)


cdef inline void set_blocks(
    const DrawAddress* draw,
    Blocks* blocks,  # OUT
) noexcept nogil:
    blocks.first[0] = 0x61707865
    blocks.first[1] = 0x3320646e
    blocks.first[2] = 0x79622d32
    blocks.first[3] = 0x6b206574
    memcpy(&blocks.first[4], draw.key, sizeof(draw.key))
    blocks.first[14] = <uint32_t> draw.index
    blocks.first[15] = <uint32_t> (draw.index >> 32)
    blocks.has_begun = False


cdef inline void begin(Blocks* blocks, uint32_t counter_high) noexcept nogil:
    cdef row[4] r
    cdef lanes[16] s
    cdef int k
    blocks.first[12] = 0
    blocks.first[13] = counter_high
    blocks.has_begun = True
    if WIDTH == 1:
        for k in range(16):
            s[k] = spread(blocks.first[k])
        for k in range(1, 4):
            quarter_round[lanes](s + k, s + 4 + k, s + 8 + k, s + 12 + k)
        for k in range(16):
            put_lanes(&blocks.begun[k], s[k])
    else:
        for k in range(4):
            r[k] = row_at(&blocks.first[4 * k])
        quarter_round[row](r, r + 1, r + 2, r + 3)
        for k in range(4):
            put_row(&blocks.begun[4 * k], r[k])
            blocks.begun[4 * k] = blocks.first[4 * k]


cdef inline void encipher_rows(
    const Blocks* blocks, uint64_t block,
    row* r,  # OUT: 4 rows
) noexcept nogil:
    cdef row[4] first
    cdef int k
    for k in range(3):
        first[k] = row_at(&blocks.first[4 * k])
    first[3] = row_of(block, blocks.first[14] | (<uint64_t> blocks.first[15] << 32))
    for k in range(4):
        r[k] = first[k]
    for k in range(4):
        quarter_round[row](r, r + 1, r + 2, r + 3)
        # The diagonals become columns, and columns again.
        r[1] = turned_1(r[1])
        r[2] = turned_2(r[2])
        r[3] = turned_3(r[3])
        quarter_round[row](r, r + 1, r + 2, r + 3)
        r[1] = turned_3(r[1])
        r[2] = turned_2(r[2])
        r[3] = turned_1(r[3])
    for k in range(4):
        r[k] = r[k] + first[k]


cdef inline void run(
    const Errand* errand, bint linear, bint stream, int step, int turn,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # Turn 0 ... 7 of a double round, 32 turns a step: a word each at sixteen lanes, at fewer
    # a word every so many turns. (Half words would be unrolled before they are vectorised.)
    cdef int turns = LANES // <int> WIDTH
    cdef int word = (step + turn) // turns
    if errand != NULL and (step + turn) % turns == 0:
        select_word(
            errand.keep[word], errand.plan, linear, stream, x + 32 * word, y + 32 * word
        )


cdef inline void encipher_lanes(
    const Blocks* blocks, lanes counter,
    lanes* s,  # OUT
    const Errand* errand, bint linear, bint stream, int step,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    cdef int k
    for k in range(16):
        s[k] = spread(blocks.begun[k])
    s[12] = counter
    quarter_round[lanes](s, s + 4, s + 8, s + 12)
    quarter_round[lanes](s, s + 5, s + 10, s + 15)
    run(errand, linear, stream, step, 0, x, y)
    run(errand, linear, stream, step, 1, x, y)
    quarter_round[lanes](s + 1, s + 6, s + 11, s + 12)
    run(errand, linear, stream, step, 2, x, y)
    run(errand, linear, stream, step, 3, x, y)
    quarter_round[lanes](s + 2, s + 7, s + 8, s + 13)
    run(errand, linear, stream, step, 4, x, y)
    run(errand, linear, stream, step, 5, x, y)
    quarter_round[lanes](s + 3, s + 4, s + 9, s + 14)
    run(errand, linear, stream, step, 6, x, y)
    run(errand, linear, stream, step, 7, x, y)
    for k in range(3):
        step += 8
        quarter_round[lanes](s, s + 4, s + 8, s + 12)
        run(errand, linear, stream, step, 0, x, y)
        quarter_round[lanes](s + 1, s + 5, s + 9, s + 13)
        run(errand, linear, stream, step, 1, x, y)
        quarter_round[lanes](s + 2, s + 6, s + 10, s + 14)
        run(errand, linear, stream, step, 2, x, y)
        quarter_round[lanes](s + 3, s + 7, s + 11, s + 15)
        run(errand, linear, stream, step, 3, x, y)
        quarter_round[lanes](s, s + 5, s + 10, s + 15)
        run(errand, linear, stream, step, 4, x, y)
        quarter_round[lanes](s + 1, s + 6, s + 11, s + 12)
        run(errand, linear, stream, step, 5, x, y)
        quarter_round[lanes](s + 2, s + 7, s + 8, s + 13)
        run(errand, linear, stream, step, 6, x, y)
        quarter_round[lanes](s + 3, s + 4, s + 9, s + 14)
        run(errand, linear, stream, step, 7, x, y)
    for k in range(16):
        s[k] = s[k] + (counter if k == 12 else spread(blocks.first[k]))


cdef inline void set_counter(Blocks* blocks, uint64_t block) noexcept nogil:
    # For encipher_lanes: all but the low word of it.
    if not blocks.has_begun or blocks.first[13] != <uint32_t> (block >> 32):
        begin(blocks, <uint32_t> (block >> 32))


cdef inline void cipher_block(
    Blocks* blocks, uint64_t block,
    uint32_t* W,  # OUT: 16 words
) noexcept nogil:
    cdef row[4] r
    cdef lanes[16] s
    cdef int k
    if WIDTH == 1:
        set_counter(blocks, block)
        encipher_lanes[float](
            blocks, numbered(<uint32_t> block), s, NULL, True, False, 0, NULL, NULL
        )
        for k in range(16):
            put_lanes(W + k, s[k])
    else:
        encipher_rows(blocks, block, r)
        for k in range(4):
            put_row(W + 4 * k, r[k])


cdef inline void cipher_group(
    Blocks* blocks, uint64_t group,
    uint32_t* W,  # OUT: 256 words
) noexcept nogil:
    cdef lanes[16] s
    cdef uint64_t block = LANES * group
    cdef int k, lane
    set_counter(blocks, block)
    for lane from 0 <= lane < <int> LANES by <int> WIDTH:
        encipher_lanes[float](
            blocks, numbered(<uint32_t> block + lane), s, NULL, True, False, 0, NULL, NULL
        )
        for k in range(16):
            put_lanes(W + 16 * k + lane, s[k])
