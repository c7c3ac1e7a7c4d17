/* The x86-64 baseline: registers of four words. */
#include <emmintrin.h>

#define DROPCORE_WIDTH 4
#define DROPCORE_IN_REGISTER(words) __asm__("" : "+x"(words))
#define DROPCORE_WORD_OF_DOUBLE uint32_t /* SSE2 cannot compare wider words */
#define DROPCORE_PUT_NONTEMPORAL(to, values) _mm_stream_si128((__m128i *)(to), (__m128i)(values))
#define dropcore_fence() _mm_sfence()
#include "machine/vectors.h"
#include "machine/bfloat.h"
#include "machine/half.h"
#include "machine/choose.h"

/* Bit l of the result is 1 if lane l is not zero. */
static inline uint32_t dropcore_nonzero(dropcore_lanes words)
{
    return 0xF & ~(uint32_t)_mm_movemask_ps((__m128)(words == 0));
}
