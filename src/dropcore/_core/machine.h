/* What a kernel needs from the machine and Cython cannot say: which instruction
   sets the processor has, prefetch, stores that bypass the caches, and byte order.
   The only intrinsics of the project are here. */
#ifndef DROPCORE_MACHINE_H
#define DROPCORE_MACHINE_H

#include <stdint.h>
#include <string.h>
#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__F16C__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

/* A register of 32-bit words, with the operators of one. DROPCORE_PLAIN builds what a compiler
   without vector types would. */
#if (defined(__GNUC__) || defined(__clang__)) && !defined(DROPCORE_PLAIN)
#if defined(__AVX512F__)
#define DROPCORE_WIDTH 16
#elif defined(__AVX2__)
#define DROPCORE_WIDTH 8
#else
#define DROPCORE_WIDTH 4
#endif
typedef uint32_t dropcore_lanes __attribute__((vector_size(4 * DROPCORE_WIDTH)));
static inline dropcore_lanes dropcore_spread(uint32_t word)
{
    dropcore_lanes words = word - (dropcore_lanes){0};
#if defined(__AVX512F__)
    __asm__("" : "+v"(words)); /* GCC would compute with the one word for as long as it can */
#elif defined(__SSE2__)
    __asm__("" : "+x"(words));
#endif
    return words;
}
static const uint32_t dropcore_number[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static inline dropcore_lanes dropcore_numbered(uint32_t first)
{
    dropcore_lanes numbers;
    memcpy(&numbers, dropcore_number, sizeof(numbers));
    return numbers + first;
}

/* Bit l set where lane l is not zero. A loop would fold it lane by lane. */
static inline uint32_t dropcore_nonzero(dropcore_lanes words)
{
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask((__m512i)words, (__m512i)words);
#elif defined(__AVX2__)
    return 0xFF & ~(uint32_t)_mm256_movemask_ps((__m256)(words == 0));
#elif defined(__SSE2__)
    return 0xF & ~(uint32_t)_mm_movemask_ps((__m128)(words == 0));
#else
    uint32_t found = 0;
    for (int lane = 0; lane < DROPCORE_WIDTH; lane++)
        found |= (uint32_t)(words[lane] != 0) << lane;
    return found;
#endif
}

/* A row of a block's state. */
typedef uint32_t dropcore_row __attribute__((vector_size(16)));
static inline dropcore_row dropcore_row_of(uint64_t a, uint64_t b)
{
#if defined(__x86_64__) /* GCC would put it together of four */
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
#else /* no more than a register of one word; rows are not used */
#define DROPCORE_WIDTH 1
typedef uint32_t dropcore_lanes;
typedef uint32_t dropcore_row;
#define dropcore_row_of(a, b) (a)
#define dropcore_row_at(from) (*(from))
#define dropcore_turned_1(row) (row)
#define dropcore_turned_2(row) (row)
#define dropcore_turned_3(row) (row)
#define dropcore_spread(word) (word)
#define dropcore_numbered(first) (first)
#define dropcore_nonzero(word) ((word) != 0)
#endif
static inline void dropcore_put_lanes(uint32_t *to, dropcore_lanes words)
{
    memcpy(to, &words, sizeof(words));
}

static inline void dropcore_put_row(uint32_t *to, dropcore_row words)
{
    memcpy(to, &words, sizeof(words));
}

/* Rotations by whole bytes: AVX2 has no other in one instruction. */
#if defined(__AVX2__) && !defined(__AVX512F__) && DROPCORE_WIDTH == 8
#define dropcore_shuffle(words, ...) ((dropcore_lanes)_mm256_shuffle_epi8( \
    (__m256i)(words), _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))))
