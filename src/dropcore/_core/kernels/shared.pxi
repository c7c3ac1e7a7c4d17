# The three kernels that select by given packed bits. In `select` each element has a bit. In
# `repeat` each bit holds for `times` neighbouring elements (as in numpy.repeat). In `tile` a row of
# bits holds for each of `times` rows of elements (as in numpy.tile). Read select.pxi first.
#
# A. `repeat` and `tile` work in stages of at most 8192 elements. `repeat` writes one bit for each
#    element of a stage into keep words, and selects by these words (select.pxi). `tile` writes the
#    keep words once, since all its stages have the same bits.
# B. If one decision of `repeat` holds for a whole stage or more, the keep words are filled once for
#    all stages of the decision.
# C. If a row of `tile` is longer than half a stage, `tile` calls `select` for each row.

cdef inline uint32_t load_bits(
    const uint8_t* bits, uint64_t first, Py_ssize_t n
) noexcept nogil:
    # Returns n bits from bit `first` on; 0 < n <= 32. The higher bits of the result are undefined.
    # Reads only bytes that contain some of the n bits.
    cdef int shift = first & 7
    cdef uint64_t word = 0
    cdef Py_ssize_t k
    for k in range((shift + n + 7) >> 3):
        word |= <uint64_t> bits[(first >> 3) + k] << (8 * k)
    return <uint32_t> (word >> shift)


cdef inline uint32_t bits_at(const uint8_t* bits, int shift) noexcept nogil:
    # Returns 32 bits from bit `shift` on; 0 <= shift < 8. Reads eight bytes.
    return <uint32_t> ((load_word(bits) | <uint64_t> load_word(bits + 4) << 32) >> shift)


