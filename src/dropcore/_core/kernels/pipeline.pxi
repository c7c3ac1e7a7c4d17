# The software pipeline: elements of one group are selected while another group is in the cipher.
# The pipeline is used at eight planes only. Read cipher.pxi, decide.pxi and select.pxi first.
#
# Three groups of 1024 decisions are under way at a time:
#
#     group g       is in the cipher; the planes of each run of the cipher are folded
#     group g-1     its ties are settled between g's last run of the cipher and the fold of that run
#     group g-2     its elements are selected, between the quarter rounds of g
#
# A. The rounds of the cipher are latency-bound. The select does not depend on the cipher, so the
#    select fills the gaps. The processor does not overlap cipher and select by itself: a group has
#    more instructions than the reorder buffer holds. Branch mispredictions of the ties overlap with
#    the last rounds of the cipher.
# B. A group has 32 keep words. One run of the cipher has 32 calls of `select_at` and makes WIDTH
#    blocks, so a group of 16 blocks needs 16 / WIDTH runs. Therefore every (16 / WIDTH)-th call
#    selects the elements of one keep word: every call, if a register has sixteen lanes. With one
#    lane the rule says every 16th call, but `turn` numbers only the eight calls of a double round.
#    So the code selects at every eighth call, in every second run. This also gives 32 selects in
#    each group, one for each keep word. With eight or four lanes, each call could instead select
#    the elements of a half or a quarter of a word. This would be slow, because GCC unrolls such
#    short loops before it vectorises them.
# C. If y does not begin at a cache line, the select is shifted to whole lines (select.pxi, A). The
#    select of a group then begins with the last elements of the previous group, and uses the last
#    keep word of the previous group for these elements. The same number of elements at the end of
#    the group is left to the select of the next group.
# D. The processor compares loads with pending stores by the low 12 bits of the address only (4 KiB
#    aliasing). One float32 group is 4096 bytes of y, so loads from a `Pipeline` can alias pending
#    stores to y. Therefore `placed` puts the Pipeline at a fixed distance from y, modulo 4096. The
#    distance was found by measuring (GCC 12, float32 and float16); some distances are as bad as a
#    random place. With random places, large arrays took a fifth longer in one process of five.

# A group in the pipeline.
cdef struct Group:
    uint32_t[1 + <int> GROUP_WORDS] keep  # the last word of the group before, then its own words
    Ties ties


cdef struct Pipeline:
    Group[3] groups  # group g is groups[g % 3]
    uint32_t[<int> GROUP_WORDS] shifted  # keep words, shifted to the cache lines of y


cdef inline Pipeline* placed(Pipeline* scratch, const void* y) noexcept nogil:
    # A place in the scratch memory that is congruent, modulo PAGE, to y + BEHIND rounded down to a
    # cache line.
    cdef size_t place = (<size_t> y + BEHIND) // LINE * LINE
    return <Pipeline*> (<char*> scratch + (place - <size_t> scratch) % PAGE)


cdef inline Group* group_at(Pipeline* pipe, Py_ssize_t g) noexcept nogil:
    return &pipe.groups[g % 3]


cdef inline int apart() noexcept nogil:
    # How many calls of `select_at` select one word.
    return LANES // <int> WIDTH if WIDTH > 1 else 8


cdef inline void select_at(
    const uint32_t* keep, Plan plan, bint linear, bint nontemporal, int turn,
    const element* x,  # IN
    element* y,  # OUT, may be x
) noexcept nogil:
    # Call number `turn` of the eight calls in a double round. `turn` is a constant, so no
    # instruction computes an address.
    cdef int word = turn // apart()
    if turn % apart() == 0:
        select_word(keep[word], plan, linear, nontemporal, x + 32 * word, y + 32 * word)


