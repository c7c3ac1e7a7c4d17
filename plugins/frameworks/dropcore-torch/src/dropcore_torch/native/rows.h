// What attention computes for one row of weights, while the row is in the L1 cache; transposition.
//
// The compiler makes vector code of these loops. One build serves all processors of its kind, so
// each function is compiled for several instruction sets where the loader can choose among them.

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

// 1 + r / 1! + r^2 / 2! + ... + r^7 / 7!, without its first terms, divided by r^term.
template <int term = 0>
INLINED float series(float r, double factorial = 1)
{
    if constexpr (term == 7)
        return static_cast<float>(1 / factorial);
    else
        return static_cast<float>(1 / factorial) + r * series<term + 1>(r, factorial * (term + 1));
}

// exp(x) for x of 0 or less, to a few units in the last place; 0 if it is not a normal number.
//
// exp(x) = 2^k exp(r), where k is the integer nearest to x / log(2), and exp(r) is a Taylor sum.
INLINED float exponential(float x)
{
    constexpr float least = -87.3f, log2_high = 0.693359375f, log2_low = -2.12194440e-4f;
    constexpr float shift = 12582912;  // 1.5 * 2^23: the sum has k in its lowest bits
    const float inside = x < least ? least : x;  // nan stays nan
    const float shifted = inside * 1.44269504f + shift;
    const float k = shifted - shift;
    const float sum = series((inside - k * log2_high) - k * log2_low);
    uint32_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof bits);
    return x < least ? 0 : sum * power;
}

// The greatest of n numbers, times a factor, and of `other`; nan is ignored.
FOR_EACH_ISA inline float greatest_of(const float *x, int64_t n, float factor, float other)
{
    constexpr int LANES = 32;
    float lanes[LANES];
    for (int lane = 0; lane < LANES; lane++)
        lanes[lane] = other;
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            const float each = x[j + lane] * factor;
            lanes[lane] = each > lanes[lane] ? each : lanes[lane];
        }
    for (; j < n; j++)
        other = x[j] * factor > other ? x[j] * factor : other;
    for (int lane = 0; lane < LANES; lane++)
        other = lanes[lane] > other ? lanes[lane] : other;
    return other;
}

// x = exp(x factor - greatest). Returns the sum.
FOR_EACH_ISA inline float exponentials(float *x, int64_t n, float factor, float greatest)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++) {
        x[j] = exponential(x[j] * factor - greatest);
        sum += x[j];
    }
    return sum;
}

// x = exp(x factor - greatest) share
FOR_EACH_ISA inline void weights_of(float *x, int64_t n, float factor, float greatest, float share)
{
    for (int64_t j = 0; j < n; j++)
        x[j] = exponential(x[j] * factor - greatest) * share;
}

// g = w (g - sum) factor: from the gradient of the weights that of the products of q and k.
FOR_EACH_ISA inline void gradient_of_products(
    float *SOLE g, const float *SOLE w, int64_t n, float sum, float factor)
{
    for (int64_t j = 0; j < n; j++)
        g[j] = w[j] * (g[j] - sum) * factor;
}

FOR_EACH_ISA inline float product_of(const float *SOLE x, const float *SOLE y, int64_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++)
        sum += x[j] * y[j];
    return sum;
}

// x = x factor
FOR_EACH_ISA inline void scale_row(float *x, int64_t n, float factor)
{
    for (int64_t j = 0; j < n; j++)
        x[j] *= factor;
}

// y = x factor
FOR_EACH_ISA inline void copy_row(const float *SOLE x, int64_t n, float factor, float *SOLE y)
{
    for (int64_t j = 0; j < n; j++)
        y[j] = x[j] * factor;
}

// y += x
FOR_EACH_ISA inline void add_row(const float *SOLE x, int64_t n, float *SOLE y)
{
    for (int64_t j = 0; j < n; j++)
        y[j] += x[j];
}

// y = y factor + x
FOR_EACH_ISA inline void scale_and_add_row(
    const float *SOLE x, int64_t n, float factor, float *SOLE y)
{
    for (int64_t j = 0; j < n; j++)
        y[j] = y[j] * factor + x[j];
}

// ----------------------------------------------------------------------- transposition

#if defined(__GNUC__)
typedef float Eight __attribute__((vector_size(32)));

INLINED void transpose_8_by_8(const float *x, int64_t from, float *y, int64_t to)
{
    Eight a[8], b[8];
    for (int i = 0; i < 8; i++)
        std::memcpy(&a[i], x + i * from, sizeof a[i]);
    for (int i = 0; i < 8; i += 2) {
        b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = i; j < i + 2; j++) {
            a[i + 2 * (j - i)] =
                __builtin_shufflevector(b[j], b[j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            a[i + 2 * (j - i) + 1] =
                __builtin_shufflevector(b[j], b[j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < 4; i++) {
        b[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        b[i + 4] = __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (int i = 0; i < 8; i++)
        std::memcpy(y + i * to, &b[i], sizeof b[i]);
}
#else
inline void transpose_8_by_8(const float *x, int64_t from, float *y, int64_t to)
{
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++)
            y[j * to + i] = x[i * from + j];
}
#endif

// The transpose of a matrix; `from` and `to` are the elements from row to row.
FOR_EACH_ISA inline void transpose(
    const float *SOLE x, int64_t rows, int64_t columns, int64_t from, float *SOLE y, int64_t to)
{
    const int64_t whole_rows = rows / 8 * 8, whole_columns = columns / 8 * 8;
    for (int64_t r = 0; r < whole_rows; r += 8)
        for (int64_t c = 0; c < whole_columns; c += 8)
            transpose_8_by_8(x + r * from + c, from, y + c * to + r, to);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = r < whole_rows ? whole_columns : 0; c < columns; c++)
            y[c * to + r] = x[r * from + c];
}

}  // namespace dropcore_torch
