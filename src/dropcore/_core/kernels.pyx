# The kernels, written once and compiled once for each instruction set.
#
# A decision (mask stream, version 1): with P = floor(p * 2^64) and K planes,
#
#     u(i) = sum over j of plane_j(i) * 2^(K-1-j)
#     element i is dropped if u < T, or if u == T and s(i) < R,
#     T = P >> (64-K),  R = (P << K) mod 2^64,
#     s(i) = mix64((t0 + (i+1) * 0x9E3779B97F4A7C15) ^ t1).
#
# The planes are words of ChaCha with four double rounds. A group of 16 blocks
# gives 256 words, word w of block l at W[16*w + l], and decides 8192/K elements.
#
# An element becomes x * scale + shift where kept and a constant where dropped.
#
# Decisions
# ---------
# A. Sixteen lanes are the outermost loop of the cipher, the state sixteen local
#    variables: GCC and Clang then keep a block's words in vector registers at any
#    width. State in memory is up to twice as slow.
# B. Thirty-two decisions are one word, folded plane by plane with and, or, xor.
#    No element is ever compared by itself, but for the one in 256 that ties.
# C. Ties are collected in a map and settled in one loop: a branch on each word
#    would be mispredicted once in eight.
# D. The select first computes 32 kept elements into a local array, then stores
#    them or the constant. The array aliases nothing, so both loops are vector
#    loops, also where y is x. A dropped element is selected, never multiplied.
# E. Shared decisions become plain ones: `repeat` and `tile` (as numpy.repeat and
#    numpy.tile) lay the bits out for a few thousand elements, then select.
# F. On v4 GCC makes load, multiply and select one masked instruction, which does not
#    train the hardware prefetcher, so the select prefetches for itself there.
# G. A streaming store wants whole lines and a select that is not waiting for it, so a
#    streamed result is made block by block in the first cache and copied from there.
# H. NumPy's arrays begin 16 bytes into a line, and a store across two lines costs two:
#    out of place, the select goes by the lines of y, with the keep words shifted.
# I. No allocation, no Python object, nothing read or written past n.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from cpython.pycapsule cimport PyCapsule_New

from dropcore._core.table cimport (
    BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Affine, DrawAddress, KernelTable, forward_kernel,
    select_kernel, shared_kernel,
)

cdef extern from "machine.h":
    ctypedef struct float16 "dropcore_float16":
        unsigned short bits
    ctypedef struct bfloat16 "dropcore_bfloat16":
        unsigned short bits
    const uint32_t[32] BIT "dropcore_bit"
    uint32_t load_word "dropcore_load_word" (const uint8_t*) noexcept nogil
    void store_word "dropcore_store_word" (uint8_t*, uint32_t) noexcept nogil
    int lowest_bit "dropcore_lowest_bit" (uint32_t) noexcept nogil
    uint32_t float_bits "dropcore_float_bits" (float) noexcept nogil
    float bits_float "dropcore_bits_float" (uint32_t) noexcept nogil
    void prefetch "dropcore_prefetch" (const void*) noexcept nogil
    const bint HAS_F16C "DROPCORE_HAS_F16C"
    void affine_halves "dropcore_affine_halves" (
        const float16*, float, float, bint, float16*
    ) noexcept nogil
    void stream_copy "dropcore_stream" (void*, const void*, size_t) noexcept nogil
    void fence "dropcore_fence" () noexcept nogil

cdef enum:
    LANES = 16  # blocks in a group
    WORDS = 256  # words in a group; keep words in a group at K = 1
    FEW = 2  # so many blocks are cheaper one by one than a whole group
    LINE = 64  # bytes in a line of the cache
    AHEAD = 1024  # elements that the select prefetches
    BLOCK = 1024  # elements stored past the caches at a time
    STAGE = 256  # keep words laid out at a time by select, repeat and tile

ctypedef fused element:
    float
    double
    float16
    bfloat16


# ------------------------------------------------------------------ the cipher

cdef inline uint32_t rotate(uint32_t word, int by) noexcept nogil:
    return (word << by) | (word >> (32 - by))


