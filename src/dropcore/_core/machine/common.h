/* Code that is the same for every instruction set: types, bytes, bits. */
#ifndef DROPCORE_COMMON_H
#define DROPCORE_COMMON_H

#include <stdint.h>
#include <string.h>

/* The half types are structs, so that the compiler distinguishes them from integers and from each
   other. */
typedef struct { uint16_t bits; } dropcore_float16;
typedef struct { uint16_t bits; } dropcore_bfloat16;

/* Packed masks are bytes; a word of 32 decisions is in little-endian order. */
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

#if defined(__GNUC__) || defined(__clang__)
#define dropcore_lowest_bit(word) __builtin_ctz(word)
#define dropcore_prefetch(address) __builtin_prefetch(address)
#else
#include <intrin.h>
#define dropcore_prefetch(address) ((void)0)
static inline int dropcore_lowest_bit(uint32_t word)
{
    unsigned long at;
    _BitScanForward(&at, word);
    return (int)at;
}
#endif

#endif
