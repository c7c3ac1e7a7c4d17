/* Code with GCC and Clang vector types, valid on any instruction set. Before a family includes this
   file, the family defines DROPCORE_WIDTH, the number of words in a register, and
   DROPCORE_IN_REGISTER(words), which forces the words into a register. Without
   DROPCORE_IN_REGISTER, GCC keeps a broadcast word as a scalar, computes with the scalar, and
   broadcasts only the result. */
typedef uint32_t dropcore_lanes __attribute__((vector_size(4 * DROPCORE_WIDTH)));
typedef float dropcore_floats __attribute__((vector_size(4 * DROPCORE_WIDTH)));

static inline dropcore_lanes dropcore_spread(uint32_t word)
{
    dropcore_lanes words = word - (dropcore_lanes){0};
    DROPCORE_IN_REGISTER(words);
    return words;
}

static const uint32_t dropcore_number[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static inline dropcore_lanes dropcore_numbered(uint32_t first)
{
    dropcore_lanes numbers;
    memcpy(&numbers, dropcore_number, sizeof(numbers));
    return numbers + first;
}

/* The functions that compute 32 float16 or 32 bfloat16 at once are present: for bfloat16 in
   bfloat.h, for float16 in half.h, f16c.h or avx512.h. */
#define DROPCORE_HAS_HALVES 1

/* A row of a block's state. */
typedef uint32_t dropcore_row __attribute__((vector_size(16)));
static inline dropcore_row dropcore_row_of(uint64_t a, uint64_t b)
{
#if defined(__x86_64__) /* otherwise GCC inserts four words one by one */
    typedef uint64_t pair __attribute__((vector_size(16)));
    return (dropcore_row)(pair){a, b};
#else
    return (dropcore_row){(uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32)};
#endif
}

static inline dropcore_row dropcore_row_at(const uint32_t *from)
{
    dropcore_row words;
    memcpy(&words, from, sizeof(words));
    return words;
}

#if defined(__clang__)
#define dropcore_turned(row, ...) __builtin_shufflevector(row, row, __VA_ARGS__)
#else
#define dropcore_turned(row, ...) __builtin_shuffle(row, (dropcore_row){__VA_ARGS__})
#endif
#define dropcore_turned_1(row) dropcore_turned(row, 1, 2, 3, 0)
#define dropcore_turned_2(row) dropcore_turned(row, 2, 3, 0, 1)
#define dropcore_turned_3(row) dropcore_turned(row, 3, 0, 1, 2)
