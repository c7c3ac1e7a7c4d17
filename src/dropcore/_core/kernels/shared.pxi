# The select by packed bits: one bit for each element, or bits that several elements share.
#
# `repeat` and `tile` (as numpy.repeat and numpy.tile) write one bit for each element, for a few
# thousand elements at a time, and select by those.

cdef inline uint32_t load_bits(
    const uint8_t* bits, uint64_t first, Py_ssize_t n
) noexcept nogil:
    # 0 < n <= 32 bits from bit `first` on. Only the bytes that hold them are read.
    cdef int shift = first & 7
    cdef uint64_t word = 0
    cdef Py_ssize_t k
    for k in range((shift + n + 7) >> 3):
        word |= <uint64_t> bits[(first >> 3) + k] << (8 * k)
    return <uint32_t> (word >> shift)


cdef inline void load_words(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    uint32_t* keep,  # OUT: (n+31)//32 words
) noexcept nogil:
    cdef const uint8_t* at = bits + (first >> 3)
    cdef Py_ssize_t word, full = n >> 5
    cdef int shift = first & 7
    if shift == 0:
        for word in range(full):
            keep[word] = load_word(at + 4 * word)
    else:
        for word in range(full):
            keep[word] = (load_word(at + 4 * word) >> shift) | (
                <uint32_t> at[4 * word + 4] << (32 - shift)
            )
    if n & 31:
        keep[full] = load_bits(bits, first + 32 * full, n & 31)


cdef void select(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, Plan plan, bint nontemporal,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    cdef uint32_t[1 + <int> STAGE] keep
    cdef Py_ssize_t done = 0, m
    nontemporal = nontemporal and can_go_nontemporal(y)
    if 0 < n < 32:
        select_rest(load_bits(bits, first, n), n, plan, x, y)
        return
    while done < n:
        m = min(n - done, 32 * <Py_ssize_t> STAGE)
        load_words(bits, first + done, m, keep + 1)
        select_words(keep + 1, m, plan, nontemporal, done > 0, done + m < n, x + done, y + done)
        keep[0] = keep[<int> STAGE]
        done += m
    if nontemporal:
        fence()


cdef inline Py_ssize_t whole_words(Py_ssize_t count, Py_ssize_t length) noexcept nogil:
    # `count`, rounded down to a multiple of 32 where count * length is no multiple of 32.
    return count & ~<Py_ssize_t> 31 if count >= 32 and count * length & 31 else count


cdef inline void append_bits(
    uint32_t source, int n,
    uint32_t* keep,  # OUT: zeros from bit `at`
    Py_ssize_t at,
) noexcept nogil:
    # Writes the lowest n <= 32 bits of `source`. Its other bits must be 0.
    cdef int shift = at & 31
    keep[at >> 5] |= source << shift
    if shift + n > 32:
        keep[(at >> 5) + 1] |= source >> (32 - shift)


cdef void repeat(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times, Plan plan,
    bint nontemporal,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # Each decision holds for `times` neighbouring elements: inner axes are shared.
    cdef uint32_t[1 + <int> STAGE + 1] laid  # first the last word of the piece before
    cdef uint32_t* keep = laid + 1
    cdef Py_ssize_t stage = 32 * <Py_ssize_t> STAGE
    cdef Py_ssize_t done, m, k, at, left, count
    cdef bint kept, joined
    nontemporal = nontemporal and can_go_nontemporal(y)
    if times >= stage:
        for k in range(decisions):
            kept = load_bits(bits, first + k, 1) & 1
            memset(laid, 0xFF if kept else 0, sizeof(laid))
            done = 0
            while done < times:
                m = min(times - done, stage)
                select_words(
                    keep, m, plan, nontemporal, done > 0, done + m < times,
                    x + k * times + done, y + k * times + done,
                )
                done += m
        if nontemporal:
            fence()
        return
    count = whole_words(stage // times, times)
    joined = count * times & 31 == 0
    done = 0
    while done < decisions:
        m = min(decisions - done, count)
        memset(keep, 0, sizeof(laid) - sizeof(laid[0]))
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
        select_words(
            keep, m * times, plan, nontemporal, joined and done > 0,
            joined and done + m < decisions, x + done * times, y + done * times,
        )
        laid[0] = keep[(count * times >> 5) - 1]
        done += m
    if nontemporal:
        fence()


cdef void tile(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times, Plan plan,
    bint nontemporal,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # The same row of decisions holds for each row of elements: outer axes are shared.
    cdef uint32_t[1 + <int> STAGE + 1] laid  # first the last word of the piece before
    cdef uint32_t* keep = laid + 1
    cdef Py_ssize_t stage = 32 * <Py_ssize_t> STAGE
    cdef Py_ssize_t done = 0, rows, m, row, k
    cdef bint joined
    nontemporal = nontemporal and can_go_nontemporal(y)
    if 2 * decisions > stage:
        for row in range(times):
            select(
                bits, first, decisions, plan, nontemporal, x + row * decisions, y + row * decisions
            )
        return
    rows = min(times, whole_words(stage // decisions, decisions))
    joined = rows * decisions & 31 == 0
    memset(laid, 0, sizeof(laid))
    for row in range(rows):
        k = 0
        while k < decisions:
            m = min(decisions - k, <Py_ssize_t> 32)
            append_bits(
                load_bits(bits, first + k, m) & (0xFFFFFFFFU >> (32 - m)), <int> m,
                keep, row * decisions + k,
            )
            k += m
    laid[0] = keep[(rows * decisions >> 5) - 1]
    while done < times:
        m = min(times - done, rows)
        select_words(
            keep, m * decisions, plan, nontemporal, joined and done > 0,
            joined and done + m < times, x + done * decisions, y + done * decisions,
        )
        done += m
    if nontemporal:
        fence()