cdef inline void quarter_round(
    uint32_t* a, uint32_t* b, uint32_t* c, uint32_t* d
) noexcept nogil:
    a[0] += b[0]
    d[0] = rotate(d[0] ^ a[0], 16)
    c[0] += d[0]
    b[0] = rotate(b[0] ^ c[0], 12)
    a[0] += b[0]
    d[0] = rotate(d[0] ^ a[0], 8)
    c[0] += d[0]
    b[0] = rotate(b[0] ^ c[0], 7)


cdef inline void double_round(
    uint32_t* x0, uint32_t* x1, uint32_t* x2, uint32_t* x3,
    uint32_t* x4, uint32_t* x5, uint32_t* x6, uint32_t* x7,
    uint32_t* x8, uint32_t* x9, uint32_t* x10, uint32_t* x11,
    uint32_t* x12, uint32_t* x13, uint32_t* x14, uint32_t* x15,
) noexcept nogil:
    # Columns, then diagonals.
    quarter_round(x0, x4, x8, x12)
    quarter_round(x1, x5, x9, x13)
    quarter_round(x2, x6, x10, x14)
    quarter_round(x3, x7, x11, x15)
    quarter_round(x0, x5, x10, x15)
    quarter_round(x1, x6, x11, x12)
    quarter_round(x2, x7, x8, x13)
    quarter_round(x3, x4, x9, x14)


cdef inline void cipher(
    const DrawAddress* draw, uint64_t block, int lanes,
    uint32_t* W,  # OUT
) noexcept nogil:
    # Blocks block ... block+lanes-1. One lane, or all of a group: the low half of
    # the counter never carries.
    cdef uint32_t x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15
    cdef uint32_t k0 = draw.key[0], k1 = draw.key[1], k2 = draw.key[2], k3 = draw.key[3]
    cdef uint32_t k4 = draw.key[4], k5 = draw.key[5], k6 = draw.key[6], k7 = draw.key[7]
    cdef uint32_t index_low = <uint32_t> draw.index
    cdef uint32_t index_high = <uint32_t> (draw.index >> 32)
    cdef uint32_t block_low = <uint32_t> block
    cdef uint32_t block_high = <uint32_t> (block >> 32)
    cdef int lane
    for lane in range(lanes):
        x0 = 0x61707865
        x1 = 0x3320646e
        x2 = 0x79622d32
        x3 = 0x6b206574
        x4 = k0
        x5 = k1
        x6 = k2
        x7 = k3
        x8 = k4
        x9 = k5
        x10 = k6
        x11 = k7
        x12 = block_low + <uint32_t> lane
        x13 = block_high
        x14 = index_low
        x15 = index_high
        # Four calls and no loop: a loop inside the lane loop would not be unrolled
        # before the lanes are vectorised.
        double_round(
            &x0, &x1, &x2, &x3, &x4, &x5, &x6, &x7, &x8, &x9, &x10, &x11, &x12, &x13, &x14, &x15
        )
        double_round(
            &x0, &x1, &x2, &x3, &x4, &x5, &x6, &x7, &x8, &x9, &x10, &x11, &x12, &x13, &x14, &x15
        )
        double_round(
            &x0, &x1, &x2, &x3, &x4, &x5, &x6, &x7, &x8, &x9, &x10, &x11, &x12, &x13, &x14, &x15
        )
        double_round(
            &x0, &x1, &x2, &x3, &x4, &x5, &x6, &x7, &x8, &x9, &x10, &x11, &x12, &x13, &x14, &x15
        )
        W[lane] = x0 + 0x61707865
        W[16 + lane] = x1 + 0x3320646e
        W[32 + lane] = x2 + 0x79622d32
        W[48 + lane] = x3 + 0x6b206574
        W[64 + lane] = x4 + k0
        W[80 + lane] = x5 + k1
        W[96 + lane] = x6 + k2
        W[112 + lane] = x7 + k3
        W[128 + lane] = x8 + k4
        W[144 + lane] = x9 + k5
        W[160 + lane] = x10 + k6
        W[176 + lane] = x11 + k7
        W[192 + lane] = x12 + block_low + <uint32_t> lane
        W[208 + lane] = x13 + block_high
        W[224 + lane] = x14 + index_low
        W[240 + lane] = x15 + index_high


cdef inline uint64_t word64(const uint32_t* W, int place, int lane) noexcept nogil:
    return W[32 * place + lane] | (<uint64_t> W[32 * place + 16 + lane] << 32)