cdef inline void encipher_and_select(
    const Blocks* blocks, lanes counter,
    lanes* s,  # OUT: 16
    const uint32_t* keep, Plan plan, bint linear, bint nontemporal,
    const element* x,  # IN: the elements that this run selects
    element* y,  # OUT, may be x
) noexcept nogil:
    # Computes what `encipher_lanes` computes, with 32 calls of `select_at` between quarter rounds.
    # Of the first double round, `begun` and `begin_lanes` compute the columns, so two calls of
    # `select_at` follow each of the four diagonals. In the other double rounds one call follows
    # each quarter round. The eight quarter rounds are written out, because constant indices keep
    # the state in registers.
    cdef int double_round, words = 8 // apart()
    begin_lanes(blocks, counter, s)
    diagonal(s, 0)
    select_at(keep, plan, linear, nontemporal, 0, x, y)
    select_at(keep, plan, linear, nontemporal, 1, x, y)
    diagonal(s, 1)
    select_at(keep, plan, linear, nontemporal, 2, x, y)
    select_at(keep, plan, linear, nontemporal, 3, x, y)
    diagonal(s, 2)
    select_at(keep, plan, linear, nontemporal, 4, x, y)
    select_at(keep, plan, linear, nontemporal, 5, x, y)
    diagonal(s, 3)
    select_at(keep, plan, linear, nontemporal, 6, x, y)
    select_at(keep, plan, linear, nontemporal, 7, x, y)
    for double_round in range(3):
        keep += words
        x += 32 * words
        y += 32 * words
        column(s, 0)
        select_at(keep, plan, linear, nontemporal, 0, x, y)
        column(s, 1)
        select_at(keep, plan, linear, nontemporal, 1, x, y)
        column(s, 2)
        select_at(keep, plan, linear, nontemporal, 2, x, y)
        column(s, 3)
        select_at(keep, plan, linear, nontemporal, 3, x, y)
        diagonal(s, 0)
        select_at(keep, plan, linear, nontemporal, 4, x, y)
        diagonal(s, 1)
        select_at(keep, plan, linear, nontemporal, 5, x, y)
        diagonal(s, 2)
        select_at(keep, plan, linear, nontemporal, 6, x, y)
        diagonal(s, 3)
        select_at(keep, plan, linear, nontemporal, 7, x, y)
    end_lanes(blocks, counter, s)


