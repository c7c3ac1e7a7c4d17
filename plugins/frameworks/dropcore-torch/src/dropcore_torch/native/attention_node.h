// Attention with dropout, for plain tensors on the CPU, as a node of PyTorch's graph. The node
// computes the formulas of `blocks.py`, with the same decisions.
//
// A. The node does not support float64, p = 1 or the gradient of a mask. For a call that the node
//    does not support, `attention` returns None.
// B. What the backward pass needs are saved variables of PyTorch. So PyTorch frees them with the
//    graph, finds out if an input was changed in place, and passes them to hooks on saved tensors.
//    y is saved as a copy, because code may change the output in place.
// C. If gradients may be differentiated again, or a mode must see operators, `gradients_of` in
//    `blocks.py` computes the gradients.

#pragma once

#include <array>
#include <cmath>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include <ATen/core/DimVector.h>

#include "attention_backward.h"
#include "attention_forward.h"
#include "found.h"
#include "graph.h"
#include "masks.h"

namespace dropcore_torch {

// ----------------------------------------------------------- tensors in the form for blocks

// A view. PyTorch's own functions for views take several times as long.
inline Tensor view_of(
    const Tensor &x, at::IntArrayRef sizes, at::IntArrayRef strides, int64_t first = 0)
{
    Tensor y = at::detail::make_tensor<c10::TensorImpl>(
        c10::TensorImpl::VIEW, c10::Storage(x.storage()),
        c10::DispatchKeySet(c10::DispatchKey::CPU), x.dtype());
    auto *view = y.unsafeGetTensorImpl();
    view->set_sizes_and_strides(sizes, strides, x.storage_offset() + first);
    return y;
}

// (batch, heads, positions, width), for a tensor that may lack leading axes.
inline Tensor with_heads(const Tensor &x)
{
    std::array<int64_t, 4> sizes{1, 1, 1, 1}, strides{0, 0, 0, 0};
    for (int64_t axis = 0; axis < x.dim(); axis++) {
        sizes[4 - x.dim() + axis] = x.size(axis);
        strides[4 - x.dim() + axis] = x.stride(axis);
    }
    return view_of(x, sizes, strides);
}

// (batch, key heads, groups, positions, width), for a tensor with the heads of q, or with one head.
inline Tensor in_groups(const Tensor &x, int64_t key_heads)
{
    const Tensor y = with_heads(x);
    const int64_t heads = y.size(1) == 1 ? 1 : key_heads, groups = y.size(1) / heads;
    const int64_t next = y.stride(1);
    return view_of(
        y, {y.size(0), heads, groups, y.size(2), y.size(3)},
        {y.stride(0), next * groups, next, y.stride(2), y.stride(3)});
}

inline Tensor wide(const Tensor &x)
{
    if (x.scalar_type() == at::kFloat)
        return x;
    at::AutoDispatchBelowADInplaceOrView below;
    return x.to(at::kFloat);
}

inline Tensor as_given(const Tensor &computed, const Tensor &x)
{
    if (x.scalar_type() == at::kFloat)
        return computed;
    at::AutoDispatchBelowADInplaceOrView below;
    return computed.to(x.scalar_type());
}

inline Tensor floats(at::IntArrayRef sizes)
{
    return Tensor(at::detail::empty_cpu(sizes, at::kFloat));
}

inline bool is_finite(const Tensor &x)  // of four axes
{
    constexpr int32_t infinity = 0x7f800000;
    for (int64_t head = 0; head < x.size(0) * x.size(1); head++) {
        const int64_t place = head / x.size(1) * x.stride(0) + head % x.size(1) * x.stride(1);
        const Matrix matrix(x, place);
        int32_t greatest = 0;  // of the bits without the sign
        for (int64_t r = 0; r < x.size(2); r++)
            for (int64_t c = 0; c < x.size(3); c++) {
                int32_t bits;
                std::memcpy(&bits, matrix.at(r) + c * matrix.column, sizeof bits);
                greatest = std::max(greatest, bits & 0x7fffffff);
            }
        if (greatest >= infinity)
            return false;
    }
    return true;
}

// The tensors of a call that the backward pass needs.
struct Kept {
    Tensor q, k, v, mask;  // as they were given; the mask may be undefined
    Tensor y;              // float32, with the shape of q and the width of v, contiguous
    Tensor softmax;        // float32, (2, rows of all heads): tops and factors; contiguous

