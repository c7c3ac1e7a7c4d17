// The backward pass of attention. A task is a key head: the gradients of its keys are sums over its
// queries, and the gradients of its queries are sums over its keys.

#pragma once

#include "attention.h"

namespace dropcore_torch {

struct Gradients {  // contiguous; undefined where not wanted
    Tensor q, k, v;
};

class Backward : Worker {
    const Tensor &dy;
    const Gradients &wanted;
    float *const memory_of_q = memory(ROWS * width);
    float *const queries_transposed = memory(STEP_OF_ROWS * width);
    float *const memory_of_dy = memory(ROWS * width_of_v);
    float *const dy_transposed = memory(STEP_OF_ROWS * width_of_v);
    float *const w = memory(ROWS * step);
    float *const g = memory(ROWS * step);
    float *const dq = memory(ROWS * width);
    float *const memory_of_k = memory(step * width);
    float *const keys_transposed = memory(step * width);
    float *const values_transposed = memory(step * width_of_v);
    // dk and dv are stored transposed, so no block of weights must be transposed.
    float *const dk = memory(step * width);
    float *const dv = memory(step * width_of_v);
    float *const totals = memory(groups * queries);
    const std::unique_ptr<uint8_t[]> bits{new uint8_t[ROWS * COLUMNS / 8 + 4]};
    Matrix k{nullptr, 0};

public:
    Backward(const Attention &call, const Tensor &dy, const Gradients &wanted)
        : Worker(call), dy(dy), wanted(wanted)
    {
    }

    static int64_t tasks(const Attention &call) { return call.q.size(0) * call.q.size(1); }

    void run(int64_t head)
    {
        Block b{head / heads, head % heads, 0, 0, 0, 0, 0};
        for (; b.column < keys; b.column += COLUMNS) {
            b.columns = std::min(COLUMNS, keys - b.column);
            begin(b);
            for (b.group = 0; b.group < groups; b.group++)
                for (b.row = call.skips ? b.column : 0; b.row < queries; b.row += ROWS) {
                    b.rows = std::min(ROWS, queries - b.row);
                    compute(b);
                }
            finish(b);
        }
    }

private:
    void begin(const Block &b)
    {
        const int64_t columns = rounded(b.columns);
        k = padded(of_keys(call.k, b), b.columns, width, memory_of_k);
        transpose(k.first, columns, width, k.row, scale, keys_transposed, step);
        const Matrix v = padded(of_keys(call.v, b), b.columns, width_of_v, dv);
        transpose(v.first, columns, width_of_v, v.row, 1, values_transposed, step);
        std::fill_n(dk, step * width, 0.0f);
        std::fill_n(dv, step * width_of_v, 0.0f);
    }

    void compute(Block b)
    {
        if (call.skips)  // the last row sees the most keys
            b.columns = std::min(b.columns, b.row + b.rows - b.column);
        const int64_t rows = rounded(b.rows), columns = rounded(b.columns);
        const Matrix q = padded(of_queries(call.q, b), b.rows, width, memory_of_q);
        const Matrix dy_of_rows = padded(of_queries(dy, b), b.rows, width_of_v, memory_of_dy);
        multiply(false, rows, columns, width, q.first, q.row, keys_transposed, step, w, step);
        multiply(
            false, rows, columns, width_of_v, dy_of_rows.first, dy_of_rows.row, values_transposed,
            step, g, step);
        decide(b, bits.get());
        if (b.column == 0)
            find_totals(b, dy_of_rows);
        for (int64_t r = 0; r < b.rows; r++)
            compute_row(b, r, columns);
        for (int64_t r = b.rows; r < rows; r++) {
            std::fill_n(w + r * step, columns, 0.0f);
            std::fill_n(g + r * step, columns, 0.0f);
        }
        if (wanted.v.defined()) {
            transpose(
                dy_of_rows.first, rows, width_of_v, dy_of_rows.row, 1, dy_transposed,
                STEP_OF_ROWS);
            multiply(
                true, width_of_v, columns, rows, dy_transposed, STEP_OF_ROWS, w, step, dv, step);
        }
        if (wanted.k.defined()) {
            transpose(q.first, rows, width, q.row, scale, queries_transposed, STEP_OF_ROWS);
            multiply(
                true, width, columns, rows, queries_transposed, STEP_OF_ROWS, g, step, dk, step);
        }
        if (wanted.q.defined()) {
            multiply(false, rows, width, columns, g, step, k.first, k.row, dq, width);
            const Matrix sum = of_queries(wanted.q, b);
            for (int64_t r = 0; r < b.rows; r++)
                if (b.column == 0)
                    copy_row(dq + r * width, width, scale, sum.at(r));
                else
                    add_row(dq + r * width, width, scale, sum.at(r));
        }
    }

    float *totals_of(const Block &b) { return totals + b.group * queries + b.row; }

    // For each row, the sum over all keys of weight times gradient: y times dy.
    void find_totals(const Block &b, const Matrix &dy_of_rows)
    {
        const Matrix y = of_queries(call.y, b);
        for (int64_t r = 0; r < b.rows; r++)
            totals_of(b)[r] = product_of(dy_of_rows.at(r), y.at(r), width_of_v) / scale_of_kept;
    }

    // From scores and dy v^T: the weights after dropout, and the gradient of the scores.
    void compute_row(const Block &b, int64_t r, int64_t columns)
    {
        float *x = w + r * step, *dx = g + r * step;
        const int64_t n = seen_by(b, r), number = number_of(b, r);
        const float top = static_cast<const float *>(call.tops.const_data_ptr())[number];
        const float factor = static_cast<const float *>(call.factors.const_data_ptr())[number];
        add_mask(b, r, n, x);
        drop_gradients(x, dx, n, top, factor, totals_of(b)[r], {bits.get(), r * b.columns});
        std::fill_n(x + n, columns - n, 0.0f);
        std::fill_n(dx + n, columns - n, 0.0f);
    }

    void finish(const Block &b)
    {
        if (wanted.k.defined())
            transpose(dk, width, b.columns, step, 1, of_keys(wanted.k, b).first, width);
        if (wanted.v.defined())
            transpose(
                dv, width_of_v, b.columns, step, 1, of_keys(wanted.v, b).first, width_of_v);
    }
};

inline void attention_backward(const Attention &call, const Tensor &dy, const Gradients &wanted)
{
    share(Backward::tasks(call), [&] { return Backward(call, dy, wanted); });
}

}  // namespace dropcore_torch
