/* The parts of a kernel that Cython cannot express: vectors of 32-bit words with arithmetic
   operators, the select of 32 elements, non-temporal stores. Each family of instruction sets has a
   file. All intrinsics and builtins of the core are in the folder `machine`.

   A family's file gives:

   DROPCORE_WIDTH     the number of words in a register: a divisor of 16, constant at compile time
   vectors.h          included after DROPCORE_WIDTH and DROPCORE_IN_REGISTER are defined
   bfloat.h           included; before, optionally DROPCORE_ROUND_BFLOATS
   dropcore_affine_halves     included from half.h or f16c.h, or its own
   dropcore_choose    included from choose.h, whose head names the macros that it needs, or its own
                      with DROPCORE_HAS_NONTEMPORAL and dropcore_fence()
   dropcore_nonzero   bit l of the result is 1 if lane l is not zero
   dropcore_rotate_16, dropcore_rotate_8      optional: faster rotations */
#ifndef DROPCORE_MACHINE_H
#define DROPCORE_MACHINE_H

#include "machine/common.h"

/* DROPCORE_PLAIN builds the form for compilers without vector types. DROPCORE_FAMILY is the file
   that meson.build names for an instruction set; it is undefined for the baseline of a processor. */
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