cdef inline void select_by_bits(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, Plan plan, bint linear, bint nontemporal,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # n >= 32. A select of the first 32 elements includes the elements before the first span, and a
    # select of the last 32 elements includes the elements after the last span. So no rest is left.
    # (The select of select.pxi leaves one: see D there.)
    cdef element[32] begin
    cdef element[32] end
    cdef Py_ssize_t at = ahead_of(y), last = n - 32
    cdef bint begins_inside = at > 0, ends_inside = (last - at) & 31 != 0
    cdef const uint8_t* source = bits + ((first + at) >> 3)
    cdef int shift = <int> ((first + at) & 7)
    if begins_inside:
        select_word(load_bits(bits, first, 32), plan, linear, False, x, begin)
    if ends_inside:
        select_word(load_bits(bits, first + last, 32), plan, linear, False, x + last, end)
    while at <= last - 32:  # `bits_at` reads no byte after the last byte with bits
        select_word(bits_at(source, shift), plan, linear, nontemporal, x + at, y + at)
        source += 4
        at += 32
    if at <= last:
        select_word(load_bits(bits, first + at, 32), plan, linear, nontemporal, x + at, y + at)
    if begins_inside:
        memcpy(y, begin, sizeof(begin))
    if ends_inside:
        memcpy(y + last, end, sizeof(end))


cdef void select(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, Plan plan, bint nontemporal,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # The flags are constants in each call, so the compiler removes their branches from the loops.
    if n < 32:
        if n > 0:
            select_rest(load_bits(bits, first, n), n, plan, x, y)
    elif not is_linear(plan):
        select_by_bits(bits, first, n, plan, False, False, x, y)
    elif nontemporal and can_go_nontemporal(y):
        select_by_bits(bits, first, n, plan, True, True, x, y)
        fence()
    else:
        select_by_bits(bits, first, n, plan, True, False, x, y)


cdef inline Py_ssize_t whole_words(Py_ssize_t count, Py_ssize_t length) noexcept nogil:
    # How many decisions of `repeat`, or rows of `tile`, a stage takes. Each has `length` elements.
    # The result is `count`. But if the stage would then end inside a keep word, and `count` is at
    # least 32, the result is `count` rounded down to a multiple of 32.
    return count & ~<Py_ssize_t> 31 if count >= 32 and count * length & 31 else count


cdef inline void append_bits(
    uint32_t source, int n,
    uint32_t* keep,  # OUT: zeros from bit `at`
    Py_ssize_t at,
) noexcept nogil:
    # Writes the lowest n <= 32 bits of `source`. The other bits of `source` must be 0.
    cdef int shift = at & 31
    keep[at >> 5] |= source << shift
    if shift + n > 32:
        keep[(at >> 5) + 1] |= source >> (32 - shift)


cdef inline uint32_t drawn_out(uint32_t bits, Py_ssize_t times) noexcept nogil:
    # The lowest 32 / times bits, each repeated `times` times. `times` is 2, 4, 8 or 16.
    if times == 2:
        bits = (bits | bits << 8) & 0x00FF00FFU
        bits = (bits | bits << 4) & 0x0F0F0F0FU
        bits = (bits | bits << 2) & 0x33333333U
        return ((bits | bits << 1) & 0x55555555U) * 3
    if times == 4:
        bits = (bits | bits << 12) & 0x000F000FU
        bits = (bits | bits << 6) & 0x03030303U
        return ((bits | bits << 3) & 0x11111111U) * 15
    if times == 8:
        bits = (bits | bits << 14) & 0x00030003U
        return ((bits | bits << 7) & 0x01010101U) * 255
    return ((bits | bits << 15) & 0x00010001U) * 0xFFFFU


cdef inline void lay_repeated(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    uint32_t* keep,  # OUT: zeros
) noexcept nogil:
    # Writes each decision `times` times, as numpy.repeat does.
    cdef Py_ssize_t k, at = 0, left, a_word
    cdef uint32_t kept
    if times == 2 or times == 4 or times == 8 or times == 16:
        a_word = 32 // times
        for k from 0 <= k < decisions by a_word:
            left = min(decisions - k, a_word)
            kept = load_bits(bits, first + k, left) & (0xFFFFFFFFU >> (32 - left))
            keep[k // a_word] = drawn_out(kept, times)
        return
    for k in range(decisions):
        kept = 0 - <uint32_t> (bits[first + k >> 3] >> (first + k & 7) & 1)
        left = times
        while left >= 32:
            append_bits(kept, 32, keep, at)
            at += 32
            left -= 32
        if left:
            append_bits(kept & ((<uint32_t> 1 << left) - 1), <int> left, keep, at)
            at += left


cdef inline void lay_tiled(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    uint32_t* keep,  # OUT: zeros
) noexcept nogil:
    # Writes the row of decisions `times` times: each pass doubles the written bits.
    cdef Py_ssize_t end = decisions * times, filled = decisions, k, m, n
    cdef uint32_t word
    if 32 % decisions == 0:
        word = load_bits(bits, first, decisions) & (0xFFFFFFFFU >> (32 - decisions))
        while filled < 32:
            word |= word << filled
            filled *= 2
        for k in range((end + 31) >> 5):
            keep[k] = word
        return
    for k from 0 <= k < decisions by 32:
        m = min(decisions - k, <Py_ssize_t> 32)
        keep[k >> 5] = load_bits(bits, first + k, m) & (0xFFFFFFFFU >> (32 - m))
    while filled < end:
        n = min(filled, end - filled)
        for k from 0 <= k < n by 32:
            m = min(n - k, <Py_ssize_t> 32)
            append_bits(keep[k >> 5] & (0xFFFFFFFFU >> (32 - m)), <int> m, keep, filled + k)
        filled += n


cdef void repeat(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times, Plan plan,
    bint nontemporal,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # Each decision holds for `times` neighbouring elements: inner axes are shared.
    cdef uint32_t[1 + <int> STAGE + 1] laid  # word 0: the last keep word of the stage before
    cdef uint32_t* keep = laid + 1
    cdef Py_ssize_t stage = 32 * <Py_ssize_t> STAGE
    cdef Py_ssize_t done, m, k, count
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
        lay_repeated(bits, first + done, m, times, keep)
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
    cdef uint32_t[1 + <int> STAGE + 1] laid  # word 0: the last keep word of the stage before
    cdef uint32_t* keep = laid + 1
    cdef Py_ssize_t stage = 32 * <Py_ssize_t> STAGE
    cdef Py_ssize_t done = 0, rows, m, row
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
    lay_tiled(bits, first, decisions, rows, keep)
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
