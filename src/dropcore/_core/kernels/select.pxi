# The select of n elements by their keep words.
#
# A. NumPy's arrays begin 16 bytes into a line of the cache, and a store across two
#    lines costs two: out of place, the select goes by the lines of y, with the keep
#    words shifted.
# B. On v4 load, multiply and select are one masked instruction, which does not train
#    the hardware's prefetcher, so the select prefetches for itself there.
# C. `stream`: whole lines are stored past the caches. What was not asked for is not
#    read first, and throws nothing out.

cdef inline int ahead_of(const element* x, const element* y) noexcept nogil:
    # How many elements before the first whole line of y; 0 also where y is x.
    return 0 if x == y else <int> ((0 - <size_t> y) % LINE // sizeof(element))


cdef inline bint can_stream(const element* y) noexcept nogil:
    return HAS_MASKS and <size_t> y % sizeof(element) == 0


cdef inline void select_full_words(
    const uint32_t* keep, Py_ssize_t count, Affine plan, bint linear, bint stream,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    cdef Py_ssize_t word, last = count - 1
    cdef int ahead = ahead_of(x, y)
    if ahead == 0 or count < 4:
        for word in range(count):
            select_word(
                keep[word], plan, linear, stream and ahead == 0, x + 32 * word, y + 32 * word
            )
        return
    # Whole lines, with the first and the last word again where they begin and end.
    select_word(keep[0], plan, linear, False, x, y)
    for word in range(last):
        select_word(
            (keep[word] >> ahead) | (keep[word + 1] << (32 - ahead)), plan, linear, stream,
            x + 32 * word + ahead, y + 32 * word + ahead,
        )
    select_word(keep[last], plan, linear, False, x + 32 * last, y + 32 * last)


cdef inline void select_rest(
    uint32_t keep, Py_ssize_t n, Affine plan, bint linear,
    const element* x,  # IN: n < 32 elements
    element* y,  # OUT, may be x
) noexcept nogil:
    cdef element[32] rest
    cdef Py_ssize_t k
    if element is float or element is double:
        if n <= SHORT:
            for k in range(n):
                keep_element(x[k], plan, linear, rest)
                y[k] = rest[0] if keep >> k & 1 else <element> plan.drop
            return
    memset(rest, 0, sizeof(rest))
    memcpy(rest, x, n * sizeof(element))
    select_word(keep, plan, linear, False, rest, rest)
    memcpy(y, rest, n * sizeof(element))


cdef inline bint is_linear(Affine plan) noexcept nogil:
    return plan.shift == 0 and plan.drop == 0


cdef void select_words(
    const uint32_t* keep, Py_ssize_t n, Affine plan, bint stream,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # A call for each, so that the flags are constants in the loops.
    cdef Py_ssize_t full = n >> 5
    if not is_linear(plan):
        select_full_words(keep, full, plan, False, False, x, y)
        if n & 31:
            select_rest(keep[full], n & 31, plan, False, x + 32 * full, y + 32 * full)
        return
    if HAS_MASKS and stream:
        select_full_words(keep, full, plan, True, True, x, y)
    else:
        select_full_words(keep, full, plan, True, False, x, y)
    if n & 31:
        select_rest(keep[full], n & 31, plan, True, x + 32 * full, y + 32 * full)
