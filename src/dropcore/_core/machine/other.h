/* Any other processor, such as one with NEON, compiled by GCC or Clang: registers of four words, no
   intrinsics. */
#define DROPCORE_WIDTH 4
#define DROPCORE_IN_REGISTER(words) ((void)0)
#define DROPCORE_WORD_OF_DOUBLE uint32_t
#include "machine/vectors.h"
#include "machine/bfloat.h"
#include "machine/half.h"
#include "machine/choose.h"

/* Bit l of the result is 1 if lane l is not zero. */
static inline uint32_t dropcore_nonzero(dropcore_lanes words)
{
    uint32_t found = 0;
    for (int lane = 0; lane < DROPCORE_WIDTH; lane++)
        found |= (uint32_t)(words[lane] != 0) << lane;
    return found;
}
