// Kernels for the operators that compiled graphs call (`operator.py`), for plain tensors: `planned`
// and `planned_backward` allocate their output; the `out` overloads write to memory of the caller.
// The kernels run without the GIL. They take the GIL only for a rule, shape or key that is not yet
// in the tables, for large outputs, and for calls that Python must compute.

#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>

#include <c10/util/string_view.h>
#include <torch/library.h>

#include "found.h"
#include "masks.h"

namespace dropcore_torch {

// The arguments of an operator besides the tensor.
struct Told {
    const Tensor &key, &index;
    double p;
    c10::string_view rule;
    bool backward;
};

inline PyObject *rule_of(const c10::string_view text)
{
    static std::unordered_map<std::string, PyObject *> rules;  // owned references; never freed
    const std::string name(text.data(), text.size());
    {
        std::lock_guard<std::mutex> lock(known_lock);
        const auto found = rules.find(name);
        if (found != rules.end())
            return found->second;
    }
    WithGIL gil;
    Reference argument(PyUnicode_FromStringAndSize(text.data(), text.size()));
    Reference rule(PyObject_CallOneArg(python.rule_from, *argument));
    std::lock_guard<std::mutex> lock(known_lock);
    return rules.emplace(name, Py_NewRef(*rule)).first->second;
}

inline bool are_words(const Tensor &x, int64_t count)
{
    return x.is_cpu() && x.numel() == count && x.element_size() == 8 && x.is_contiguous() &&
        x.storage().data() != nullptr;
}

inline dropcore_draw draw_of(const Tensor &key, const Tensor &index)
{
    constexpr char digits[] = "0123456789abcdef";
    const auto *bytes = static_cast<const uint8_t *>(key.const_data_ptr());
    std::string text(64, '0');
    for (int byte = 0; byte < 32; byte++) {
        text[2 * byte] = digits[bytes[byte] >> 4];
        text[2 * byte + 1] = digits[bytes[byte] & 15];
    }
    dropcore_draw draw = draw_of_key(text);
    api->set_index(&draw, *static_cast<const uint64_t *>(index.const_data_ptr()));
    return draw;
}

// False if Python must compute the call.
inline bool find_mask(const Tensor &x, const Told &told, Mask *mask)
{
    if (!is_plain(x) || !are_words(told.key, 4) || !are_words(told.index, 1))
        return false;
    mask->p = told.p;
    mask->n = mask->decisions = x.numel();
    if (mask->n >= SHARED_WORK) {
        WithGIL gil;
        Reference threads(PyObject_CallNoArgs(python.get_num_threads));
        if (PyLong_AsLong(*threads) != 1)
            return false;
    }
    if (told.rule == R"(["standard", {}])") {
        mask->plan = {{api->scale(told.p), 0, 0}, 0};
    } else if (!find_plan(x, told.p, rule_of(told.rule), &mask->plan)) {
        return false;
    }
    for (int64_t axis = 0; mask->plan.shared != 0 && axis < x.dim(); axis++)
        if (mask->plan.shared >> axis & 1)
            mask->decisions /= x.size(axis);
    mask->draw = draw_of(told.key, told.index);
    return true;
}

inline void fill(const Mask &mask, const Told &told, const Tensor &x, bool dense, Tensor &y)
{
    std::array<uint8_t, 512> small;
    std::unique_ptr<uint8_t[]> large;
    uint8_t *bits = nullptr;
    if (mask.plan.shared != 0 || !y.is_contiguous()) {
        const size_t size = (mask.decisions + 7) / 8;
        if (size > small.size())
            large.reset(new uint8_t[size]);
        bits = size > small.size() ? large.get() : small.data();
    }
    const dropcore_plan plan = told.backward ? backward_of(mask.plan.forward.scale) : mask.plan.forward;
    run(mask, &plan, x, dense, true, bits, y);
}

// Calls the kernel in Python. If y is undefined, the kernel allocates it.
inline Tensor elsewhere(const Tensor &x, const Told &told, const Tensor &y)
{
    WithGIL gil;
    Reference module(PyImport_ImportModule("dropcore_torch.operator"));
    Reference wrapped(THPVariable_Wrap(x)), key(THPVariable_Wrap(told.key));
    Reference index(THPVariable_Wrap(told.index));
    Reference p(PyFloat_FromDouble(told.p));
    Reference rule(PyUnicode_FromStringAndSize(told.rule.data(), told.rule.size()));
    Reference out(y.defined() ? THPVariable_Wrap(y) : Py_NewRef(Py_None));
    Reference function(
        PyObject_GetAttrString(*module, told.backward ? "gradient_by_plan" : "output_by_plan"));
    Reference computed(PyObject_CallFunctionObjArgs(
        *function, *wrapped, *key, *index, *p, *rule, *out, nullptr));
    return tensor_of(*computed);
}

inline Tensor allocated(const Tensor &x, const Told &told)
{
    Mask mask;
    if (!find_mask(x, told, &mask))
        return elsewhere(x, told, Tensor());
    const bool dense = x.is_non_overlapping_and_dense();
    Tensor y;
    {
        WithGIL gil;
        y = like(x, dense);
    }
    fill(mask, told, x, dense, y);
    return y;
}

inline Tensor &into(const Tensor &x, const Told &told, Tensor &y)
{
    Mask mask;
    const bool dense = x.is_non_overlapping_and_dense();
    if (!is_plain(y) || y.scalar_type() != x.scalar_type() || !y.is_non_overlapping_and_dense() ||
        !lie_alike(x, y, dense) || !find_mask(x, told, &mask)) {
        elsewhere(x, told, y);
        return y;
    }
    fill(mask, told, x, dense, y);
    return y;
}

// ----------------------------------------------------------------- the four operators

inline Tensor planned(
    const Tensor &x, const Tensor &key, const Tensor &index, double p, c10::string_view rule)
{
    return allocated(x, {key, index, p, rule, false});
}

inline Tensor planned_backward(
    const Tensor &dy, const Tensor &key, const Tensor &index, double p, c10::string_view rule)
{
    return allocated(dy, {key, index, p, rule, true});
}

inline Tensor &planned_out(
    const Tensor &x, const Tensor &key, const Tensor &index, double p, c10::string_view rule,
    Tensor &out)
{
    return into(x, {key, index, p, rule, false}, out);
}

inline Tensor &planned_backward_out(
    const Tensor &dy, const Tensor &key, const Tensor &index, double p, c10::string_view rule,
    Tensor &out)
{
    return into(dy, {key, index, p, rule, true}, out);
}

// Registers these kernels for the CPU, or removes them. The kernels in Python are registered for all
// devices (CompositeExplicitAutograd), and are called if no kernel is registered for the CPU.
inline PyObject *serve_compilers(PyObject *, PyObject *yes)
{
    HANDLE_TH_ERRORS
    static std::unique_ptr<torch::Library> kernels;
    const bool wanted = is_true(yes);
    if (wanted && kernels == nullptr) {
        kernels = std::make_unique<torch::Library>(
            torch::Library::IMPL, "dropcore", c10::DispatchKey::CPU, __FILE__, __LINE__);
        kernels->impl("planned", TORCH_FN(planned));
        kernels->impl("planned.out", TORCH_FN(planned_out));
        kernels->impl("planned_backward", TORCH_FN(planned_backward));
        kernels->impl("planned_backward.out", TORCH_FN(planned_backward_out));
    }
    if (!wanted)
        kernels.reset();
    Py_RETURN_NONE;
    END_HANDLE_TH_ERRORS
}

}  // namespace dropcore_torch