#define dropcore_rotate_16(words) \
    dropcore_shuffle(words, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
#define dropcore_rotate_8(words) \
    dropcore_shuffle(words, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)
#else
#define dropcore_rotate_16(words) ((words) << 16 | (words) >> 16)
#define dropcore_rotate_8(words) ((words) << 8 | (words) >> 24)
#endif

/* The half types as types of their own, so that neither is taken for an integer
   or for the other. */
typedef struct { uint16_t bits; } dropcore_float16;
typedef struct { uint16_t bits; } dropcore_bfloat16;

/* 32 halves, widened, times scale, plus shift, rounded to nearest even. F16C heeds
   neither flag that flushes subnormals, so the bits are those of the integer form. */
#if defined(__F16C__)
#define DROPCORE_HAS_F16C 1
static inline __m128i dropcore_affine_8_halves(
    const dropcore_float16 *x, float scale, float shift, int linear)
{
    __m256 value = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)x));
    value = _mm256_mul_ps(value, _mm256_set1_ps(scale));
    if (!linear)
        value = _mm256_add_ps(value, _mm256_set1_ps(shift));
    return _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT);
}

static inline void dropcore_affine_halves(
    const dropcore_float16 *x, float scale, float shift, int linear, dropcore_float16 *y)
{
    for (int k = 0; k < 32; k += 16) /* stores as wide as the loads to come */
        _mm256_storeu_si256((__m256i *)(void *)(y + k), _mm256_setr_m128i(
            dropcore_affine_8_halves(x + k, scale, shift, linear),
            dropcore_affine_8_halves(x + k + 8, scale, shift, linear)));
}
#else
#define DROPCORE_HAS_F16C 0
#define dropcore_affine_halves(x, scale, shift, linear, y) ((void)0)
#endif

/* Packed masks are bytes; a word of 32 decisions is read little end first. */
static inline uint32_t dropcore_load_word(const unsigned char *from)
{
    uint32_t word;
    memcpy(&word, from, 4);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

static inline void dropcore_store_word(unsigned char *to, uint32_t word)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    memcpy(to, &word, 4);
}

/* Levels as x86-64 psABI names them, by the features that set them apart. */
static inline int dropcore_has_f16c(void)
{
#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    unsigned int a, b, c, d; /* not among the names that all compilers know */
    return __get_cpuid(1, &a, &b, &c, &d) && (c >> 29 & 1);
#else
    return 0;
#endif
}

static inline int dropcore_has_v3(void)
{
#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")
        && dropcore_has_f16c();
#else
    return 0;
#endif
}

static inline int dropcore_has_v4(void)
{
#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    return dropcore_has_v3()
        && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl");
#else
    return 0;
#endif
}

#if defined(__GNUC__) || defined(__clang__)
#define dropcore_lowest_bit(word) __builtin_ctz(word)
#define dropcore_prefetch(address) __builtin_prefetch(address)
#else
#define dropcore_prefetch(address) ((void)0)
#include <intrin.h>
static inline int dropcore_lowest_bit(uint32_t word)
{
    unsigned long at;
    _BitScanForward(&at, word);
    return (int)at;
}
#endif

/* 32 elements of `size` bytes: x where the bit is set, else *drop. `stream`, where there are
   masks, stores whole lines past the caches; a fence has to follow before another thread
   may look. */
#if defined(__AVX512BW__)
#define DROPCORE_HAS_MASKS 1
static inline void dropcore_put_line(void *y, __m512i line, int stream)
{
    if (stream)
        _mm512_stream_si512((__m512i *)y, line);
    else
        _mm512_storeu_si512(y, line);
}