cdef inline void advance(
    Decider* d, uint64_t group, Group* now, Group* before,
    bint selecting, const uint32_t* keep, Plan plan, bint linear, bint nontemporal,
    const element* x,  # IN: 1024 elements, if selecting
    element* y,  # OUT, may be x
) noexcept nogil:
    # Enciphers `group`, folds it into `now`, and settles the ties of `before`. If `selecting`, also
    # selects 1024 elements by `keep`.
    cdef lanes[16] s
    cdef lanes counter
    cdef uint64_t block = LANES * group
    cdef uint32_t open = 0
    cdef int lane
    set_counter(&d.blocks, block)
    for lane from 0 <= lane < <int> LANES by <int> WIDTH:
        counter = numbered(<uint32_t> block + lane)
        if selecting and 2 * lane % (32 // apart()) == 0:
            encipher_and_select(
                &d.blocks, counter, s, keep + 2 * lane, plan, linear, nontemporal,
                x + 64 * lane, y + 64 * lane,
            )
        else:
            encipher_lanes(&d.blocks, counter, s)
        if lane + <int> WIDTH == <int> LANES:
            settle(d, &before.ties)
        open |= fold_lanes(s, lane, 8, d.clear, now.keep + 1, &now.ties)
    note_ties(group, open if d.remainder else 0, now.keep + 1, &now.ties)
    now.keep[0] = before.keep[<int> GROUP_WORDS]


cdef inline void advance_only(Decider* d, uint64_t group, Group* now, Group* before) noexcept nogil:
    cdef Plan unused = Plan(scale=0, shift=0, drop=0)
    advance[float](d, group, now, before, False, NULL, unused, True, False, NULL, NULL)


cdef inline void keep_settled(
    const Group* group, Py_ssize_t g,  # a group whose ties are settled
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    if bits != NULL:
        store_bits(group.keep + 1, DECISIONS, bits + DECISIONS // 8 * g)


cdef void decide_groups(
    Decider* d, uint64_t first, Py_ssize_t count,
    uint8_t* bits,  # OUT
) noexcept nogil:
    # Nothing is selected: a group is complete when its ties are settled.
    cdef Pipeline pipe
    cdef Py_ssize_t g
    expect_ties(d)
    group_at(&pipe, 2).ties.open = 0
    for g in range(count):
        advance_only(d, first + g, group_at(&pipe, g), group_at(&pipe, g + 2))
        if g > 0:
            keep_settled(group_at(&pipe, g - 1), g - 1, bits)
    settle(d, &group_at(&pipe, count - 1).ties)
    keep_settled(group_at(&pipe, count - 1), count - 1, bits)


cdef inline const uint32_t* by_lines(
    Pipeline* pipe, const uint32_t* keep, int ahead,
) noexcept nogil:
    # The keep words of a group, shifted to the cache lines of y.
    cdef int word
    if ahead == 0:
        return keep
    for word in range(GROUP_WORDS):
        pipe.shifted[word] = across(keep + word - 1, ahead)
    return pipe.shifted


cdef inline void select_groups(
    Decider* d, uint64_t first, Py_ssize_t count, Plan plan, bint linear, bint nontemporal,
    const element* x,  # IN
    element* y,  # OUT, may be x
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    # count > 1
    cdef Pipeline[6] scratch  # a page and one Pipeline fit: `placed` chooses the place
    cdef Pipeline* pipe = placed(scratch, y)
    cdef int ahead = ahead_of(y)
    cdef Py_ssize_t g, at, filled = min(count, <Py_ssize_t> 3)
    # Prologue: up to three groups go in. The first group is selected by a separate call, because
    # its elements before the first cache line of y need a step of their own.
    expect_ties(d)
    group_at(pipe, 2).ties.open = 0
    for g in range(filled):
        advance_only(d, first + g, group_at(pipe, g), group_at(pipe, g + 2))
        if g == 1:
            select_words(
                group_at(pipe, 0).keep + 1, DECISIONS, plan, nontemporal, False, True, x, y
            )
    # Steady state: group g goes in, the elements of group g-2 are selected, and the bits of group
    # g-3 are stored. The bits wait so long because `settle` stores single keep words, which
    # `store_bits` reads by wide loads. Right after `settle`, these loads would wait until the
    # stores of single words are in the cache.
    for g in range(filled, count):
        at = DECISIONS * (g - 2)
        if ahead:
            at += ahead - 32
        keep_settled(group_at(pipe, g - 3), g - 3, bits)
        advance(
            d, first + g, group_at(pipe, g), group_at(pipe, g + 2),
            True, by_lines(pipe, group_at(pipe, g - 2).keep + 1, ahead), plan, linear, nontemporal,
            x + at, y + at,
        )
    # Epilogue: the last ties are settled, and the elements of the last two groups are selected. (If
    # there are only two groups, the first was selected above.)
    settle(d, &group_at(pipe, count - 1).ties)
    for g in range(count - filled, count):
        keep_settled(group_at(pipe, g), g, bits)
    for g in range(max(count - 2, <Py_ssize_t> 1), count):
        at = DECISIONS * g
        select_words(
            group_at(pipe, g).keep + 1, DECISIONS, plan, nontemporal, True, g < count - 1,
            x + at, y + at,
        )


cdef void forward_groups(
    Decider* d, uint64_t first, Py_ssize_t count, Plan plan, bint nontemporal,
    const element* x,  # IN
    element* y,  # OUT, may be x
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    # The flags are constants in each call, so the compiler removes their branches from the loops.
    if not is_linear(plan):
        select_groups(d, first, count, plan, False, False, x, y, bits)
    elif HAS_NONTEMPORAL and nontemporal:
        select_groups(d, first, count, plan, True, True, x, y, bits)
    else:
        select_groups(d, first, count, plan, True, False, x, y, bits)