cdef void words(
    const DrawAddress* draw, uint64_t start, Py_ssize_t n,
    uint64_t* out,  # OUT
) noexcept nogil:
    # Raw word j is the 64-bit word at place j%8 of block 2^63 + j//8.
    cdef uint32_t[<int> WORDS] W
    cdef uint64_t j = start, end = start + n, group
    cdef uint64_t loaded = 1  # no group begins at block 1
    while j < end:
        group = (j >> 7) << 4
        if end - j <= 8 * FEW:
            cipher(draw, (<uint64_t> 1 << 63) + (j >> 3), 1, W + ((j >> 3) & 15))
        elif group != loaded:
            cipher(draw, (<uint64_t> 1 << 63) + group, LANES, W)
            loaded = group
        while True:
            out[j - start] = word64(W, j & 7, (j >> 3) & 15)
            j += 1
            if j == end or j & 7 == 0:
                break


# --------------------------------------------------------------- the decisions

cdef struct Decider:
    const DrawAddress* draw
    int planes  # K; 0: nothing is dropped, or everything
    uint32_t threshold  # T
    uint64_t remainder  # R; no tie is dropped where it is 0, as it is for K < 8
    uint32_t constant  # the keep word, where planes is 0
    bint has_tie_words
    uint64_t t0
    uint64_t t1


cdef inline Decider decider(const DrawAddress* draw, double p) noexcept nogil:
    cdef Decider d
    cdef uint64_t P
    d.draw = draw
    d.planes = 0
    d.threshold = 0
    d.remainder = 0
    d.constant = 0
    d.has_tie_words = False
    d.t0 = 0
    d.t1 = 0
    if p >= 1:
        return d
    P = <uint64_t> (p * 18446744073709551616.0)  # both steps are exact, but for the floor
    if P == 0:
        d.constant = 0xFFFFFFFFU
        return d
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
    return d


cdef inline uint64_t mix64(uint64_t z) noexcept nogil:
    z ^= z >> 30
    z *= 0xBF58476D1CE4E5B9ULL
    z ^= z >> 27
    z *= 0x94D049BB133111EBULL
    return z ^ (z >> 31)


cdef void draw_tie_words(Decider* d) noexcept nogil:
    cdef uint32_t[<int> WORDS] W
    cipher(d.draw, 0xFFFFFFFFFFFFFFFFULL, 1, W)
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
    Decider* d, uint64_t first, int begin, int end,
    uint32_t* tie,  # IN, spent
    uint32_t* keep,  # OUT
) noexcept nogil:
    # A pass takes one tie of each word in the map; a word seldom has a second one. No
    # tie waits for the one before it.
    cdef uint32_t open = 0, again, word
    cdef uint64_t s
    cdef int column, bit
    for column in range(begin, end):
        open |= BIT[column] if tie[column] != 0 else 0
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


cdef inline void decide_group(
    Decider* d, uint64_t group, int begin, int end,
    uint32_t* keep,  # OUT: columns begin ... end-1 of the group's keep words
) noexcept nogil:
    cdef uint32_t[<int> WORDS] W
    cdef uint32_t[<int> WORDS] tie
    cdef int column
    if d.planes == 0:
        for column in range(begin, end):
            keep[column] = d.constant
        return
    if end - begin <= FEW:
        for column in range(begin, end):
            cipher(d.draw, LANES * group + (column & 15), 1, W + (column & 15))
    else:
        cipher(d.draw, LANES * group, LANES, W)
    # A call for each K, so that the loop over the planes has a constant length.
    if d.planes == 8:
        if end - begin == 32:
            fold(W, 8, d.threshold, 0, 32, keep, tie)
        else:
            fold(W, 8, d.threshold, begin, end, keep, tie)
        if d.remainder:
            settle(d, group * 1024, begin, end, tie, keep)
    elif d.planes == 4:
        fold(W, 4, d.threshold, begin, end, keep, tie)
    elif d.planes == 2:
        fold(W, 2, d.threshold, begin, end, keep, tie)
    else:
        fold(W, 1, d.threshold, begin, end, keep, tie)


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


