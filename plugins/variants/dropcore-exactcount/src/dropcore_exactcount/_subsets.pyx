# Random subsets of rows, from the raw words of a draw.
#
# A. Floyd's algorithm: for j = n-k ... n-1 take a random t in [0, j]. Add t to the subset,
#    or j if t is already in it. All subsets of k are equally likely. The algorithm needs k words
#    and no memory besides the row. If more than half of a row is dropped, the algorithm chooses the
#    subset of the kept elements.
# B. The words are taken in order, row after row, so no two rows share a word. Rows can take
#    different numbers of words, because a rejected word is not used again.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from dropcore cimport dropcore_draw, dropcore_draw_of, dropcore_words

cdef enum:
    BUFFER = 128


cdef struct Words:
    dropcore_draw draw
    uint64_t buffer[BUFFER]
    uint64_t filled  # words of the draw that were loaded into the buffer so far
    int taken  # words of the buffer that were used


cdef int open_words(Words* words, object draw) except -1:
    dropcore_draw_of(draw, &words.draw)
    words.filled = 0
    words.taken = BUFFER
    return 0


cdef inline uint64_t next_word(Words* words) noexcept nogil:
    if words.taken == BUFFER:
        dropcore_words(&words.draw, words.filled, BUFFER, words.buffer)
        words.filled += BUFFER
        words.taken = 0
    words.taken += 1
    return words.buffer[words.taken - 1]


cdef inline uint64_t multiply(
    uint64_t a, uint64_t b,
    uint64_t* low,  # OUT
) noexcept nogil:
    # The high half of a * b; not every compiler has an integer of 128 bits.
    cdef uint64_t a0 = <uint32_t> a, a1 = a >> 32, b0 = <uint32_t> b, b1 = b >> 32
    cdef uint64_t left = a1 * b0 + (a0 * b0 >> 32)
    cdef uint64_t right = a0 * b1 + <uint32_t> left
    low[0] = a * b
    return a1 * b1 + (left >> 32) + (right >> 32)


cdef inline uint64_t below(Words* words, uint64_t bound) noexcept nogil:
    # Exactly uniform in [0, bound): 2^64 mod bound of the words are rejected.
    cdef uint64_t low, excess
    cdef uint64_t integer = multiply(next_word(words), bound, &low)
    if low < bound:
        excess = (0 - bound) % bound
        while low < excess:
            integer = multiply(next_word(words), bound, &low)
    return integer


cdef void mark_subset(
    Words* words, Py_ssize_t k, Py_ssize_t n, uint8_t mark,
    uint8_t* row,  # INOUT: no element is `mark` yet
) noexcept nogil:
    cdef Py_ssize_t j, t
    for j in range(n - k, n):
        t = <Py_ssize_t> below(words, j + 1)
        row[j if row[t] == mark else t] = mark


def drop_in_rows(draw, Py_ssize_t k, uint8_t[:, ::1] keep):
    """Fill `keep` with 1, and with 0 at k random places of each row."""
    cdef Words words
    cdef Py_ssize_t rows = keep.shape[0], n = keep.shape[1], row
    cdef uint8_t mark = 0
    if not 0 <= k <= n:
        raise ValueError(f"k must be in [0, {n}], not {k}")
    if rows * n == 0:
        return
    if k > n - k:
        k, mark = n - k, 1
    open_words(&words, draw)
    with nogil:
        memset(&keep[0, 0], 1 - mark, rows * n)
        for row in range(rows):
            mark_subset(&words, k, n, mark, &keep[row, 0])


def integers_below(draw, uint64_t bound, uint64_t[::1] integers):
    """Fill `integers` with uniform integers in [0, bound); for tests of the rejection."""
    cdef Words words
    cdef Py_ssize_t place
    if bound == 0:
        raise ValueError("bound must be at least 1, not 0")
    open_words(&words, draw)
    with nogil:
        for place in range(integers.shape[0]):
            integers[place] = below(&words, bound)
