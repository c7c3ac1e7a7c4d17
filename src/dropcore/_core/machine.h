/* What a kernel needs from the machine and Cython cannot say: which instruction
   sets the processor has, the size of its last-level cache, prefetch, stores
   that bypass the caches, and byte order. The only intrinsics of the project
   are here. */
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
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

/* One bit an element: a table, because a variable shift has no vector form in
   the x86-64 baseline. */
static const uint32_t dropcore_bit[32] = {
    1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,
    1u << 8,  1u << 9,  1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15,
    1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21, 1u << 22, 1u << 23,
    1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31,
};

/* The half types as types of their own, so that neither is taken for an integer
   or for the other. */
typedef struct { uint16_t bits; } dropcore_float16;
typedef struct { uint16_t bits; } dropcore_bfloat16;

/* 32 halves, widened, times scale, plus shift, rounded to nearest even. F16C heeds
   neither flag that flushes subnormals, so the bits are those of the integer form. */
#if defined(__F16C__)
#define DROPCORE_HAS_F16C 1
static inline void dropcore_affine_halves(
    const dropcore_float16 *x, float scale, float shift, int linear, dropcore_float16 *y)
{
    const __m256 scales = _mm256_set1_ps(scale), shifts = _mm256_set1_ps(shift);
    for (int k = 0; k < 32; k += 8) {
        __m256 value = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(x + k)));
        value = _mm256_mul_ps(value, scales);
        if (!linear)
            value = _mm256_add_ps(value, shifts);
        _mm_storeu_si128(
            (__m128i *)(void *)(y + k), _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
    }
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

#if defined(__AVX512F__) && (defined(__GNUC__) || defined(__clang__))
#define dropcore_prefetch(address) __builtin_prefetch(address)
#else /* elsewhere the hardware's own prefetch is as good */
#define dropcore_prefetch(address) ((void)0)
#endif

#if defined(__GNUC__) || defined(__clang__)
#define dropcore_lowest_bit(word) __builtin_ctz(word)
#else
#include <intrin.h>
static inline int dropcore_lowest_bit(uint32_t word)
{
    unsigned long at;
    _BitScanForward(&at, word);
    return (int)at;
}
#endif

/* Bytes of the last-level cache, as the system says; 0 where it does not. */
static inline size_t dropcore_cache_size(void)
{
#if defined(_SC_LEVEL3_CACHE_SIZE)
    long size = sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (size <= 0)
        size = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return size > 0 ? (size_t)size : 0;
#else
    return 0;
#endif
}

/* Copy past the caches: what is written is not read first, and throws nothing out.
   A fence has to follow before another thread may look. */
static inline void dropcore_stream(void *to, const void *from, size_t bytes)
{
#if defined(__SSE2__)
    unsigned char *y = (unsigned char *)to;
    const unsigned char *x = (const unsigned char *)from;
    size_t head = (16 - ((uintptr_t)y & 15)) & 15;
    if (head > bytes)
        head = bytes;
    memcpy(y, x, head);
    y += head;
    x += head;
    bytes -= head;
    while (bytes >= 16) {
#if defined(__AVX512F__)
        for (; bytes >= 64 && ((uintptr_t)y & 63) == 0; bytes -= 64, y += 64, x += 64)
            _mm512_stream_si512((__m512i *)(void *)y, _mm512_loadu_si512((const void *)x));
        if (bytes < 16)
            break;
#endif
        _mm_stream_si128((__m128i *)(void *)y, _mm_loadu_si128((const __m128i *)(const void *)x));
        bytes -= 16;
        y += 16;
        x += 16;
    }
    memcpy(y, x, bytes);
#else
    memcpy(to, from, bytes);
#endif
}

static inline void dropcore_fence(void)
{
#if defined(__SSE2__)
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