cdef void keep_bits(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n,
    uint8_t* bits,  # OUT
) noexcept nogil:
    cdef Decider d = decider(draw, p)
    cdef uint32_t[<int> WORDS] stage
    cdef uint32_t* keep
    cdef uint32_t whole, waiting = 0
    cdef uint64_t first = start >> 5, word = first, end = (start + n + 31) >> 5
    cdef int shift = start & 31
    cdef int count, k
    cdef Py_ssize_t done = 0
    while word < end:
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


# ------------------------------------------------- what becomes of an element

# float16 and bfloat16 compute in float32 and round once, to nearest even, in
# integers: the processor's own conversions to bfloat16 flush subnormal numbers to
# zero. Those of float16 do not, and where there are any the select uses them.

cdef inline float widen(element x) noexcept nogil:
    cdef uint32_t sign, magnitude, normal
    if element is float16:
        sign = <uint32_t> (x.bits & 0x8000) << 16
        magnitude = x.bits & 0x7FFF
        normal = (magnitude << 13) + (<uint32_t> 112 << 23)
        normal += (<uint32_t> 112 << 23) if magnitude >= 0x7C00 else 0  # inf and nan
        normal = normal if magnitude >= 0x0400 else float_bits(
            <float> <int> magnitude * <float> 5.9604644775390625e-08  # 2^-24
        )
        return bits_float(sign | normal)
    elif element is bfloat16:
        return bits_float(<uint32_t> x.bits << 16)
    else:
        return <float> x


cdef inline void narrow(
    float value,
    element* y,  # OUT
) noexcept nogil:
    cdef uint32_t bits, sign, normal, subnormal
    if element is float16:
        bits = float_bits(value)
        sign = (bits >> 16) & 0x8000
        bits &= 0x7FFFFFFF
        normal = (bits + 0x0FFF + ((bits >> 13) & 1) - (<uint32_t> 112 << 23)) >> 13
        # Adding 0.5 leaves the bits of a subnormal half at the end, rounded.
        subnormal = float_bits(bits_float(bits) + <float> 0.5) - (<uint32_t> 126 << 23)
        normal = normal if bits < (<uint32_t> 143 << 23) else 0x7C00  # inf
        normal = normal if bits <= 0x7F800000 else 0x7E00 | ((bits >> 13) & 0x01FF)  # nan
        normal = normal if bits >= (<uint32_t> 113 << 23) else subnormal
        y.bits = <unsigned short> (sign | normal)
    elif element is bfloat16:
        bits = float_bits(value)
        normal = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        y.bits = <unsigned short> (
            normal if (bits & 0x7FFFFFFF) <= 0x7F800000 else (bits >> 16) | 0x40  # nan
        )
    else:
        y[0] = value


cdef inline void keep_element(
    element x, Affine plan, bint linear,
    element* y,  # OUT
) noexcept nogil:
    # Two roundings, never one: every instruction set gives the same bits.
    cdef float value
    cdef double wide
    if element is double:
        wide = x * plan.scale
        if not linear:
            wide = wide + plan.shift
        y[0] = wide
    else:
        value = widen(x) * <float> plan.scale
        if not linear:
            value = value + <float> plan.shift
        narrow(value, y)


cdef inline void select_word(
    uint32_t keep, Affine plan, bint linear, element drop,
    const element* x,  # IN: 32 elements
    element* y,  # OUT: 32 elements, may be x
) noexcept nogil:
    cdef element[32] kept
    cdef int k
    prefetch(x + AHEAD)
    prefetch(x + AHEAD + 16)
    if element is float16 and HAS_F16C:
        affine_halves(x, <float> plan.scale, <float> plan.shift, linear, kept)
    else:
        for k in range(32):
            keep_element(x[k], plan, linear, &kept[k])
    for k in range(32):
        if element is float or element is double:
            y[k] = kept[k] if keep & BIT[k] else drop
        else:
            y[k].bits = kept[k].bits if keep & BIT[k] else drop.bits


