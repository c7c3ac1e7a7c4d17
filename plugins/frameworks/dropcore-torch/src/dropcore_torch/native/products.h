// Products of small matrices in float32, by oneDNN's kernels for small matrices, through PyTorch.
//
// oneDNN compiles a kernel for each shape and strides, and keeps the kernel. So sizes are padded to
// multiples of ROUND: then there are only a few shapes.

#pragma once

#include <algorithm>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/native/CPUBlas.h>

namespace dropcore_torch {

using at::Tensor;

constexpr int64_t ROUND = 16;

inline int64_t rounded(int64_t n)
{
    return (n + ROUND - 1) / ROUND * ROUND;
}

// c = a b, or c += a b: (m, k) by (k, n), in C order. lda, ldb and ldc are the elements from row to
// row of a, b and c.
inline void multiply(
    bool adds, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
    int64_t ldb, float *c, int64_t ldc)
{
#ifdef CPUBLAS_BRGEMM_F32F32F32
    at::native::cpublas::brgemm(m, n, k, lda, ldb, ldc, adds, a, b, c, false);
#endif
}

// Whether PyTorch has kernels for `multiply` on this processor.
inline bool has_products()
{
#ifdef CPUBLAS_BRGEMM_F32F32F32
    try {
        std::vector<float> ones(ROUND * ROUND, 1), sums(ROUND * ROUND);
        multiply(
            false, ROUND, ROUND, ROUND, ones.data(), ROUND, ones.data(), ROUND, sums.data(), ROUND);
        return sums[0] == ROUND;
    } catch (const c10::Error &) {
    }
#endif
    return false;
}

// ------------------------------------------------------------ matrices of a tensor

// The last two axes of a tensor, beginning at a place in its memory.
struct Matrix {
    float *first;
    int64_t row, column;  // the strides

    Matrix(const Tensor &x, int64_t place)
        : first(static_cast<float *>(const_cast<void *>(x.const_data_ptr())) + place),
          row(x.stride(-2)), column(x.stride(-1))
    {
    }
    Matrix(float *first, int64_t row) : first(first), row(row), column(1) {}
    float *at(int64_t r) const { return first + r * row; }
};

// The first rows of a matrix, with rows of zeros up to `rounded(rows)`. If the matrix cannot be
// used as it is, the rows are copied to `memory`.
inline Matrix padded(const Matrix &x, int64_t rows, int64_t columns, float *memory)
{
    if (rows % ROUND == 0 && x.column == 1 && x.row >= columns)
        return x;
    float *y = memory;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            *y++ = x.at(r)[c * x.column];
    std::fill_n(y, (rounded(rows) - rows) * columns, 0.0f);
    return {memory, columns};
}

}  // namespace dropcore_torch
