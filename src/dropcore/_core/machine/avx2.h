/* x86-64-v3: registers of eight words. */
#include <immintrin.h>

#define DROPCORE_WIDTH 8
#define DROPCORE_IN_REGISTER(words) __asm__("" : "+x"(words))
#define DROPCORE_WORD_OF_DOUBLE uint64_t
#define DROPCORE_PUT_NONTEMPORAL(to, values) _mm256_stream_si256((__m256i *)(to), (__m256i)(values))
#define dropcore_fence() _mm_sfence()
#include "machine/vectors.h"
#include "machine/bfloat.h"

/* What choose.h does for float, in one instruction less. vpsignd takes a value and a word `bit`. The
   result is 0 if `bit` is 0, the value if `bit` is positive, and the negated value if `bit` is
   negative. Only bit 31 would make a negative word, so the last eight bits are moved down first. The
   two exclusive ors with `other` turn the 0 into *drop, and leave a kept value as it is. */
static inline void dropcore_choose_floats(
    uint32_t keep, int nontemporal, const float *x, const float *drop, float *y)
{
    typedef float floats __attribute__((vector_size(32), aligned(1)));
    const dropcore_lanes bits = {1, 2, 4, 8, 16, 32, 64, 128};
    const dropcore_lanes words = dropcore_spread(keep);
    uint32_t one;
    dropcore_lanes other, values;
    memcpy(&one, drop, sizeof(one));
    other = one - (dropcore_lanes){0};
    for (int k = 0; k < 32; k += 8) {
        const dropcore_lanes bit = k < 24 ? words & bits << k : words >> 8 & bits << 16;
        values = (dropcore_lanes)*(const floats *)(x + k) ^ other;
        values = (dropcore_lanes)_mm256_sign_epi32((__m256i)values, (__m256i)bit) ^ other;
        if (nontemporal)
            _mm256_stream_si256((__m256i *)(void *)(y + k), (__m256i)values);
        else
            *(floats *)(y + k) = (floats)values;
    }
}
#define DROPCORE_CHOOSE_4 dropcore_choose_floats
#include "machine/choose.h"
#include "machine/f16c.h"

/* Bit l of the result is 1 if lane l is not zero. */
static inline uint32_t dropcore_nonzero(dropcore_lanes words)
{
    return 0xFF & ~(uint32_t)_mm256_movemask_ps((__m256)(words == 0));
}

/* Rotations by whole bytes, each in one instruction; AVX2 has no instruction for other rotations. */
#define dropcore_shuffle(words, ...) ((dropcore_lanes)_mm256_shuffle_epi8( \
    (__m256i)(words), _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))))
#define dropcore_rotate_16(words) \
    dropcore_shuffle(words, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
#define dropcore_rotate_8(words) \
    dropcore_shuffle(words, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)