    bool inputs_fit() const
    {
        for (const Tensor *each : {&q, &k, &v})
            if (!is_plain(*each) || each->dim() != q.dim() ||
                each->scalar_type() != q.scalar_type())
                return false;
        if (q.scalar_type() == at::kDouble || q.dim() < 2 || q.dim() > 4 ||
            k.size(-1) != q.size(-1) || k.size(-2) != v.size(-2))
            return false;
        for (int64_t axis = 0; axis < q.dim() - 2; axis++) {
            const bool of_heads = axis == q.dim() - 3;
            if (k.size(axis) != v.size(axis) ||
                (of_heads ? q.size(axis) % k.size(axis) != 0 : q.size(axis) != k.size(axis)))
                return false;
        }
        return !mask.defined() || mask_fits();
    }

    bool mask_fits() const
    {
        if (!has_plain_memory(mask) || mask.dim() > q.dim() ||
            !(mask.scalar_type() == at::kBool || is_floating(mask)))
            return false;
        for (int64_t axis = -1; axis >= -mask.dim(); axis--)
            if (mask.size(axis) != 1 && mask.size(axis) != (axis == -1 ? k.size(-2) : q.size(axis)))
                return false;
        return true;
    }

    bool has_groups() const { return q.dim() > 2 && q.size(-3) != k.size(-3); }

    at::DimVector shape_of_y() const
    {
        at::DimVector shape(q.sizes().begin(), q.sizes().end());
        shape.back() = v.size(-1);
        return shape;
    }

    int64_t rows() const { return q.numel() / q.size(-1); }

    // Hooks on saved tensors may return other tensors.
    bool all_fit() const
    {
        for (const Tensor *each : {&y, &softmax})
            if (!is_plain(*each) || each->scalar_type() != at::kFloat || !each->is_contiguous())
                return false;
        return inputs_fit() && y.sizes() == at::IntArrayRef(shape_of_y()) &&
            softmax.sizes() == at::IntArrayRef({2, rows()});
    }

    // Gives the tensors to a call, in the form for blocks.
    void set_in(Attention *call) const
    {
        call->k = with_heads(wide(k));
        call->v = with_heads(wide(v));
        const int64_t heads = call->k.size(1);
        call->q = in_groups(wide(q), heads);
        if (mask.defined())
            call->mask = in_groups(mask.scalar_type() == at::kBool ? mask : wide(mask), heads);
        call->y = in_groups(y, heads);
        call->tops = view_of(softmax, {rows()}, {1});
        call->factors = view_of(softmax, {rows()}, {1}, rows());
    }
};

// -------------------------------------------------------------------------- the node

struct Drawn {
    std::string key;  // as in a source
    uint64_t index;
};

struct AttentionBackward final : Node {
    Attention call;  // without its tensors
    Drawn drawn;
    std::array<SavedVariable, 6> saved;  // the tensors of `Kept`

    std::string name() const override { return "DropcoreAttentionBackward"; }

    void release_variables() override
    {
        std::lock_guard<std::mutex> lock(mutex_);
        for (SavedVariable &each : saved)
            each.reset_data();
    }

