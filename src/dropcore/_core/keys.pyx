# Keys: BLAKE2b (RFC 7693) of a seed and a path (mask stream, version 1).
#
#     key = blake2b(item(seed) + item(part 1) + item(part 2) + ...,
#                   digest_size=32, person=b"dropcore-mask-v1")
#     item(x) = type byte, length of the payload as 8 little-endian bytes, payload
#
# A. A Path is the state of the hash after some items. The key is computed from a copy, so the path
#    can be extended later.
# B. A full block (128 bytes) is hashed only when more bytes come, because the last block is hashed
#    with a flag.
# C. Bytes are converted to words and back by shifts, so the machine's byte order does not matter.
# D. hashlib has the same function, but it works on Python objects and needs the GIL.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from dropcore._core.table cimport DrawAddress

cdef enum:
    BLOCK = 128  # bytes
    ROUNDS = 12

# RFC 7693, sections 2.6 and 2.7.
cdef uint64_t[8] INITIAL = [
    0x6A09E667F3BCC908ULL, 0xBB67AE8584CAA73BULL, 0x3C6EF372FE94F82BULL, 0xA54FF53A5F1D36F1ULL,
    0x510E527FADE682D1ULL, 0x9B05688C2B3E6C1FULL, 0x1F83D9ABFB41BD6BULL, 0x5BE0CD19137E2179ULL,
]
cdef uint8_t[160] ORDER = [  # of the words of a block: 16 for each of ten rounds
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
    11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4,
    7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
    9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13,
    2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
    12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11,
    13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
    6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5,
    10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
]


cdef inline uint64_t load(const uint8_t* bytes) noexcept nogil:
    cdef uint64_t word = 0
    cdef int k
    for k in range(8):
        word |= <uint64_t> bytes[k] << (8 * k)
    return word


cdef inline uint64_t rotate(uint64_t word, int by) noexcept nogil:
    return (word >> by) | (word << (64 - by))


cdef inline void mix(
    uint64_t* v,  # INOUT
    int a, int b, int c, int d, uint64_t x, uint64_t y,
) noexcept nogil:
    v[a] += v[b] + x
    v[d] = rotate(v[d] ^ v[a], 32)
    v[c] += v[d]
    v[b] = rotate(v[b] ^ v[c], 24)
    v[a] += v[b] + y
    v[d] = rotate(v[d] ^ v[a], 16)
    v[c] += v[d]
    v[b] = rotate(v[b] ^ v[c], 63)


cdef void compress(
    Path* path,  # INOUT
    bint last,
) noexcept nogil:
    cdef uint64_t[16] v
    cdef uint64_t[16] m
    cdef const uint8_t* order
    cdef int k, turn
    for k in range(16):
        m[k] = load(path.block + 8 * k)
    for k in range(8):
        v[k] = path.hash[k]
        v[8 + k] = INITIAL[k]
    v[12] ^= path.length
    if last:
        v[14] = ~v[14]
    for turn in range(ROUNDS):
        order = ORDER + 16 * (turn if turn < 10 else turn - 10)
        for k in range(4):  # columns
            mix(v, k, 4 + k, 8 + k, 12 + k, m[order[2 * k]], m[order[2 * k + 1]])
        order += 8
        for k in range(4):  # diagonals
            mix(
                v, k, 4 + ((k + 1) & 3), 8 + ((k + 2) & 3), 12 + ((k + 3) & 3),
                m[order[2 * k]], m[order[2 * k + 1]],
            )
    for k in range(8):
        path.hash[k] ^= v[k] ^ v[8 + k]


cdef inline Py_ssize_t waiting(const Path* path) noexcept nogil:
    # The number of bytes in the block: 128 for a full block until more bytes come.
    return <Py_ssize_t> ((path.length - 1) % BLOCK) + 1 if path.length else 0


cdef void add_bytes(
    Path* path,  # INOUT
    const uint8_t* data, Py_ssize_t n,
) noexcept nogil:
    cdef Py_ssize_t filled, taken
    while n > 0:
        filled = waiting(path)
        if filled == BLOCK:
            compress(path, False)
            filled = 0
        taken = min(n, BLOCK - filled)
        memcpy(path.block + filled, data, taken)
        path.length += taken
        data += taken
        n -= taken


cdef inline int to_bytes(
    uint64_t word,
    uint8_t* bytes,  # OUT: 8
) noexcept nogil:
    # Little-endian; returns the number of bytes without trailing zeros.
    cdef int k, used = 0
    for k in range(8):
        bytes[k] = <uint8_t> (word >> (8 * k))
        if bytes[k]:
            used = k + 1
    return used


cdef void begin_path(Path* path) noexcept nogil:
    memset(path, 0, sizeof(path[0]))
    memcpy(path.hash, INITIAL, sizeof(INITIAL))
    path.hash[0] ^= 0x01010020  # the parameter block: 32 bytes of digest, no key, no tree
    path.hash[6] ^= load(<const uint8_t*> b"dropcore")
    path.hash[7] ^= load(<const uint8_t*> b"-mask-v1")


cdef void add_item(Path* path, char kind, const uint8_t* payload, Py_ssize_t n) noexcept nogil:
    cdef uint8_t[9] head
    head[0] = <uint8_t> kind
    to_bytes(<uint64_t> n, head + 1)
    add_bytes(path, head, 9)
    add_bytes(path, payload, n)


cdef void add_integer(Path* path, uint64_t part) noexcept nogil:
    cdef uint8_t[8] payload
    cdef int n = to_bytes(part, payload)
    add_item(path, c"i", payload, n)


cdef void set_key(const Path* path, DrawAddress* draw) noexcept nogil:
    cdef Path whole = path[0]
    cdef Py_ssize_t filled = waiting(path)
    cdef int k
    memset(whole.block + filled, 0, BLOCK - filled)
    compress(&whole, True)
    for k in range(4):
        draw.key[2 * k] = <uint32_t> whole.hash[k]
        draw.key[2 * k + 1] = <uint32_t> (whole.hash[k] >> 32)
