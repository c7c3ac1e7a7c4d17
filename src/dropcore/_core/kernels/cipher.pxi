# The cipher: ChaCha8 (ChaCha with four double rounds) in counter mode. docs/mask-stream.md, section
# 2, defines the state of 16 words, its columns and diagonals, and the quarter round. Sixteen blocks
# of 16 words are a group. Word w of block l of a group is W[16*w + l].
#
# A. A group is computed with one block in each lane of the registers, and the sixteen words of the
#    state in sixteen registers. A register has WIDTH lanes, so a group takes 16 / WIDTH runs of the
#    cipher.
# B. A single block is computed with one row of the state (four words) in each register, so the four
#    quarter rounds of a round are computed at once. A small array needs only one or two blocks, and
#    these take less time than a group. Without vector types (WIDTH is 1) a single block is computed
#    as in A.
# C. In the first round (of the columns) only the first column depends on the low half of the block
#    counter. The other three columns are computed in advance (`begun`), and again when the high
#    half of the counter changes.
# D. The quarter rounds of a column and of a diagonal are functions, so that pipeline.pxi can select
#    elements between two of them.

ctypedef fused word:
    lanes
    row

cdef struct Blocks:
    uint32_t[16] first  # the state before the first round
    uint32_t[16] begun  # the state after three columns of the first round
    bint has_begun  # whether `begun` was computed from the high word of the counter in `first`


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
        # Rotating rows by one, two and three lanes turns diagonals into columns. The rotations
        # after the quarter rounds undo this.
        r[1] = turned_1(r[1])
        r[2] = turned_2(r[2])
        r[3] = turned_3(r[3])
        quarter_round[row](r, r + 1, r + 2, r + 3)
        r[1] = turned_3(r[1])
        r[2] = turned_2(r[2])
        r[3] = turned_1(r[3])
    for k in range(4):
        r[k] = r[k] + first[k]


cdef inline void column(lanes* s, int k) noexcept nogil:
    quarter_round[lanes](s + k, s + 4 + k, s + 8 + k, s + 12 + k)


cdef inline void diagonal(lanes* s, int k) noexcept nogil:
    quarter_round[lanes](s + k, s + 4 + (k + 1) % 4, s + 8 + (k + 2) % 4, s + 12 + (k + 3) % 4)


cdef inline void begin_lanes(
    const Blocks* blocks, lanes counter,
    lanes* s,  # OUT: 16 words, after the columns of the first double round
) noexcept nogil:
    cdef int k
    for k in range(16):
        s[k] = spread(blocks.begun[k])
    s[12] = counter
    column(s, 0)


cdef inline void end_lanes(
    const Blocks* blocks, lanes counter,
    lanes* s,  # INOUT
) noexcept nogil:
    cdef int k
    for k in range(16):
        s[k] = s[k] + (counter if k == 12 else spread(blocks.first[k]))


cdef inline void encipher_lanes(
    const Blocks* blocks, lanes counter,
    lanes* s,  # OUT: 16
) noexcept nogil:
    cdef int k, double_round
    begin_lanes(blocks, counter, s)
    for k in range(4):
        diagonal(s, k)
    for double_round in range(3):
        for k in range(4):
            column(s, k)
        for k in range(4):
            diagonal(s, k)
    end_lanes(blocks, counter, s)


cdef inline void set_counter(Blocks* blocks, uint64_t block) noexcept nogil:
    # Prepares `begun`, which depends on the high word of the counter. The low word is an argument
    # of `begin_lanes`.
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
        encipher_lanes(blocks, numbered(<uint32_t> block), s)
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
        encipher_lanes(blocks, numbered(<uint32_t> block + lane), s)
        for k in range(16):
            put_lanes(W + 16 * k + lane, s[k])