    variable_list apply(variable_list &&gradients) override
    {
        std::unique_lock<std::mutex> lock(mutex_);
        const Kept kept{saved[0].unpack(), saved[1].unpack(), saved[2].unpack(),
                        saved[3].unpack(), saved[4].unpack(), saved[5].unpack()};
        lock.unlock();
        const Tensor dy = gradients[0].defined() ? gradients[0] : input_metadata(0).zeros_like();
        if (c10::GradMode::is_enabled() || !operators_are_unseen() || !is_plain(dy) ||
            dy.sizes() != kept.y.sizes() || !kept.all_fit())
            return elsewhere(kept, dy);
        Attention own = call;
        kept.set_in(&own);
        const int64_t heads = own.k.size(1);
        variable_list found(3);
        Gradients wanted;
        if (task_should_compute_output(0))
            wanted.q = in_groups(found[0] = floats(kept.q.sizes()), heads);
        if (task_should_compute_output(1))
            wanted.k = with_heads(found[1] = floats(kept.k.sizes()));
        if (task_should_compute_output(2))
            wanted.v = with_heads(found[2] = floats(kept.v.sizes()));
        attention_backward(own, in_groups(wide(dy), heads), wanted);
        for (Tensor &each : found)
            if (each.defined())
                each = as_given(each, kept.q);
        return found;
    }

private:
    // Computes the gradients in Python. PyTorch can differentiate this computation, and modes see
    // its operators.
    variable_list elsewhere(const Kept &kept, const Tensor &dy) const
    {
        WithGIL gil;
        Reference q(THPVariable_Wrap(kept.q)), k(THPVariable_Wrap(kept.k));
        Reference v(THPVariable_Wrap(kept.v)), gradient(THPVariable_Wrap(dy));
        Reference mask(kept.mask.defined() ? THPVariable_Wrap(kept.mask) : Py_NewRef(Py_None));
        const auto needed = [&](size_t i) {
            return task_should_compute_output(i) ? Py_True : Py_False;
        };
        Reference gradients(PyObject_CallFunction(
            python.gradients_of, "(OOOO)O(dOdsK)(OOO)", *q, *k, *v, *mask, *gradient, call.scale,
            call.causal ? Py_True : Py_False, call.p, drawn.key.c_str(),
            static_cast<unsigned long long>(drawn.index), needed(0), needed(1), needed(2)));
        variable_list found(3);
        for (int i = 0; i < 3; i++) {
            Reference each(PySequence_GetItem(*gradients, i));
            if (*each != Py_None)
                found[i] = tensor_of(*each);
        }
        return found;
    }
};

inline void put_in_graph(const Attention &call, Drawn drawn, const Kept &kept, Tensor &y)
{
    auto *node = new AttentionBackward();
    Held function = held(node);
    node->set_next_edges(torch::autograd::collect_next_edges(kept.q, kept.k, kept.v));
    node->call = call;
    node->drawn = std::move(drawn);
    const Tensor *const tensors[] = {&kept.q, &kept.k, &kept.v, &kept.mask, &kept.y, &kept.softmax};
    for (size_t i = 0; i < node->saved.size(); i++)
        node->saved[i] = SavedVariable(*tensors[i], false);
    torch::autograd::set_history(y, function);
}

// ------------------------------------------------------------------------- attention

inline bool read_tensor(PyObject *object, Tensor *x)
{
    if (!THPVariable_CheckExact(object))
        return false;
    *x = THPVariable_Unpack(object);
    return true;
}

// Reads q, k, v, mask, p, causal, scale and gqa. False if the node does not compute the call.
inline bool read(PyObject *const *arguments, Kept *kept, Attention *call)
{
    PyObject *const mask = arguments[3], *const scale = arguments[6];
    if (!read_tensor(arguments[0], &kept->q) || !read_tensor(arguments[1], &kept->k) ||
        !read_tensor(arguments[2], &kept->v))
        return false;
    if (mask != Py_None && !read_tensor(mask, &kept->mask))
        return false;
    if (!operators_are_unseen() || !kept->inputs_fit())
        return false;
    if (!is_probability(arguments[4], &call->p) || call->p == 1)
        return false;
    call->causal = is_true(arguments[5]);
    if (mask != Py_None &&
        (call->causal || (c10::GradMode::is_enabled() && kept->mask.requires_grad())))
        return false;
    if (scale == Py_None)
        call->scale = 1 / std::sqrt(static_cast<double>(kept->q.size(-1)));
    else if (!is_number(scale, &call->scale))
        return false;
    return !kept->has_groups() || is_true(arguments[7]);
}

// Computes y, and puts it in the graph.
inline Tensor attend(Attention numbers, Drawn drawn, Kept kept)
{
    kept.y = floats(kept.shape_of_y());
    kept.softmax = floats({2, kept.rows()});
    {
        Attention call = numbers;
        kept.set_in(&call);
        WithoutGIL released(true);
        // Keys that no row sees can only be skipped if k and v are finite: 0 * nan is nan.
        call.skips = numbers.skips = call.causal && is_finite(call.k) && is_finite(call.v);
        attention_forward(call);
    }
    Tensor y = as_given(kept.y, kept.q);
    if (torch::autograd::compute_requires_grad(kept.q, kept.k, kept.v)) {
        if (y.is_same(kept.y)) {
            kept.y = floats(y.sizes());
            std::memcpy(kept.y.mutable_data_ptr(), y.const_data_ptr(), y.nbytes());
        }
        put_in_graph(numbers, std::move(drawn), kept, y);
    }
    return y;
}

inline PyObject *attention(PyObject *, PyObject *const *arguments, Py_ssize_t count)
{
    HANDLE_TH_ERRORS
    constexpr Py_ssize_t expected = 9;
    if (count != expected)
        return PyErr_Format(
            PyExc_TypeError, "%zd arguments were expected, not %zd", expected, count);
    Kept kept;
    Attention call;
    if (!read(arguments, &kept, &call))
        Py_RETURN_NONE;
    PyObject *const source = arguments[8];
    Drawn drawn{key_of(source), index_of(source)};
    call.draw = draw_of_key(drawn.key);
    api->set_index(&call.draw, drawn.index);
    return THPVariable_Wrap(attend(call, std::move(drawn), std::move(kept)));
    END_HANDLE_TH_ERRORS
}

inline PyObject *can_attend(PyObject *, PyObject *)
{
    HANDLE_TH_ERRORS
    return PyBool_FromLong(has_products());
    END_HANDLE_TH_ERRORS
}

}  // namespace dropcore_torch
