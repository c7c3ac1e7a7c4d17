// Attention with dropout by blocks, in float32: what both passes have in common. `blocks.py` has
// the formulas.
//
// A block is ROWS queries by COLUMNS keys of one head. It stays in the L2 cache. Its products are
// computed by `multiply`, and all else row by row. The forward pass finds the softmax of a row
// while it goes from block to block: when a greater score appears, the sums so far are multiplied
// by a factor. It stores two numbers for each row, from which the backward pass computes the
// weights of any block at once (Dao and others, "FlashAttention", NeurIPS 2022, section 3.1).

#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include <ATen/TensorIterator.h>
#include <ATen/ops/empty.h>

#include "masks.h"
#include "products.h"
#include "rows.h"

namespace dropcore_torch {

constexpr int64_t ROWS = 128, COLUMNS = 512;

// The elements from row to row of a block in memory. With a power of two, the elements of a column
// would share a few lines of the L1 cache.
inline int64_t step_for(int64_t columns)
{
    return std::min(COLUMNS, rounded(columns)) + ROUND;
}
constexpr int64_t STEP_OF_ROWS = ROWS + ROUND;

// One call. Each key head has several query heads, its groups. No stride is expected.
struct Attention {
    Tensor q;     // (batch, heads, groups, queries, width)
    Tensor k, v;  // (batch, heads, keys, width); v may have another width
    Tensor mask;  // undefined, or float or bool: (batch, heads, groups, queries, keys), where each
                  // axis may have length 1
    double scale, p;
    bool causal;
    bool skips;  // blocks that causal attention hides are left out: k and v are finite
    dropcore_draw draw;
    Tensor y;             // like q, with the width of v, contiguous
    Tensor tops, factors;  // (batch, heads, groups, queries), contiguous: the weights are
                          // exp(score - top) factor
};

struct Block {
    int64_t batch, head, group, row, rows, column, columns;
};

// The memory of a thread, and what both passes do.
class Worker {
protected:
    const Attention &call;
    const int64_t heads, groups, queries, keys, width, width_of_v;
    const int64_t step;  // elements from row to row of a block
    const dropcore_plan plan;
    const std::unique_ptr<uint8_t[]> bits;
    std::vector<Tensor> memories;

    explicit Worker(const Attention &call)
        : call(call), heads(call.q.size(1)), groups(call.q.size(2)), queries(call.q.size(3)),
          keys(call.k.size(2)), width(call.q.size(4)), width_of_v(call.v.size(3)),
          step(step_for(keys)), plan(backward_of(api->scale(call.p))),
          bits(new uint8_t[ROWS * COLUMNS / 8])
    {
    }

    float *memory(int64_t elements)
    {
        memories.push_back(at::empty({elements}, at::kFloat));
        return static_cast<float *>(memories.back().mutable_data_ptr());
    }

    static Matrix of_queries(const Tensor &x, const Block &b)
    {
        const int64_t head = b.batch * x.stride(0) + b.head * x.stride(1) + b.group * x.stride(2);
        return Matrix(x, head + b.row * x.stride(3));
    }

    static Matrix of_keys(const Tensor &x, const Block &b)
    {
        const int64_t head = b.batch * x.stride(0) + b.head * x.stride(1);
        return Matrix(x, head + b.column * x.stride(2));
    }

    // The number of a row of the block among the rows of all heads.
    int64_t number_of(const Block &b, int64_t r) const
    {
        return ((b.batch * heads + b.head) * groups + b.group) * queries + b.row + r;
    }

    // Makes the decisions of a block; those of a row begin with bit `first_bit`.
    void decide(const Block &b)
    {
        const uint64_t start = static_cast<uint64_t>(number_of(b, 0)) * keys + b.column;
        if (b.columns == keys)
            return api->keep_bits(&call.draw, call.p, start, b.rows * keys, bits.get());
        for (int64_t r = 0; r < b.rows; r++)
            api->keep_bits(
                &call.draw, call.p, start + r * keys, b.columns, bits.get() + r * (COLUMNS / 8));
    }

    int64_t first_bit(const Block &b, int64_t r) const
    {
        return r * (b.columns == keys ? keys : COLUMNS);
    }

    // Drops elements of a row of the block.
    void drop(const Block &b, int64_t r, int64_t n, float *x) const
    {
        api->select_float32(bits.get(), first_bit(b, r), n, &plan, x, x);
    }

    // The number of columns of the block that a row has to compute.
    int64_t seen_by(const Block &b, int64_t r) const
    {
        if (!call.skips)
            return b.columns;
        return std::clamp<int64_t>(b.row + r + 1 - b.column, 0, b.columns);
    }

    // Makes scores of products of q and k. Returns the factor that is left to apply.
    float add_mask(const Block &b, int64_t r, int64_t n, float *scores) const
    {
        const float scale = static_cast<float>(call.scale);
        if (call.causal && !call.skips) {
            const int64_t seen = b.row + r + 1 - b.column;
            for (int64_t j = 0; j < n; j++)
                scores[j] = j < seen ? scores[j] * scale : scores[j] * scale - INFINITE;
            return 1;
        }
        const Tensor &mask = call.mask;
        if (!mask.defined())
            return scale;
        const int64_t at[] = {b.batch, b.head, b.group, b.row + r, b.column};
        int64_t place = 0;
        for (int axis = 0; axis < 5; axis++)
            if (mask.size(axis) != 1)
                place += at[axis] * mask.stride(axis);
        const int64_t next = mask.size(4) == 1 ? 0 : mask.stride(4);
        if (mask.scalar_type() == at::kBool) {
            const auto *seen = static_cast<const bool *>(mask.const_data_ptr()) + place;
            for (int64_t j = 0; j < n; j++)
                scores[j] = seen[j * next] ? scores[j] * scale : scores[j] * scale - INFINITE;
            return 1;
        }
        const auto *added = static_cast<const float *>(mask.const_data_ptr()) + place;
        if (next == 1)
            scale_and_add_row(added, n, scale, scores);
        else
            for (int64_t j = 0; j < n; j++)
                scores[j] = scores[j] * scale + added[j * next];
        return 1;
    }
};

// Runs the tasks of a pass in PyTorch's threads; each thread has a worker that `make` returns.
// PyTorch's iterator has its `parallel_for` compiled in. Compiled here, it would need OpenMP, and
// a second OpenMP in the process has threads of its own.
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

}  // namespace dropcore_torch
