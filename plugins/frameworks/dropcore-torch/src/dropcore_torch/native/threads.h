// PyTorch's threads.
//
// The iterator's `parallel_for` is compiled into PyTorch. If a file here compiled a `parallel_for`,
// this file would need OpenMP, and a second OpenMP in the process has threads of its own.

#pragma once

#include <algorithm>

#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <ATen/ops/empty.h>

namespace dropcore_torch {

using at::Tensor;

// Runs tasks in PyTorch's threads; each thread has a worker that `make` returns.
template <typename Make>
void share(int64_t tasks, Make make)
{
    Tensor numbers = at::empty({tasks}, at::kLong);
    const auto *base = static_cast<const char *>(numbers.const_data_ptr());
    at::TensorIterator::nullary_op(numbers).for_each(
        [&](char **data, const int64_t *, int64_t n) {
            const int64_t first = (data[0] - base) / static_cast<int64_t>(sizeof(int64_t));
            auto worker = make();
            for (int64_t task = first; task < first + n; task++)
                worker.run(task);
        },
        1);
}

constexpr int64_t WORTH_SHARING = 1 << 17;  // elements

// Calls `compute(begin, n)` for pieces of `rows` rows that have `elements` elements in all: one
// piece for each of PyTorch's threads. A piece begins at a multiple of `unit` rows.
template <typename Compute>
void in_pieces(int64_t elements, int64_t rows, int64_t unit, Compute compute)
{
    const int64_t threads = elements < WORTH_SHARING ? 1 : at::get_num_threads();
    const int64_t units = (rows + unit - 1) / unit, piece = (units + threads - 1) / threads * unit;
    if (piece >= rows)
        return compute(0, rows);
    struct Worker {
        int64_t rows, piece;
        Compute &compute;
        void run(int64_t task) { compute(task * piece, std::min(piece, rows - task * piece)); }
    };
    share((rows + piece - 1) / piece, [&] { return Worker{rows, piece, compute}; });
}

}  // namespace dropcore_torch
