# From bits that are there: the select, and decisions that elements share.
#
# Shared decisions become plain ones: `repeat` and `tile` (as numpy.repeat and numpy.tile)
# lay the bits out for a few thousand elements, then select.

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
        select_words(keep, m, plan, stream, x + done, y + done)
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
                select_words(keep, m, plan, stream, x + k * times + done, y + k * times + done)
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
        select_words(keep, m * times, plan, stream, x + done * times, y + done * times)
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
        select_words(keep, m, plan, stream, x + done * decisions, y + done * decisions)
        done += rows
    if stream:
        fence()
