/* x86-64-v4: registers of sixteen words, mask registers, non-temporal stores of whole lines. */
#include <immintrin.h>

#define DROPCORE_WIDTH 16
#define DROPCORE_IN_REGISTER(words) __asm__("" : "+v"(words))
#include "machine/vectors.h"

/* Rounds the floats in two registers to bfloat16, to nearest even. A bfloat16 is the upper half of
   a float. All upper halves are gathered in one register first, and all lower halves in another, so
   that one instruction works on 32 halves. An upper half is rounded up if the lower half of its
   word is above 0x8000, or if the lower half is 0x8000 and the upper half is odd. */
static inline dropcore_lanes dropcore_round_bfloats(dropcore_lanes low, dropcore_lanes high)
{
    static const uint16_t uppers[32] = {
        1, 33, 3, 35, 5, 37, 7, 39, 9, 41, 11, 43, 13, 45, 15, 47,
        17, 49, 19, 51, 21, 53, 23, 55, 25, 57, 27, 59, 29, 61, 31, 63};
    const __m512i upper_places = _mm512_loadu_si512(uppers);
    const __m512i lower_places = _mm512_sub_epi16(upper_places, _mm512_set1_epi16(1));
    const __m512i one = _mm512_set1_epi16(1);
    __m512i upper = _mm512_permutex2var_epi16((__m512i)low, upper_places, (__m512i)high);
    __m512i lower = _mm512_permutex2var_epi16((__m512i)low, lower_places, (__m512i)high);
    lower = _mm512_or_si512(lower, _mm512_and_si512(upper, one));
    lower = _mm512_srli_epi16(_mm512_subs_epu16(lower, one), 15);
    return (dropcore_lanes)_mm512_add_epi16(upper, lower);
}
#define DROPCORE_ROUND_BFLOATS dropcore_round_bfloats
#include "machine/bfloat.h"

/* Computes 16 float16, as f16c.h computes 8: widened, times scale, plus shift, rounded to nearest
   even. */
static inline __m256i dropcore_affine_16_halves(
    const dropcore_float16 *x, float scale, float shift, int linear)
{
    __m512 value = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)x));
    value = _mm512_mul_ps(value, _mm512_set1_ps(scale));
    if (!linear)
        value = _mm512_add_ps(value, _mm512_set1_ps(shift));
    return _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT);
}

/* Computes 32 float16. The one store is as wide as the later load in dropcore_choose: store-to-load
   forwarding needs this. */
static inline void dropcore_affine_halves(
    const dropcore_float16 *x, float scale, float shift, int linear, dropcore_float16 *y)
{
    _mm512_storeu_si512(y, _mm512_inserti64x4(
        _mm512_castsi256_si512(dropcore_affine_16_halves(x, scale, shift, linear)),
        dropcore_affine_16_halves(x + 16, scale, shift, linear), 1));
}

/* Bit l of the result is 1 if lane l is not zero. */
static inline uint32_t dropcore_nonzero(dropcore_lanes words)
{
    return _mm512_test_epi32_mask((__m512i)words, (__m512i)words);
}

/* After non-temporal stores a fence must follow before another thread reads y. */
#define DROPCORE_HAS_NONTEMPORAL 1
#define dropcore_fence() _mm_sfence()

static inline void dropcore_put_line(void *y, __m512i line, int nontemporal)
{
    if (nontemporal)
        _mm512_stream_si512((__m512i *)y, line);
    else
        _mm512_storeu_si512(y, line);
}

/* Stores 32 elements of `size` bytes to y: the element of x if its bit of `keep` is 1, else
   *drop. */
static inline void dropcore_choose(
    uint32_t keep, size_t size, int nontemporal, const void *x, const void *drop, void *y)
{
    const char *from = (const char *)x;
    char *to = (char *)y;
    if (size == 4) {
        const __m512 other = _mm512_set1_ps(*(const float *)drop);
        for (int k = 0; k < 32; k += 16)
            dropcore_put_line(to + 4 * k, _mm512_castps_si512(_mm512_mask_mov_ps(
                other, (__mmask16)(keep >> k), _mm512_loadu_ps(from + 4 * k))), nontemporal);
    } else if (size == 8) {
        const __m512d other = _mm512_set1_pd(*(const double *)drop);
        for (int k = 0; k < 32; k += 8)
            dropcore_put_line(to + 8 * k, _mm512_castpd_si512(_mm512_mask_mov_pd(
                other, (__mmask8)(keep >> k), _mm512_loadu_pd(from + 8 * k))), nontemporal);
    } else {
        const __m512i other = _mm512_set1_epi16(*(const short *)drop);
        dropcore_put_line(
            to, _mm512_mask_mov_epi16(other, keep, _mm512_loadu_si512(from)), nontemporal);
    }
}
