/* The parts of a kernel that Cython cannot express: vectors of 32-bit words with arithmetic
   operators, the select of 32 elements, non-temporal stores. All intrinsics and builtins of the
   core are in the folder `machine`. Each family of instruction sets has a file there. plain.h is
   the file for compilers without vector types. Each of the other family files (sse2.h, avx2.h,
   avx512.h, other.h) defines or includes these parts:

   DROPCORE_WIDTH             the number of 32-bit words in a register: a divisor of 16
   DROPCORE_IN_REGISTER       see vectors.h
   vectors.h                  included after the two macros above
   DROPCORE_ROUND_BFLOATS     optional: see bfloat.h
   bfloat.h                   included
   dropcore_affine_halves     defined, or included with half.h or f16c.h
   dropcore_choose            defined, with DROPCORE_HAS_NONTEMPORAL and dropcore_fence(); or
                              included with choose.h, after the macros that choose.h names
   dropcore_nonzero           defined: bit l of the result is 1 if lane l is not zero
   dropcore_rotate_16, dropcore_rotate_8      optional: faster rotations */
#ifndef DROPCORE_MACHINE_H
#define DROPCORE_MACHINE_H

#include "machine/common.h"

/* DROPCORE_PLAIN builds the form for compilers without vector types. DROPCORE_FAMILY is the file
   that meson.build names for an instruction set. It is undefined for the baseline of a processor.
*/
#if !(defined(__GNUC__) || defined(__clang__)) || defined(DROPCORE_PLAIN)
#include "machine/plain.h"
#elif defined(DROPCORE_FAMILY)
#include DROPCORE_FAMILY
#elif defined(__SSE2__)
#include "machine/sse2.h"
#else
#include "machine/other.h"
#endif

#ifndef dropcore_rotate_16
#define dropcore_rotate_16(words) ((words) << 16 | (words) >> 16)
#define dropcore_rotate_8(words) ((words) << 8 | (words) >> 24)
#endif

static inline void dropcore_put_lanes(uint32_t *to, dropcore_lanes words)
{
    memcpy(to, &words, sizeof(words));
}

static inline void dropcore_put_row(uint32_t *to, dropcore_row words)
{
    memcpy(to, &words, sizeof(words));
}

#endif
