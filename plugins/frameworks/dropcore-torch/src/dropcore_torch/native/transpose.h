// Transposition of matrices in float32.

#pragma once

#include "rows.h"

namespace dropcore_torch {

#if defined(__GNUC__)
typedef float Eight __attribute__((vector_size(32)));

INLINED void transpose_8_by_8(const float *x, int64_t from, float factor, float *y, int64_t to)
{
    Eight a[8], b[8];
    for (int i = 0; i < 8; i++) {
        std::memcpy(&a[i], x + i * from, sizeof a[i]);
        a[i] *= factor;
    }
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
inline void transpose_8_by_8(const float *x, int64_t from, float factor, float *y, int64_t to)
{
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++)
            y[j * to + i] = x[i * from + j] * factor;
}
#endif

// The transpose of a matrix, times a factor; `from` and `to` are the elements from row to row.
FOR_EACH_ISA inline void transpose(
    const float *SOLE x, int64_t rows, int64_t columns, int64_t from, float factor, float *SOLE y,
    int64_t to)
{
    const int64_t whole_rows = rows / 8 * 8, whole_columns = columns / 8 * 8;
    for (int64_t r = 0; r < whole_rows; r += 8)
        for (int64_t c = 0; c < whole_columns; c += 8)
            transpose_8_by_8(x + r * from + c, from, factor, y + c * to + r, to);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = r < whole_rows ? whole_columns : 0; c < columns; c++)
            y[c * to + r] = x[r * from + c] * factor;
}

}  // namespace dropcore_torch
