// Dropout by a plan, for plain tensors on the CPU, as a node of PyTorch's graph. The results equal
// those of `_standard`.
//
// A. All other tensors are left to `_standard`: `dropout` calls its function with the same
//    arguments, and the backward pass of the node calls its `gradient_of`. No rule for such tensors
//    is repeated here.
// B. The bits are a saved variable of PyTorch. So PyTorch frees them with the graph, and hooks on
//    saved tensors see them.

#pragma once

#include <array>
#include <mutex>
#include <stdexcept>

#include "found.h"
#include "graph.h"
#include "masks.h"

namespace dropcore_torch {

constexpr int64_t SMALL = 4096;  // elements; a call with fewer keeps the GIL

// -------------------------------------------------------------------------- the node

// Computes dx by `_standard` if the node cannot. PyTorch can differentiate this computation.
inline Tensor gradient_elsewhere(const Mask &mask, const Tensor &dy, const Tensor &bits)
{
    WithGIL gil;
    Reference gradient(THPVariable_Wrap(dy)), decisions(THPVariable_Wrap(bits));
    Reference dx(PyObject_CallFunction(
        python.gradient_of, "OOnnKd", *gradient, *decisions, static_cast<Py_ssize_t>(mask.n),
        static_cast<Py_ssize_t>(mask.decisions), static_cast<unsigned long long>(mask.plan.shared),
        mask.plan.forward.scale));
    return tensor_of(*dx);
}

inline bool are_bits(const Tensor &bits, int64_t decisions)
{
    return within(bits.key_set(), OF_PLAIN) && bits.scalar_type() == at::kByte &&
        bits.numel() == (decisions + 7) / 8 && bits.is_contiguous() &&
        bits.storage().data() != nullptr;
}

struct DropoutBackward final : Node {
    Mask mask;
    torch::autograd::SavedVariable saved;

    std::string name() const override { return "DropcoreDropoutBackward"; }

    void release_variables() override
    {
        std::lock_guard<std::mutex> lock(mutex_);
        saved.reset_data();
    }

    variable_list apply(variable_list &&gradients) override
    {
        std::unique_lock<std::mutex> lock(mutex_);
        const Tensor bits = saved.unpack();
        lock.unlock();
        Tensor dy = gradients[0].defined() ? gradients[0] : input_metadata(0).zeros_like();
        if (c10::GradMode::is_enabled() || !is_unseen() || !is_plain(dy) ||
            !are_bits(bits, mask.decisions))
            return {gradient_elsewhere(mask, dy, bits)};
        const bool dense = dy.is_non_overlapping_and_dense();
        Tensor dx = memory_for(dy, dense);
        const dropcore_plan plan = backward_of(mask.plan.forward.scale);
        run(mask, &plan, dy, dense, false, static_cast<uint8_t *>(bits.data_ptr()), dx);
        return {dx};
    }

private:
    static Tensor memory_for(const Tensor &dy, bool dense)
    {
        if (!dense)  // the result is in C order
            return at::empty(dy.sizes(), dy.options());
        if (dy.numel() * static_cast<int64_t>(dy.element_size()) < python.large_bytes)
            return like(dy, true);
        WithGIL gil;
        return like(dy, true);
    }
};

inline void put_in_graph(const Mask &mask, const Tensor &x, const Tensor &bits, Tensor &y)
{
    auto *node = new DropoutBackward();
    Held function = held(node);
    node->set_next_edges(torch::autograd::collect_next_edges(x));
    node->mask = mask;
    node->saved = torch::autograd::SavedVariable(bits, false);
    torch::autograd::set_history(y, function);
}

// -------------------------------------------------------------------------- dropout

// Allocation may run other code, which may replace the memory of a tensor.
inline constexpr char MOVED[] = "a tensor was given other memory while its dropout was computed";

inline Tensor forward(const Mask &mask, const Tensor &x, bool requires_grad)
{
    const bool dense = x.is_non_overlapping_and_dense();
    Tensor y = like(x, dense), kept;
    std::array<uint8_t, 512> small;
    uint8_t *bits = nullptr;
    const int64_t size = (mask.decisions + 7) / 8;
    const bool fused = mask.plan.shared == 0 && y.is_contiguous();
    if (requires_grad || (!fused && size > static_cast<int64_t>(small.size()))) {
        kept = Tensor(at::detail::empty_cpu({size}, at::kByte));
        bits = static_cast<uint8_t *>(kept.mutable_data_ptr());
    } else if (!fused) {
        bits = small.data();
    }
    if (!lie_alike(x, y, dense) || x.numel() != mask.n)
        throw std::runtime_error(MOVED);
    {
        WithoutGIL released(mask.n >= SMALL);
        run(mask, &mask.plan.forward, x, dense, true, bits, y);
    }
    if (requires_grad)
        put_in_graph(mask, x, kept, y);
    return y;
}

// Returns NULL without an exception if the node does not support the call.
inline PyObject *dropout_here(PyObject *const *arguments)
{
    PyObject *object = arguments[0], *rule = arguments[4], *source = arguments[5];
    Mask mask;
    if (arguments[2] != Py_True || !is_probability(arguments[1], &mask.p) ||
        !THPVariable_CheckExact(object) || !has_true(rule, python.planned) || !is_unseen())
        return nullptr;
    const Tensor &x = THPVariable_Unpack(object);
    if (!is_plain(x))
        return nullptr;
    mask.n = x.numel();
    if (mask.n >= SHARED_WORK) {
        Reference threads(PyObject_CallNoArgs(python.get_num_threads));
        if (PyLong_AsLong(*threads) != 1)
            return nullptr;
    }
    if (has_true(rule, python.standard))
        mask.plan = {{api->scale(mask.p), 0, 0}, 0};
    else if (!find_plan(x, mask.p, rule, &mask.plan))
        return nullptr;
    if (mask.p == 0 && mask.plan.forward.scale == 1 && mask.plan.forward.shift == 0) {
        index_of(source);  // so that later draws do not depend on p
        return Py_NewRef(object);
    }
    const bool inplace = arguments[3] != Py_False && is_true(arguments[3]);
    if (inplace && x.is_inference())
        return nullptr;
    mask.decisions = mask.n;
    if (mask.plan.shared != 0) {
        for (int64_t axis = 0; axis < x.dim(); axis++)
            if (mask.plan.shared >> axis & 1)
                mask.decisions /= x.size(axis);
    }
    mask.draw = draw_of_key(key_of(source));
    api->set_index(&mask.draw, index_of(source));
    const bool requires_grad = c10::GradMode::is_enabled() && x.requires_grad();
    Reference y(THPVariable_Wrap(forward(mask, x, requires_grad)));
    if (inplace)
        return PyObject_CallMethodOneArg(object, python.copy_, *y);
    return Py_NewRef(*y);
}

inline PyObject *dropout(PyObject *, PyObject *const *arguments, Py_ssize_t count)
{
    HANDLE_TH_ERRORS
    if (count == 6) {
        PyObject *y = dropout_here(arguments);
        if (y != nullptr || PyErr_Occurred())
            return y;
    }
    return PyObject_Vectorcall(python.dropout, arguments, count, nullptr);
    END_HANDLE_TH_ERRORS
}

}  // namespace dropcore_torch
