// The forward pass of attention. A task is ROWS queries of a head.

#pragma once

#include "attention.h"

namespace dropcore_torch {

// Keys whose decisions are made at a time. The cipher makes 1024 decisions of a row at once.
constexpr int64_t DECIDED = 4096;

class Forward : Worker {
    float *const memory_of_q = memory(ROWS * width);
    float *const memory_of_k = memory(step * width);
    float *const memory_of_v = memory(rounded(keys) * width_of_v);
    float *const w = memory(ROWS * step);
    float *const sums_of_v = memory(ROWS * width_of_v);
    float *const keys_of_head = memory((keys / COLUMNS + 1) * step * width);  // transposed blocks
    const std::unique_ptr<uint8_t[]> bits{new uint8_t[ROWS * DECIDED / 8 + 4]};
    Block decided;
    Matrix q{nullptr, 0}, v{nullptr, 0};
    float tops[ROWS], sums[ROWS];
    int64_t packed = -1;  // the head whose keys and values are packed

public:
    explicit Forward(const Attention &call) : Worker(call) {}

    static int64_t tasks(const Attention &call)
    {
        const Tensor &q = call.q;
        return q.size(0) * q.size(1) * q.size(2) * ((q.size(3) + ROWS - 1) / ROWS);
    }

    void run(int64_t task)
    {
        const int64_t heights = (queries + ROWS - 1) / ROWS, row = task % heights * ROWS;
        const int64_t head = task / heights / groups;
        Block b{head / heads, head % heads, task / heights % groups,
                row, std::min(ROWS, queries - row), 0, keys};
        if (head != packed)
            pack(b);
        packed = head;
        q = padded(of_queries(call.q, b), b.rows, width, memory_of_q);
        std::fill_n(tops, ROWS, -INFINITE);
        std::fill_n(sums, ROWS, 0.0f);
        const int64_t end = call.skips ? std::min(keys, row + b.rows) : keys;
        for (; b.column < end; b.column += COLUMNS) {
            if (b.column % DECIDED == 0) {
                decided = b;
                decided.columns = std::min(DECIDED, end - b.column);
                decide(decided, bits.get());
            }
            b.columns = std::min(COLUMNS, end - b.column);
            compute(b);
        }
        finish(b);
    }

private:
    void pack(Block b)
    {
        for (; b.column < keys; b.column += COLUMNS) {
            const int64_t columns = std::min(COLUMNS, keys - b.column);
            const Matrix k = padded(of_keys(call.k, b), columns, width, memory_of_k);
            transpose(k.first, rounded(columns), width, k.row, scale, keys_of(b), step);
        }
        b.column = 0;
        v = padded(of_keys(call.v, b), keys, width_of_v, memory_of_v);
    }

    float *keys_of(const Block &b) const
    {
        return keys_of_head + b.column / COLUMNS * step * width;
    }

    void compute(const Block &b)
    {
        const int64_t rows = rounded(b.rows), columns = rounded(b.columns);
        multiply(
            false, rows, columns, width, q.first, q.row, keys_of(b), step, w, step);
        // The greatest score of row r + 1 is found before row r is computed, so that the processor
        // overlaps the latencies of the two.
        float greatest = mask_row(b, 0);
        for (int64_t r = 0; r < b.rows; r++) {
            const float next = r + 1 < b.rows ? mask_row(b, r + 1) : 0;
            compute_row(b, r, greatest, columns);
            greatest = next;
        }
        for (int64_t r = b.rows; r < rows; r++)
            std::fill_n(w + r * step, columns, 0.0f);
        multiply(
            b.column > 0, rows, width_of_v, columns, w, step, v.at(b.column), v.row, sums_of_v,
            width_of_v);
    }

    // Adds the mask to a row of scores. Returns the greatest score.
    float mask_row(const Block &b, int64_t r)
    {
        float *x = w + r * step;
        const int64_t n = seen_by(b, r);
        add_mask(b, r, n, x);
        return greatest_of(x, n);
    }

    // From scores: exp(score - top) after dropout.
    void compute_row(const Block &b, int64_t r, float greatest, int64_t columns)
    {
        float *x = w + r * step;
        const int64_t n = seen_by(b, r);
        const float top = std::max(tops[r], greatest);
        if (top > tops[r] && b.column > 0)
            sums[r] *= scale_row(tops[r] - top, width_of_v, sums_of_v + r * width_of_v);
        tops[r] = top;
        const float base = top == -INFINITE ? 0 : top;  // 0 for a row that has seen no key yet
        const int64_t first = r * decided.columns + b.column - decided.column;
        sums[r] += drop_exponentials(x, n, base, {bits.get(), first});
        std::fill_n(x + n, columns - n, 0.0f);
    }

    void finish(const Block &b)
    {
        const Matrix y = of_queries(call.y, b);
        const int64_t first = number_of(b, 0);
        auto *kept_tops = static_cast<float *>(call.tops.data_ptr()) + first;
        auto *kept_factors = static_cast<float *>(call.factors.data_ptr()) + first;
        for (int64_t r = 0; r < b.rows; r++) {
            // If a mask hides all keys, the row gives zeros. If all scores are -inf without a mask,
            // the row gives nan. PyTorch does the same.
            const bool hidden = call.mask.defined() && sums[r] == 0;
            const float factor = hidden ? 0 : scale_of_kept / sums[r];
            copy_row(sums_of_v + r * width_of_v, width_of_v, factor, y.at(r));
            kept_tops[r] = tops[r] == -INFINITE ? 0 : tops[r];
            kept_factors[r] = factor;
        }
    }
};

inline void attention_forward(const Attention &call)
{
    share(Forward::tasks(call), [&] { return Forward(call); });
}

}  // namespace dropcore_torch