static inline void dropcore_choose(
    uint32_t keep, size_t size, int stream, const void *x, const void *drop, void *y)
{
    const char *from = (const char *)x;
    char *to = (char *)y;
    if (size == 4) {
        const __m512 other = _mm512_set1_ps(*(const float *)drop);
        for (int k = 0; k < 32; k += 16)
            dropcore_put_line(to + 4 * k, _mm512_castps_si512(_mm512_mask_mov_ps(
                other, (__mmask16)(keep >> k), _mm512_loadu_ps(from + 4 * k))), stream);
    } else if (size == 8) {
        const __m512d other = _mm512_set1_pd(*(const double *)drop);
        for (int k = 0; k < 32; k += 8)
            dropcore_put_line(to + 8 * k, _mm512_castpd_si512(_mm512_mask_mov_pd(
                other, (__mmask8)(keep >> k), _mm512_loadu_pd(from + 8 * k))), stream);
    } else {
        const __m512i other = _mm512_set1_epi16(*(const short *)drop);
        dropcore_put_line(
            to, _mm512_mask_mov_epi16(other, keep, _mm512_loadu_si512(from)), stream);
    }
}
#elif DROPCORE_WIDTH > 1
#define DROPCORE_HAS_MASKS 0
/* A register at a time. `whole` is an integer as large as an element, `word` what is
   compared, one or two to an element. The registers that are loaded and stored are of
   the element's own type: of any other, GCC would keep them in order with the cipher's. */
#define DROPCORE_REGISTER __attribute__((vector_size(4 * DROPCORE_WIDTH)))
#define DROPCORE_CHOOSE(name, element, whole, word)                                         \
    typedef element name##_elements DROPCORE_REGISTER __attribute__((aligned(1)));          \
    typedef whole name##_wholes DROPCORE_REGISTER;                                          \
    typedef word name##_words DROPCORE_REGISTER;                                            \
    static inline void name(uint32_t keep, const element *x, const element *drop, element *y) \
    {                                                                                       \
        enum { SHARE = sizeof(element) / sizeof(word), BITS = 8 * sizeof(word) };           \
        enum { LANES = sizeof(name##_words) / sizeof(word) };                               \
        whole one;                                                                          \
        word bit[LANES];                                                                    \
        name##_words other, bits, values, kept;                                             \
        memcpy(&one, drop, sizeof(one));                                                    \
        other = (name##_words)(one - (name##_wholes){0});                                   \
        for (int k = 0; k < 32; k += LANES / SHARE) {                                       \
            for (int lane = 0; lane < LANES; lane++)                                        \
                bit[lane] = (word)((word)1 << (k + lane / SHARE) % BITS);                   \
            memcpy(&bits, bit, sizeof(bits));                                               \
            kept = (name##_words)(((word)(keep >> k / BITS * BITS) & bits) == bits);        \
            values = (name##_words)*(const name##_elements *)(x + k);                       \
            values = (values & kept) | (other & ~kept);                                     \
            *(name##_elements *)(y + k) = (name##_elements)values;                          \
        }                                                                                   \
    }
DROPCORE_CHOOSE(dropcore_choose_2, uint16_t, uint16_t, uint16_t)
DROPCORE_CHOOSE(dropcore_choose_4, float, uint32_t, uint32_t)
#if defined(__AVX2__)
DROPCORE_CHOOSE(dropcore_choose_8, double, uint64_t, uint64_t)
#else /* SSE2 compares no wider words */
DROPCORE_CHOOSE(dropcore_choose_8, double, uint64_t, uint32_t)
#endif
static inline void dropcore_choose(
    uint32_t keep, size_t size, int stream, const void *x, const void *drop, void *y)
{
    (void)stream;
    if (size == 4)
        dropcore_choose_4(keep, (const float *)x, (const float *)drop, (float *)y);
    else if (size == 8)
        dropcore_choose_8(keep, (const double *)x, (const double *)drop, (double *)y);
    else
        dropcore_choose_2(keep, (const uint16_t *)x, (const uint16_t *)drop, (uint16_t *)y);
}
#else
#define DROPCORE_HAS_MASKS 0
static inline void dropcore_choose(
    uint32_t keep, size_t size, int stream, const void *x, const void *drop, void *y)
{
    (void)stream;
    for (int k = 0; k < 32; k++)
        memcpy((char *)y + k * size, keep >> k & 1 ? (const char *)x + k * size : drop, size);
}
#endif

static inline void dropcore_fence(void)
{
#if DROPCORE_HAS_MASKS
    _mm_sfence();
#endif
}

/* float <-> bits, without breaking the aliasing rules. */
static inline uint32_t dropcore_float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

static inline float dropcore_bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

#endif
