# The select of n elements by their keep words. Each step selects a span of 32 elements
# (`select_word` in element.pxi; read that file first).
#
# A. NumPy's arrays seldom begin at a cache line, and a store across two lines costs as much as two
#    stores. So the spans begin at cache lines of y. The 32 decisions of a span are then in two
#    neighbouring keep words (`across`). A call with fewer than four keep words and without a
#    neighbouring stage (C) does not shift its keep words: its first span begins at y.
# B. `nontemporal`: whole lines of y are written by non-temporal stores, which bypass the caches. So
#    a line is not read before it is written, and other data stay in the caches. The address of a
#    non-temporal store must be a multiple of the store's size (up to 64 bytes), so all spans must
#    begin at cache lines. x is prefetched only together with non-temporal stores. With ordinary
#    stores a prefetch costs more than it saves.
# C. A large array is selected in stages, one call of `select_words` for each. If y does not begin
#    at a cache line, one span has the last elements of a stage and the first elements of the next
#    stage. The earlier stage (`leads`) leaves this span out, and the later stage (`follows`)
#    selects it. If each stage stored its part of a line by non-temporal stores, the second store
#    would force a read of the line from memory.
# D. `select_rest` selects the last n % 32 elements. Of the other elements, fewer than 32 lie before
#    the first span, and fewer than 32 after the last span. The elements before the first span are
#    selected with the other elements of the first keep word, by one select of 32 elements. The
#    elements after the last span are selected with the other elements of the last whole keep word.
#    A select of fewer elements would take longer. Both results are computed before anything is
#    stored, because y may be x, and are stored last.

cdef inline int ahead_of(const element* y) noexcept nogil:
    # How many elements of y come before its first whole cache line.
    return <int> ((0 - <size_t> y) % LINE // sizeof(element))


cdef inline uint32_t across(const uint32_t* keep, int ahead) noexcept nogil:
    # Returns the 32 decisions that begin at bit `ahead` of two words; 0 < ahead < 32.
    return (keep[0] >> ahead) | (keep[1] << (32 - ahead))


cdef inline bint can_go_nontemporal(const element* y) noexcept nogil:
    return HAS_NONTEMPORAL and <size_t> y % sizeof(element) == 0


cdef inline bint is_linear(Plan plan) noexcept nogil:
    # Whether an `and` can select: without a shift, and with +0.0 for dropped elements. (An `and`
    # cannot give -0.0.) A plan with a scale of nan does not count as linear, so that bfloat.h needs
    # no code for this scale where `linear` is set.
    return (
        plan.shift == 0 and plan.drop == 0 and not signbit(plan.drop) and plan.scale == plan.scale
    )


cdef inline void copy_few(
    Py_ssize_t n,
    const element* x,  # IN: n < 32 elements
    element* y,  # OUT
) noexcept nogil:
    # For a `memcpy` of a variable size GCC writes `rep movs`, whose start takes longer than these
    # copies.
    if n & 16:
        memcpy(y, x, 16 * sizeof(element))
    if n & 8:
        memcpy(y + (n & 16), x + (n & 16), 8 * sizeof(element))
    if n & 4:
        memcpy(y + (n & 24), x + (n & 24), 4 * sizeof(element))
    if n & 2:
        memcpy(y + (n & 28), x + (n & 28), 2 * sizeof(element))
    if n & 1:
        memcpy(y + (n & 30), x + (n & 30), sizeof(element))


cdef inline void rest_of(
    uint32_t keep, Py_ssize_t n, Plan plan, bint linear,
    const element* x,  # IN
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
    copy_few(n, x, rest)
    select_word(keep, plan, linear, False, rest, rest)
    copy_few(n, <const element*> rest, y)


cdef void select_rest(
    uint32_t keep, Py_ssize_t n, Plan plan,
    const element* x,  # IN: n < 32 elements
    element* y,  # OUT, may be x
) noexcept nogil:
    if is_linear(plan):
        rest_of(keep, n, plan, True, x, y)
    else:
        rest_of(keep, n, plan, False, x, y)


cdef inline void select_full_words(
    const uint32_t* keep, Py_ssize_t count, Plan plan, bint linear, bint nontemporal,
    bint follows, bint leads,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    cdef element[32] begin
    cdef element[32] end
    cdef Py_ssize_t word, at, last = count - 1
    cdef int ahead = ahead_of(y)
    if ahead == 0 or count < 4 and not follows and not leads:
        for word in range(count):
            select_word(
                keep[word], plan, linear, nontemporal and ahead == 0, x + 32 * word, y + 32 * word
            )
        return
    if count == 0:  # only elements of the stage before are left
        select_rest((keep - 1)[0] >> ahead, 32 - ahead, plan, x + ahead - 32, y + ahead - 32)
        return
    if not follows:
        select_word(keep[0], plan, linear, False, x, begin)
    if not leads:
        select_word(keep[last], plan, linear, False, x + 32 * last, end)
    for word in range(-1 if follows else 0, last):
        at = 32 * word + ahead
        select_word(across(keep + word, ahead), plan, linear, nontemporal, x + at, y + at)
    if not follows:
        memcpy(y, begin, sizeof(begin))
    if not leads:
        memcpy(y + 32 * last, end, sizeof(end))


cdef void select_many(
    const uint32_t* keep, Py_ssize_t count, Plan plan, bint nontemporal, bint follows, bint leads,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # `linear` and `nontemporal` are constants in each call, so the compiler removes their branches
    # from the loops.
    if not is_linear(plan):
        select_full_words(keep, count, plan, False, False, follows, leads, x, y)
    elif HAS_NONTEMPORAL and nontemporal:
        select_full_words(keep, count, plan, True, True, follows, leads, x, y)
    else:
        select_full_words(keep, count, plan, True, False, follows, leads, x, y)


cdef inline void select_words(
    const uint32_t* keep, Py_ssize_t n, Plan plan, bint nontemporal, bint follows, bint leads,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # follows: keep[-1] is the keep word of the 32 elements before this stage. leads: n is a
    # multiple of 32, and the next call selects the stage after this stage.
    cdef Py_ssize_t full = n >> 5
    if full or follows:
        select_many(keep, full, plan, nontemporal, follows, leads, x, y)
    if n & 31:
        select_rest(keep[full], n & 31, plan, x + 32 * full, y + 32 * full)
