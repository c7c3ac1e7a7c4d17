/* The instruction sets that kernels are built for, and whether the processor has them. v3 and v4
   are levels of the x86-64 psABI. Level v3 also includes LZCNT and MOVBE, which these functions do
   not test. dispatch.pyx calls the functions before it imports a kernel module. */
#ifndef DROPCORE_PROCESSOR_H
#define DROPCORE_PROCESSOR_H

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
#include <cpuid.h>

static inline int dropcore_has_f16c(void)
{
    unsigned int a, b, c, d; /* not all compilers know "f16c" in __builtin_cpu_supports */
    return __get_cpuid(1, &a, &b, &c, &d) && (c >> 29 & 1);
}

static inline int dropcore_has_v3(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")
        && dropcore_has_f16c();
}

static inline int dropcore_has_v4(void)
{
    return dropcore_has_v3()
        && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl");
}

/* Whether the processor is from AMD. On AMD each complex of a few cores has a last-level cache. */
static inline int dropcore_is_amd(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_is("amd");
}
#else
static inline int dropcore_has_v3(void) { return 0; }
static inline int dropcore_has_v4(void) { return 0; }
static inline int dropcore_is_amd(void) { return 0; }
#endif

static inline int dropcore_has_baseline(void) { return 1; }

/* From the lowest instruction set to the highest. */
typedef struct {
    const char *name;
    int (*is_present)(void);
} dropcore_isa;
static const dropcore_isa dropcore_isas[] = {
    {"baseline", dropcore_has_baseline},
    {"v3", dropcore_has_v3},
    {"v4", dropcore_has_v4},
};
enum { DROPCORE_ISAS = sizeof(dropcore_isas) / sizeof(dropcore_isas[0]) };

#endif
