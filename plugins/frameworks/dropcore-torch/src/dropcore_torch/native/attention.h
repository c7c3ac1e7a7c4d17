// Attention with dropout by blocks, in float32: what both passes have in common. `blocks.py` has
// the formulas.
//
// A block is ROWS queries by COLUMNS keys of one head. A block stays in the L2 cache. `multiply`
// computes the products of a block; everything else is computed row by row. The forward pass finds
// the softmax of a row while it goes from block to block: when a greater score appears, the sums so
// far are multiplied by a factor. The forward pass stores two numbers for each row. From these
// numbers the backward pass computes the weights of any block directly (Dao and others,
// "FlashAttention", NeurIPS 2022, section 3.1).
//
// Factors are applied where there are few elements: the scale of the scores to the keys, the scale
// of dropout to the factor of a row.

#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include <ATen/ops/empty.h>

#include "masks.h"
#include "products.h"
#include "rows.h"
#include "threads.h"
#include "transpose.h"

namespace dropcore_torch {

constexpr int64_t ROWS = 128, COLUMNS = 512;
constexpr int64_t LARGEST_KEPT = 1 << 18;  // elements of memory that a thread keeps

// The elements from row to row of a block in memory. With a power of two, the elements of a column
// would share a few lines of the L1 cache.
inline int64_t step_for(int64_t columns)
{
    return std::min(COLUMNS, rounded(columns)) + ROUND;
}
constexpr int64_t STEP_OF_ROWS = ROWS + ROUND;

// One call. Each key head has one or more query heads, its groups. The strides may be any.
struct Attention {
    Tensor q;     // (batch, heads, groups, queries, width)
    Tensor k, v;  // (batch, heads, keys, width); v may have another width
    Tensor mask;  // undefined, or float or bool: (batch, heads, groups, queries, keys), where each
                  // axis may have length 1
    double scale, p;
    bool causal;
    bool skips;  // blocks that causal attention hides are left out; only if k and v are finite
    dropcore_draw draw;
    Tensor y;             // like q, with the width of v, contiguous
    Tensor tops, factors;  // (batch, heads, groups, queries), contiguous: a weight after dropout
                           // is exp(score - top) factor, or 0
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
    const float scale, scale_of_kept;
    size_t in_use = 0;  // of the thread's kept memory
    std::vector<Tensor> larger;

    explicit Worker(const Attention &call)
        : call(call), heads(call.q.size(1)), groups(call.q.size(2)), queries(call.q.size(3)),
          keys(call.k.size(2)), width(call.q.size(4)), width_of_v(call.v.size(3)),
          step(step_for(keys)), scale(static_cast<float>(call.scale)),
          scale_of_kept(static_cast<float>(api->scale(call.p)))
    {
    }

    // Memory of this worker. The thread keeps the memory for its next worker, unless the memory is
    // large: each page of fresh memory costs a page fault.
    float *memory(int64_t elements)
    {
        static thread_local std::vector<Tensor> kept;
        if (elements > LARGEST_KEPT) {
            larger.push_back(at::empty({elements}, at::kFloat));
            return static_cast<float *>(larger.back().mutable_data_ptr());
        }
        if (in_use == kept.size())
            kept.emplace_back();
        Tensor &memory = kept[in_use++];
        if (!memory.defined() || memory.numel() < elements)
            memory = at::empty({elements}, at::kFloat);
        return static_cast<float *>(memory.mutable_data_ptr());
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

    // Makes the decisions of a block, in C order. `bits` has room for four bytes more.
    void decide(const Block &b, uint8_t *bits) const
    {
        const int64_t rows = call.tops.numel();
        const Py_ssize_t whole[] = {rows, keys}, offset[] = {number_of(b, 0), b.column};
        const Py_ssize_t length[] = {b.rows, b.columns};
        dropcore_shard shard;
        api->shard_of(2, whole, offset, length, 0, &shard);
        api->keep_shard(&call.draw, call.p, &shard, 0, b.rows * b.columns, bits);
    }

    // The number of columns of the block that a row has to compute.
    int64_t seen_by(const Block &b, int64_t r) const
    {
        if (!call.skips)
            return b.columns;
        return std::clamp<int64_t>(b.row + r + 1 - b.column, 0, b.columns);
    }

    // Adds the mask to a row of scores.
    void add_mask(const Block &b, int64_t r, int64_t n, float *scores) const
    {
        if (call.causal && !call.skips)
            for (int64_t j = std::max<int64_t>(b.row + r + 1 - b.column, 0); j < n; j++)
                scores[j] -= INFINITE;
        const Tensor &mask = call.mask;
        if (!mask.defined())
            return;
        const int64_t at[] = {b.batch, b.head, b.group, b.row + r, b.column};
        int64_t place = 0;
        for (int axis = 0; axis < 5; axis++)
            if (mask.size(axis) != 1)
                place += at[axis] * mask.stride(axis);
        const int64_t next = mask.size(4) == 1 ? 0 : mask.stride(4);
        if (mask.scalar_type() == at::kBool) {
            const auto *seen = static_cast<const bool *>(mask.const_data_ptr()) + place;
            for (int64_t j = 0; j < n; j++)
                scores[j] = seen[j * next] ? scores[j] : scores[j] - INFINITE;
            return;
        }
        const auto *added = static_cast<const float *>(mask.const_data_ptr()) + place;
        if (next == 1)
            add_row(added, n, 1, scores);
        else
            for (int64_t j = 0; j < n; j++)
                scores[j] += added[j * next];
    }
};

}  // namespace dropcore_torch
