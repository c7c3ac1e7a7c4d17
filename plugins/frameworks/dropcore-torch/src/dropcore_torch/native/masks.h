// Which tensors are plain, and dropout of their elements by a plan. No function here uses Python.
//
// A tensor with gaps is copied to the output piece by piece. Each piece is computed in the output
// while it is in the L1 cache.

#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include <ATen/PythonTorchFunctionTLS.h>
#include <ATen/core/Tensor.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/core/impl/TorchDispatchModeTLS.h>

#include "dropcore/dropcore.h"

#include "threads.h"

namespace dropcore_torch {

using at::Tensor;

constexpr int AXES = 64;
constexpr int64_t PIECE = 4096;           // elements of a tensor with gaps, copied at a time
constexpr int64_t GROUP = 8192;           // elements: where a group of the cipher ends, for every p
constexpr int64_t SHARED_WORK = 1 << 21;  // elements; from here on dropcore may use several threads

inline const dropcore_api *api;

// -------------------------------------------------------------------- what is plain

constexpr c10::DispatchKeySet OF_PLAIN({
    c10::DispatchKey::CPU, c10::DispatchKey::AutogradCPU, c10::DispatchKey::AutocastCPU,
    c10::DispatchKey::ADInplaceOrView,
});
// Autocast, no_grad and inference_mode do not matter here.
const c10::DispatchKeySet OF_PLAIN_CALLS =
    c10::default_included_set | c10::default_excluded_set | OF_PLAIN;

inline bool within(c10::DispatchKeySet keys, c10::DispatchKeySet allowed)
{
    return (keys.raw_repr() & ~allowed.raw_repr()) == 0;
}

// Whether no mode, tracer or transform is active that must see operators.
inline bool operators_are_unseen()
{
    return within(c10::impl::tls_local_dispatch_key_set().included_, OF_PLAIN_CALLS) &&
        !c10::impl::TorchDispatchModeTLS::any_modes_set();
}

// Whether no mode, tracer or transform is active that must see operators or functions.
inline bool is_unseen()
{
    return operators_are_unseen() && !at::impl::torch_function_mode_enabled();
}

inline bool is_floating(const Tensor &x)
{
    const auto dtype = x.scalar_type();
    return dtype == at::kFloat || dtype == at::kDouble || dtype == at::kHalf ||
        dtype == at::kBFloat16;
}

// Whether the tensor has elements in CPU memory, and no forward-mode tangent.
inline bool has_plain_memory(const Tensor &x)
{
    return within(x.key_set(), OF_PLAIN) && x.dim() <= AXES && x.numel() != 0 &&
        x.unsafeGetTensorImpl()->has_storage() && x.storage().data() != nullptr &&
        !x._fw_grad(0).defined();
}

// Whether the kernels accept the tensor.
inline bool is_plain(const Tensor &x)
{
    return has_plain_memory(x) && is_floating(x);
}

// --------------------------------------------------------------------------- kernels

struct Plan {
    dropcore_plan forward;
    uint64_t shared;  // bit a is 1 if decisions are shared along axis a
};

inline dropcore_plan backward_of(double scale)
{
    return {scale, 0, 0};
}

template <typename Element>
struct Kernels {
    void (*forward)(
        const dropcore_draw *, double, uint64_t, Py_ssize_t, const dropcore_plan *, const Element *,
        Element *, uint8_t *);
    void (*select)(
        const uint8_t *, uint64_t, Py_ssize_t, const dropcore_plan *, const Element *, Element *);
    void (*repeat)(
        const uint8_t *, uint64_t, Py_ssize_t, Py_ssize_t, const dropcore_plan *, const Element *,
        Element *);
    void (*select_layout)(
        const dropcore_layout *, const uint8_t *, const dropcore_plan *, const Element *, Element *,
        uint8_t *);
};

template <typename Function>
void with_kernels(at::ScalarType dtype, Function function)
{
#define KERNELS(name, element)                                                                    \
    function(Kernels<element>{                                                                    \
        api->forward_plan_##name, api->select_##name, api->repeat_##name,                         \
        api->select_layout_##name})
    if (dtype == at::kFloat)
        KERNELS(float32, float);
    else if (dtype == at::kDouble)
        KERNELS(float64, double);
    else if (dtype == at::kHalf)
        KERNELS(float16, uint16_t);
    else
        KERNELS(bfloat16, uint16_t);
#undef KERNELS
}

// The layout of the first `rows` entries along axis 0.
inline bool find_layout(const Tensor &x, int64_t rows, uint64_t shared, dropcore_layout *layout)
{
    Py_ssize_t length[AXES], stride[AXES];
    for (int64_t axis = 0; axis < x.dim(); axis++) {
        length[axis] = axis == 0 ? rows : x.size(axis);
        stride[axis] = x.stride(axis);
    }
    return api->layout_of(static_cast<int>(x.dim()), length, stride, shared, layout) == 1;
}

inline bool lie_alike(const Tensor &x, const Tensor &y, bool dense)
{
    if (x.sizes() != y.sizes())
        return false;
    for (int64_t axis = 0; dense && axis < x.dim(); axis++)
        if (x.size(axis) != 1 && x.stride(axis) != y.stride(axis))
            return false;
    return true;
}

// Copies the elements of a tensor with gaps, in the memory order of another tensor.
template <typename Element>
class Gather {
    struct Axis {
        int64_t length, from, to;
    };
    std::vector<Axis> axes;  // in the memory order of the other tensor, without axes of length 1
    std::vector<int64_t> at;
    const Element *from;

public:
    Gather(const Tensor &x, const Tensor &y) : from(static_cast<const Element *>(x.const_data_ptr()))
    {
        std::vector<Axis> all;
        for (int64_t axis = 0; axis < x.dim(); axis++)
            if (x.size(axis) != 1)
                all.push_back({x.size(axis), x.stride(axis), y.stride(axis)});
        std::stable_sort(
            all.begin(), all.end(), [](const Axis &a, const Axis &b) { return a.to > b.to; });
        for (const Axis &axis : all) {
            if (!axes.empty() && axes.back().from == axis.length * axis.from) {
                axes.back() = {axes.back().length * axis.length, axis.from, axis.to};
                continue;
            }
            axes.push_back(axis);
        }
        if (axes.empty())
            axes.push_back({1, 1, 1});
        at.assign(axes.size(), 0);
    }

    void next(int64_t n, Element *to)
    {
        const size_t last = axes.size() - 1;
        const int64_t length = axes[last].length;
        while (n > 0) {
            int64_t done;
            if (last > 0 && at[last] == 0 && n >= length) {  // whole rows
                const int64_t rows = std::min(n / length, axes[last - 1].length - at[last - 1]);
                copy_rows(rows, to);
                done = rows * length;
                move(last - 1, rows);
            } else {
                done = std::min(n, length - at[last]);
                copy(from, axes[last].from, done, to);
                move(last, done);
            }
            to += done;
            n -= done;
        }
    }

private:
    static void copy(const Element *from, int64_t step, int64_t n, Element *to)
    {
        if (step == 1)
            std::memcpy(to, from, n * sizeof(Element));
        else if (step == 2)
            for (int64_t i = 0; i < n; i++)
                to[i] = from[2 * i];
        else
            for (int64_t i = 0; i < n; i++)
                to[i] = from[step * i];
    }

    void copy_rows(int64_t rows, Element *to) const
    {
        const int64_t row = axes[axes.size() - 2].from, step = axes.back().from;
        const int64_t length = axes.back().length;
        if (step == 1 && length == 4)
            copy_short<4>(from, row, rows, to);
        else if (step == 1 && length == 8)
            copy_short<8>(from, row, rows, to);
        else if (step == 1 && length == 16)
            copy_short<16>(from, row, rows, to);
        else
            for (int64_t k = 0; k < rows; k++)
                copy(from + k * row, step, length, to + k * length);
    }

    template <int64_t LENGTH>
    static void copy_short(const Element *from, int64_t row, int64_t rows, Element *to)
    {
        for (int64_t k = 0; k < rows; k++)
            std::memcpy(to + k * LENGTH, from + k * row, LENGTH * sizeof(Element));
    }

    // Advances `count` steps along an axis, at most to its end.
    void move(size_t axis, int64_t count)
    {
        from += count * axes[axis].from;
        at[axis] += count;
        for (; at[axis] == axes[axis].length && axis > 0; axis--) {
            from += axes[axis - 1].from - axes[axis].length * axes[axis].from;
            at[axis] = 0;
            at[axis - 1] += 1;
        }
    }
};

// The decisions for one tensor.
struct Mask {
    dropcore_draw draw;
    double p;
    int64_t n, decisions;
    Plan plan;
};

// Scratch memory for `select_layout`; for small tensors on the stack.
class Scratch {
    std::array<uint8_t, 1024> small;
    std::unique_ptr<uint8_t[]> large;

public:
    uint8_t *of(const dropcore_layout *layout)
    {
        const size_t size = api->layout_scratch(layout);
        if (size <= small.size())
            return small.data();
        large.reset(new uint8_t[size]);
        return large.get();
    }
};

// Computes n elements from `begin` on, of arrays in C order; each element has its own decision.
template <typename Element>
void compute_in_order(
    const Kernels<Element> &kernels, const Mask &mask, const dropcore_plan *plan,
    const Element *from, int64_t begin, int64_t n, bool decide, uint8_t *bits, Element *to)
{
    if (decide)
        kernels.forward(
            &mask.draw, mask.p, begin, n, plan, from + begin, to + begin,
            bits == nullptr ? nullptr : bits + begin / 8);
    else
        kernels.select(bits, begin, n, plan, from + begin, to + begin);
}

// Computes y from x, which has y's strides, in PyTorch's threads. Pieces are entries along axis 0,
// if they are contiguous in memory, and their bits begin at a byte.
template <typename Element>
void compute_by_layout(
    const Kernels<Element> &kernels, const Mask &mask, const dropcore_plan *plan,
    const Element *from, bool decide, uint8_t *bits, Tensor &y)
{
    auto *to = static_cast<Element *>(y.mutable_data_ptr());
    const int64_t rows = y.size(0), row = mask.n / rows, decisions = mask.decisions / rows;
    const auto compute = [&](int64_t begin, int64_t n) {
        const int64_t first = begin * decisions;
        dropcore_layout layout;
        find_layout(y, n, mask.plan.shared, &layout);
        // If axis 0 shares decisions, there is only this piece, and it makes all decisions:
        // `decisions` is then not the number of an entry.
        if (decide)
            api->keep_bits(
                &mask.draw, mask.p, first, n == rows ? mask.decisions : n * decisions,
                bits + first / 8);
        Scratch scratch;
        kernels.select_layout(
            &layout, bits + first / 8, plan, from + begin * row, to + begin * row,
            scratch.of(&layout));
    };
    if ((mask.plan.shared & 1) == 0 && y.stride(0) == row)
        in_pieces(mask.n, rows, decisions % 8 == 0 ? 1 : 8, compute);
    else
        compute(0, rows);
}

// Computes y from x, whose elements have gaps, piece by piece.
template <typename Element>
void compute_with_gaps(
    const Kernels<Element> &kernels, const Mask &mask, const dropcore_plan *plan, const Tensor &x,
    bool decide, uint8_t *bits, Tensor &y)
{
    auto *to = static_cast<Element *>(y.mutable_data_ptr());
    Gather<Element> gather(x, y);
    if (mask.plan.shared == 0 && y.is_contiguous()) {
        for (int64_t begin = 0; begin < mask.n; begin += PIECE) {
            const int64_t n = std::min(PIECE, mask.n - begin);
            gather.next(n, to + begin);
            compute_in_order(kernels, mask, plan, to, begin, n, decide, bits, to);
        }
        return;
    }
    dropcore_layout layout;
    find_layout(y, y.size(0), mask.plan.shared, &layout);
    const int64_t times = layout.times;
    if (layout.dense || !layout.repeats || layout.steps != 1 || layout.reordered || times > PIECE) {
        gather.next(mask.n, to);
        return compute_by_layout(kernels, mask, plan, to, decide, bits, y);
    }
    if (decide)
        api->keep_bits(&mask.draw, mask.p, 0, mask.decisions, bits);
    const int64_t count = PIECE / times;
    for (int64_t begin = 0; begin < layout.n; begin += count) {
        const int64_t n = std::min<int64_t>(count, layout.n - begin);
        Element *piece = to + begin * times;
        gather.next(n * times, piece);
        kernels.repeat(bits, begin, n, times, plan, piece, piece);
    }
}

// Computes y from x. `dense`: x has y's strides. `bits` is written if `decide`, otherwise
// read. `bits` may be NULL if no bits are kept and no decisions are shared.
template <typename Element>
void compute(
    const Kernels<Element> &kernels, const Mask &mask, const dropcore_plan *plan, const Tensor &x,
    bool dense, bool decide, uint8_t *bits, Tensor &y)
{
    if (!dense)
        return compute_with_gaps(kernels, mask, plan, x, decide, bits, y);
    const auto *from = static_cast<const Element *>(x.const_data_ptr());
    if (mask.plan.shared != 0 || !y.is_contiguous())
        return compute_by_layout(kernels, mask, plan, from, decide, bits, y);
    auto *to = static_cast<Element *>(y.mutable_data_ptr());
    in_pieces(mask.n, mask.n, GROUP, [&](int64_t begin, int64_t n) {
        compute_in_order(kernels, mask, plan, from, begin, n, decide, bits, to);
    });
}

inline void run(
    const Mask &mask, const dropcore_plan *plan, const Tensor &x, bool dense, bool decide,
    uint8_t *bits, Tensor &y)
{
    with_kernels(x.scalar_type(), [&](auto kernels) {
        compute(kernels, mask, plan, x, dense, decide, bits, y);
    });
}

}  // namespace dropcore_torch