cdef inline void select_full_words(
    const uint32_t* keep, Py_ssize_t count, Affine plan, bint linear, element drop,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    cdef Py_ssize_t word, last = count - 1
    cdef int ahead = <int> ((0 - <size_t> y) % LINE // sizeof(element))
    if ahead == 0 or count < 4 or x == y:
        for word in range(count):
            select_word(keep[word], plan, linear, drop, x + 32 * word, y + 32 * word)
        return
    # Whole lines, with the first and the last word again where they begin and end.
    select_word(keep[0], plan, linear, drop, x, y)
    for word in range(last):
        select_word(
            (keep[word] >> ahead) | (keep[word + 1] << (32 - ahead)), plan, linear, drop,
            x + 32 * word + ahead, y + 32 * word + ahead,
        )
    select_word(keep[last], plan, linear, drop, x + 32 * last, y + 32 * last)


cdef inline void select_words(
    const uint32_t* keep, Py_ssize_t n, Affine plan,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    cdef element drop
    cdef element[32] rest
    cdef Py_ssize_t full = n >> 5
    if plan.shift == 0 and plan.drop == 0:
        # A constant of +0 makes the select a single and.
        if element is float or element is double:
            select_full_words(keep, full, plan, True, <element> 0, x, y)
        else:
            drop.bits = 0
            select_full_words(keep, full, plan, True, drop, x, y)
    else:
        if element is double:
            drop = plan.drop
        else:
            narrow(<float> plan.drop, &drop)
        select_full_words(keep, full, plan, False, drop, x, y)
    if n & 31:
        memset(rest, 0, sizeof(rest))
        memcpy(rest, x + 32 * full, (n & 31) * sizeof(element))
        if plan.shift == 0 and plan.drop == 0:
            memset(&drop, 0, sizeof(drop))
            select_word(keep[full], plan, True, drop, rest, rest)
        else:
            select_word(keep[full], plan, False, drop, rest, rest)
        memcpy(y + 32 * full, rest, (n & 31) * sizeof(element))


cdef inline void put(
    const uint32_t* keep, Py_ssize_t n, Affine plan, bint stream,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    cdef element[<int> BLOCK] block
    cdef Py_ssize_t done = 0, m
    if not stream:
        select_words(keep, n, plan, x, y)
        return
    while done < n:
        m = min(n - done, <Py_ssize_t> BLOCK)
        select_words(keep + (done >> 5), m, plan, x + done, block)
        stream_copy(y + done, block, m * sizeof(element))
        done += m


cdef void forward(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n, Affine plan, bint stream,
    const element* x,  # IN
    element* y,  # OUT, may be x
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    cdef Decider d
    cdef uint32_t[<int> WORDS] stage
    cdef uint8_t[4 * <int> STAGE] piece
    cdef uint32_t* keep
    cdef uint64_t word = start >> 5, end = (start + n + 31) >> 5
    cdef Py_ssize_t done = 0, m
    cdef int count
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
    d = decider(draw, p)
    while word < end:
        count = decide(&d, word, end, stage, &keep)
        m = min(n - done, 32 * <Py_ssize_t> count)
        put(keep, m, plan, stream, x + done, y + done)
        if bits != NULL:
            store_bits(keep, m, bits + (done >> 3))
        done += m
        word += count
    if stream:
        fence()


# ------------------------------------------------ from bits that are there

cdef inline uint32_t load_bits(
    const uint8_t* bits, uint64_t first, Py_ssize_t n
) noexcept nogil:
    # n <= 32 bits from bit `first`; no byte is read but those that hold them.
    cdef uint8_t[8] around
    cdef uint64_t shift = first & 7
    cdef uint64_t word
    bits += first >> 3
    memset(around, 0, 8)
    memcpy(around, bits, (shift + n + 7) >> 3)
    word = load_word(around) | (<uint64_t> load_word(around + 4) << 32)
    return <uint32_t> (word >> shift)


cdef inline void load_words(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    uint32_t* keep,  # OUT: (n+31)//32 words
) noexcept nogil:
    cdef Py_ssize_t word, full = n >> 5
    cdef int shift = first & 7
    if shift == 0:
        for word in range(full):
            keep[word] = load_word(bits + (first >> 3) + 4 * word)
    else:
        for word in range(full):
            keep[word] = load_bits(bits, first + 32 * word, 32)
    if n & 31:
        keep[full] = load_bits(bits, first + 32 * full, n & 31)


cdef void select(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, Affine plan, bint stream,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    cdef uint32_t[<int> STAGE] keep
    cdef Py_ssize_t done = 0, m
    while done < n:
        m = min(n - done, 32 * <Py_ssize_t> STAGE)
        load_words(bits, first + done, m, keep)
        put(keep, m, plan, stream, x + done, y + done)
        done += m
    if stream:
        fence()


cdef inline void append_bits(
    uint32_t source, int n,
    uint32_t* keep,  # OUT: zeros from bit `at`
    Py_ssize_t at,
) noexcept nogil:
    # The lowest n <= 32 bits of `source`, the others zero.
    cdef int shift = at & 31
    keep[at >> 5] |= source << shift
    if shift + n > 32:
        keep[(at >> 5) + 1] |= source >> (32 - shift)


cdef void repeat(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times, Affine plan,
    bint stream,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # Each decision holds for `times` neighbouring elements: trailing axes shared.
    cdef uint32_t[<int> STAGE + 1] keep
    cdef Py_ssize_t stage = 32 * <Py_ssize_t> STAGE
    cdef Py_ssize_t done, m, k, at, left
    cdef bint kept
    if times >= stage:
        for k in range(decisions):
            kept = load_bits(bits, first + k, 1) & 1
            memset(keep, 0xFF if kept else 0, sizeof(keep))
            done = 0
            while done < times:
                m = min(times - done, stage)
                put(keep, m, plan, stream, x + k * times + done, y + k * times + done)
                done += m
        if stream:
            fence()
        return
    done = 0
    while done < decisions:
        m = min(decisions - done, stage // times)
        memset(keep, 0, sizeof(keep))
        for k in range(m):
            if load_bits(bits, first + done + k, 1) & 1:
                at = k * times
                left = times
                while left > 0:
                    append_bits(
                        0xFFFFFFFFU if left >= 32 else (<uint32_t> 1 << left) - 1,
                        <int> min(left, <Py_ssize_t> 32), keep, at,
                    )
                    at += 32
                    left -= 32
        put(keep, m * times, plan, stream, x + done * times, y + done * times)
        done += m
    if stream:
        fence()


cdef void tile(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times, Affine plan,
    bint stream,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # The row of decisions holds again for the next row: leading axes shared.
    cdef uint32_t[<int> STAGE + 1] keep
    cdef Py_ssize_t stage = 32 * <Py_ssize_t> STAGE
    cdef Py_ssize_t done = 0, rows, m, row, k
    if 2 * decisions > stage:
        for row in range(times):
            select(
                bits, first, decisions, plan, stream, x + row * decisions, y + row * decisions
            )
        return
    rows = min(times, stage // decisions)
    memset(keep, 0, sizeof(keep))
    for row in range(rows):
        k = 0
        while k < decisions:
            m = min(decisions - k, <Py_ssize_t> 32)
            append_bits(
                load_bits(bits, first + k, m) & (0xFFFFFFFFU >> (32 - m)), <int> m,
                keep, row * decisions + k,
            )
            k += m
    while done < times:
        m = min(times - done, rows) * decisions
        put(keep, m, plan, stream, x + done * decisions, y + done * decisions)
        done += rows
    if stream:
        fence()


# ------------------------------------------------------------------- the table

cdef KernelTable table

table.keep = keep_bits
table.words = words
table.forward[<int> FLOAT32] = <forward_kernel> forward[float]
table.forward[<int> FLOAT64] = <forward_kernel> forward[double]
table.forward[<int> FLOAT16] = <forward_kernel> forward[float16]
table.forward[<int> BFLOAT16] = <forward_kernel> forward[bfloat16]
table.select[<int> FLOAT32] = <select_kernel> select[float]
table.select[<int> FLOAT64] = <select_kernel> select[double]
table.select[<int> FLOAT16] = <select_kernel> select[float16]
table.select[<int> BFLOAT16] = <select_kernel> select[bfloat16]
table.repeat[<int> FLOAT32] = <shared_kernel> repeat[float]
table.repeat[<int> FLOAT64] = <shared_kernel> repeat[double]
table.repeat[<int> FLOAT16] = <shared_kernel> repeat[float16]
table.repeat[<int> BFLOAT16] = <shared_kernel> repeat[bfloat16]
table.tile[<int> FLOAT32] = <shared_kernel> tile[float]
table.tile[<int> FLOAT64] = <shared_kernel> tile[double]
table.tile[<int> FLOAT16] = <shared_kernel> tile[float16]
table.tile[<int> BFLOAT16] = <shared_kernel> tile[bfloat16]

kernel_table = PyCapsule_New(&table, "dropcore.kernel_table", NULL)
