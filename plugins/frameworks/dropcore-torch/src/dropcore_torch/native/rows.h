// What attention computes for one row of weights, while the row is in the L1 cache.
//
// The compiler makes vector code of the loops over LANES. One build serves all processors of its
// kind, so each function is compiled for several instruction sets where the loader can choose
// among them.

#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__)
#define FOR_EACH_ISA __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_ISA
#endif
#if defined(__GNUC__)
#define INLINED __attribute__((always_inline)) inline
#define SOLE __restrict__  // no other pointer leads to the same elements
#else
#define INLINED inline
#define SOLE __restrict
#endif

namespace dropcore_torch {

constexpr float INFINITE = std::numeric_limits<float>::infinity();
constexpr int LANES = 16;

// exp(x), to two units in the last place, for x from -87 to 88; 0 for smaller x.
//
// exp(x) = 2^k exp(r), where k is the integer nearest to x / log(2), so |r| <= log(2) / 2. exp(r)
// is approximated by the minimax polynomial: of all polynomials of degree 5 that are 1 at 0, the
// minimax polynomial has the smallest maximum of the relative error. log(2) is in two parts. The
// product of k and the first part is exact, so r needs no fused multiply-add.
INLINED float exponential(float x)
{
    constexpr float least = -88, log2_high = 0.693359375f, log2_low = -2.12194440e-4f;
    constexpr float shift = 12582912 + 127;  // 1.5 * 2^23: a sum has k + 127 in its lowest bits
    x = x < least ? least : x;  // nan stays nan
    const float shifted = x * 1.44269504f + shift;
    const float k = shifted - shift;
    const float r = (x - k * log2_high) - k * log2_low;
    uint32_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits <<= 23;
    float power;  // 2^k, and 0 for k = -127
    std::memcpy(&power, &bits, sizeof power);
    float sum = 0x1.0fa836p-7f;
    sum = sum * r + 0x1.573a54p-5f;
    sum = sum * r + 0x1.555a6ap-3f;
    sum = sum * r + 0x1.fffdc6p-2f;
    sum = sum * r + 0x1.fffff6p-1f;
    return (sum * r + 1) * power;
}

// Decisions of a row, as bits: 1 where the element is kept. The three bytes after the byte of the
// last decision must be readable.
struct Decisions {
    const uint8_t *bits;
    int64_t first;

    // The decisions from number j on, in the lowest bits: at least LANES decisions.
    uint32_t from(int64_t j) const
    {
        uint32_t word;
        std::memcpy(&word, bits + (first + j) / 8, sizeof word);
        return word >> (first + j) % 8;
    }
};

INLINED float greater_of(float x, float y)
{
    return x > y ? x : y;
}

// `sum_of` and `greatest_in` return the sum and the greatest of `lanes` numbers. They overwrite x.
template <int lanes = LANES>
INLINED float sum_of(float *x)
{
    if constexpr (lanes == 1)
        return x[0];
    else {
        for (int lane = 0; lane < lanes / 2; lane++)
            x[lane] += x[lane + lanes / 2];
        return sum_of<lanes / 2>(x);
    }
}

template <int lanes = LANES>
INLINED float greatest_in(float *x)
{
    if constexpr (lanes == 1)
        return x[0];
    else {
        for (int lane = 0; lane < lanes / 2; lane++)
            x[lane] = greater_of(x[lane], x[lane + lanes / 2]);
        return greatest_in<lanes / 2>(x);
    }
}

// The greatest of n numbers; nan is ignored.
FOR_EACH_ISA inline float greatest_of(const float *x, int64_t n)
{
    constexpr int MANY = 2 * LANES;  // two chains: each maximum waits for the previous maximum
    float greatest[MANY], rest = -INFINITE;
    for (int lane = 0; lane < MANY; lane++)
        greatest[lane] = rest;
    int64_t j = 0;
    for (; j + MANY <= n; j += MANY)
        for (int lane = 0; lane < MANY; lane++)
            greatest[lane] = greater_of(x[j + lane], greatest[lane]);
    for (; j < n; j++)
        rest = greater_of(x[j], rest);
    return greater_of(greatest_in<MANY>(greatest), rest);
}

// x = drop(exp(x - top)) for n elements, without the scale of dropout. The elements up to the next
// multiple of LANES are written too. Returns the sum of exp(x - top).
FOR_EACH_ISA inline float drop_exponentials(float *x, int64_t n, float top, Decisions decisions)
{
    float sums[LANES] = {};
    for (int64_t j = 0; j < n; j += LANES) {
        const uint32_t keep = decisions.from(j);
        const int left = n - j < LANES ? static_cast<int>(n - j) : LANES;
#pragma omp simd
        for (int lane = 0; lane < LANES; lane++) {
            const float each = exponential(x[j + lane] - top);
            sums[lane] += lane < left ? each : 0;
            x[j + lane] = keep & 1u << lane ? each : 0;
        }
    }
    return sum_of(sums);
}

// From scores x, and gradients g of the weights after dropout, for n elements:
//
//     x = drop(exp(x - top) factor),  g = exp(x - top) factor (drop(g) - sum)
//
// without the scale of dropout. The elements up to the next multiple of LANES are written too.
FOR_EACH_ISA inline void drop_gradients(
    float *SOLE x, float *SOLE g, int64_t n, float top, float factor, float sum,
    Decisions decisions)
{
    for (int64_t j = 0; j < n; j += LANES) {
        const uint32_t keep = decisions.from(j);
#pragma omp simd
        for (int lane = 0; lane < LANES; lane++) {
            const bool kept = keep & 1u << lane;
            const float each = exponential(x[j + lane] - top) * factor;
            g[j + lane] = each * ((kept ? g[j + lane] : 0) - sum);
            x[j + lane] = kept ? each : 0;
        }
    }
}

FOR_EACH_ISA inline float product_of(const float *SOLE x, const float *SOLE y, int64_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++)
        sum += x[j] * y[j];
    return sum;
}

// y = y exp(x). Returns exp(x).
FOR_EACH_ISA inline float scale_row(float x, int64_t n, float *y)
{
    const float factor = exponential(x);
    for (int64_t j = 0; j < n; j++)
        y[j] *= factor;
    return factor;
}

// y = x factor
FOR_EACH_ISA inline void copy_row(const float *SOLE x, int64_t n, float factor, float *SOLE y)
{
    for (int64_t j = 0; j < n; j++)
        y[j] = x[j] * factor;
}

// y += x factor
FOR_EACH_ISA inline void add_row(const float *SOLE x, int64_t n, float factor, float *SOLE y)
{
    for (int64_t j = 0; j < n; j++)
        y[j] += x[j] * factor;
}

}  // namespace dropcore_torch
