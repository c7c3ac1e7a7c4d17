# Writes the packed bits of a mask in another order of the axes. A layout (_core/layout.pyx) needs
# this if the axes of an array have another order in memory than in the mask, or if only a few
# neighbours share a decision.
#
# A. A row of the output lies along the last axis of the output. In the mask, the bits of a row are
#    neighbours (stride 1), one and the same shared bit (stride 0), or a larger stride apart. With a
#    larger stride, blocks of 32 by 32 bits are transposed; a source word holds 32 neighbours along
#    the axis whose stride in the mask is 1.
# B. Small blocks are copied bit by bit: transposing a block costs as much as copying fifty bits.

cdef enum:
    WORTH = 48  # bits: smaller blocks are not transposed

cdef inline void put_bits(
    uint32_t source, Py_ssize_t n,
    uint8_t* out,  # INOUT: zeros from bit `at`
    Py_ssize_t at,
) noexcept nogil:
    # Writes the lowest n <= 32 bits of `source`. The other bits of `source` must be 0.
    cdef uint8_t* word = out + 4 * (at >> 5)
    cdef int shift = at & 31
    store_word(word, load_word(word) | (source << shift))
    if shift + n > 32:
        store_word(word + 4, load_word(word + 4) | (source >> (32 - shift)))


cdef inline uint32_t up_to_a_word(
    const uint8_t* bits, uint64_t first, Py_ssize_t n
) noexcept nogil:
    # Returns n bits from bit `first` on, then zeros; 0 < n <= 32. Reads only bytes that contain
    # some of these bits.
    cdef const uint8_t* at = bits + (first >> 3)
    cdef int shift = first & 7
    if n < 32:
        return load_bits(bits, first, n) & (0xFFFFFFFFU >> (32 - n))
    if shift == 0:
        return load_word(at)
    return (load_word(at) >> shift) | (<uint32_t> at[4] << (32 - shift))


cdef inline void swap(uint32_t* block, int by, uint32_t low) noexcept nogil:
    cdef uint32_t changed
    cdef int k, part
    for part from 0 <= part < 32 by 2 * by:
        for k in range(part, part + by):
            changed = ((block[k] >> by) ^ block[k + by]) & low
            block[k] ^= changed << by
            block[k + by] ^= changed


cdef inline void transpose(uint32_t* block) noexcept nogil:
    # Bit c of word r becomes bit r of word c.
    swap(block, 16, 0x0000FFFF)
    swap(block, 8, 0x00FF00FF)
    swap(block, 4, 0x0F0F0F0F)
    swap(block, 2, 0x33333333)
    swap(block, 1, 0x55555555)


cdef void transpose_plane(
    const uint8_t* bits, Py_ssize_t first, Py_ssize_t rows, Py_ssize_t row, Py_ssize_t columns,
    uint8_t* out,  # OUT
    Py_ssize_t at, Py_ssize_t column,
) noexcept nogil:
    # `row`: the distance between two rows in the mask, in bits; `column`: the distance between two
    # columns in `out`, in bits.
    cdef uint32_t[32] block
    cdef Py_ssize_t r, c, height, width, k
    for r from 0 <= r < rows by 32:
        height = min(rows - r, <Py_ssize_t> 32)
        for c from 0 <= c < columns by 32:
            width = min(columns - c, <Py_ssize_t> 32)
            memset(block, 0, sizeof(block))
            for k in range(height):
                block[k] = up_to_a_word(bits, first + (r + k) * row + c, width)
            transpose(block)
            for k in range(width):
                put_bits(block[k], height, out, at + (c + k) * column + r)


cdef void lay_row(
    const uint8_t* bits, Py_ssize_t first, Py_ssize_t n, Py_ssize_t step,
    uint8_t* out,  # OUT
    Py_ssize_t at,
) noexcept nogil:
    cdef uint32_t word
    cdef Py_ssize_t done, m, k, bit
    for done from 0 <= done < n by 32:
        m = min(n - done, <Py_ssize_t> 32)
        if step == 1:
            word = up_to_a_word(bits, first + done, m)
        elif step == 0:
            word = (0 - up_to_a_word(bits, first, 1)) & (0xFFFFFFFFU >> (32 - m))
        else:
            word = 0
            bit = first + done * step
            for k in range(m):
                word |= <uint32_t> (bits[bit >> 3] >> (bit & 7) & 1) << k
                bit += step
        put_bits(word, m, out, at + done)


cdef void reorder(
    const uint8_t* bits, int axes, const Py_ssize_t* length, const Py_ssize_t* stride,
    uint8_t* out,  # OUT: whole words of 32 bits
) noexcept nogil:
    # A loop over all axes except the last axis and `along`, the axis along which source words lie.
    cdef Py_ssize_t[<int> MAX_AXES] index, turns, place
    cdef Py_ssize_t n = 1, first = 0, at = 0
    cdef int last = axes - 1, along = -1, axis
    for axis in range(last, -1, -1):
        index[axis] = 0
        turns[axis] = length[axis]
        place[axis] = n
        n *= length[axis]
    memset(out, 0, (n + 31) // 32 * 4)
    if axes == 0:
        lay_row(bits, 0, 1, 1, out, 0)
    if axes == 0 or n == 0:
        return
    if stride[last] > 1:
        for axis in range(last):
            if stride[axis] == 1 and WORTH <= (
                min(length[last], <Py_ssize_t> 32) * min(length[axis], <Py_ssize_t> 32)
            ):
                along = axis
                turns[axis] = 1
    while True:
        if along >= 0:
            transpose_plane(
                bits, first, length[last], stride[last], length[along], out, at, place[along]
            )
        else:
            lay_row(bits, first, length[last], stride[last], out, at)
        axis = last - 1
        while axis >= 0:
            first += stride[axis]
            at += place[axis]
            index[axis] += 1
            if index[axis] < turns[axis]:
                break
            first -= index[axis] * stride[axis]
            at -= index[axis] * place[axis]
            index[axis] = 0
            axis -= 1
        if axis < 0:
            return
