// Dropout by a plan, for plain tensors on the CPU, as a node of PyTorch's graph. The results equal
// those of `_standard`. The node is used if this file was compiled against the installed PyTorch.
//
// A. All other tensors are left to `_standard`: `dropout` calls its function with the same
//    arguments, and the backward pass of the node calls its `gradient_of`. No rule for such tensors
//    is repeated here.
// B. The bits are a saved variable of PyTorch. So PyTorch frees them with the graph, and hooks on
//    saved tensors see them.

#include <Python.h>

#include <array>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/DistributionsHelper.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "attention_backward.h"
#include "attention_forward.h"
#include "found.h"
#include "masks.h"
#include "operators.h"

namespace dropcore_torch {

using torch::autograd::Node;
using torch::autograd::variable_list;

constexpr int64_t SMALL = 4096;  // elements; a call with fewer keeps the GIL

// -------------------------------------------------------------------------- the node

// Computes dx by `_standard` if the node cannot. That computation can be differentiated.
Tensor gradient_elsewhere(const Mask &mask, const Tensor &dy, const Tensor &bits)
{
    WithGIL gil;
    Reference gradient(THPVariable_Wrap(dy)), decisions(THPVariable_Wrap(bits));
    Reference dx(PyObject_CallFunction(
        python.gradient_of, "OOnnKd", *gradient, *decisions, static_cast<Py_ssize_t>(mask.n),
        static_cast<Py_ssize_t>(mask.decisions), static_cast<unsigned long long>(mask.plan.shared),
        mask.plan.forward.scale));
    return tensor_of(*dx);
}

bool are_bits(const Tensor &bits, int64_t decisions)
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

// Older versions of PyTorch hold nodes in another type of pointer.
using Held = decltype(torch::autograd::Edge::function);

template <typename Own>
Held held(Own *node)
{
    if constexpr (std::is_same_v<Held, std::shared_ptr<Node>>)
        return Held(node, [](Own *own) { deleteNode(own); });
    else
        return Held(c10::intrusive_ptr<Own>::unsafe_steal_from_new(node));
}

void put_in_graph(const Mask &mask, const Tensor &x, const Tensor &bits, Tensor &y)
{
    auto *node = new DropoutBackward();
    Held function = held(node);
    node->set_next_edges(torch::autograd::collect_next_edges(x));
    node->mask = mask;
    node->saved = torch::autograd::SavedVariable(bits, false);
    torch::autograd::set_history(y, function);
}

// --------------------------------------------------------------------------- draws

dropcore_draw draw_of(PyObject *source)
{
    Reference key(PyObject_GetAttr(source, python.key));
    Py_ssize_t size;
    const char *characters = PyUnicode_AsUTF8AndSize(*key, &size);
    if (characters == nullptr)
        throw python_error();
    return draw_of_key(std::string(characters, size));
}

// The value of `source.draw_index()`.
uint64_t index_of(PyObject *source)
{
    Reference index(PyObject_GetAttr(source, python.index));
    if (*index != Py_None) {
        const long long value = PyLong_AsLongLong(*index);
        if (value == -1 && PyErr_Occurred())
            throw python_error();
        return static_cast<uint64_t>(value);
    }
    // The same random number as torch.randint(limit, ()).
    auto *generator = at::check_generator<at::CPUGeneratorImpl>(at::detail::getDefaultCPUGenerator());
    at::uniform_int_from_to_distribution<int64_t> draw(python.limit, 0);
    std::lock_guard<std::mutex> lock(generator->mutex_);
    return static_cast<uint64_t>(draw(generator));
}

// -------------------------------------------------------------------------- dropout

bool is_number(PyObject *p, double *value)
{
    if (PyFloat_CheckExact(p))
        *value = PyFloat_AS_DOUBLE(p);
    else if (PyLong_CheckExact(p))
        *value = PyLong_AsDouble(p);
    else
        return false;
    if (*value == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        return false;
    }
    return *value >= 0 && *value <= 1;
}

// Allocation may run other code, which may replace the memory of a tensor.
constexpr char MOVED[] = "a tensor was given other memory while its dropout was computed";

Tensor forward(const Mask &mask, const Tensor &x, bool requires_grad)
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
PyObject *dropout_here(PyObject *const *arguments)
{
    PyObject *object = arguments[0], *rule = arguments[4], *source = arguments[5];
    Mask mask;
    if (arguments[2] != Py_True || !is_number(arguments[1], &mask.p) ||
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
    mask.draw = draw_of(source);
    api->set_index(&mask.draw, index_of(source));
    const bool requires_grad = c10::GradMode::is_enabled() && x.requires_grad();
    Reference y(THPVariable_Wrap(forward(mask, x, requires_grad)));
    if (inplace)
        return PyObject_CallMethodOneArg(object, python.copy_, *y);
    return Py_NewRef(*y);
}

PyObject *dropout(PyObject *, PyObject *const *arguments, Py_ssize_t count)
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

// ------------------------------------------------------------------------- attention

bool is_none(PyObject *object)
{
    return object == Py_None;
}

// Reads the arguments of both functions: three tensors, the mask or None, scale, p, causal, skips,
// the draw, y, and one tensor for tops and factors. Returns false with an exception set.
constexpr int READ = 11;

bool read_call(PyObject *const *arguments, Attention *call)
{
    call->q = tensor_of(arguments[0]);
    call->k = tensor_of(arguments[1]);
    call->v = tensor_of(arguments[2]);
    if (!is_none(arguments[3]))
        call->mask = tensor_of(arguments[3]);
    call->scale = PyFloat_AsDouble(arguments[4]);
    call->p = PyFloat_AsDouble(arguments[5]);
    call->causal = is_true(arguments[6]);
    call->skips = is_true(arguments[7]);
    if (PyErr_Occurred() || api->draw_of(arguments[8], &call->draw) != 0)
        return false;
    call->y = tensor_of(arguments[9]);
    const Tensor softmax = tensor_of(arguments[10]);
    call->tops = softmax[0];
    call->factors = softmax[1];
    return true;
}

PyObject *attention(PyObject *, PyObject *const *arguments, Py_ssize_t count)
{
    HANDLE_TH_ERRORS
    Attention call;
    if (count != READ)
        return PyErr_Format(PyExc_TypeError, "%d arguments were expected, not %zd", READ, count);
    if (!read_call(arguments, &call))
        return nullptr;
    {
        WithoutGIL released(true);
        attention_forward(call);
    }
    Py_RETURN_NONE;
    END_HANDLE_TH_ERRORS
}

PyObject *attention_gradients(PyObject *, PyObject *const *arguments, Py_ssize_t count)
{
    HANDLE_TH_ERRORS
    Attention call;
    if (count != READ + 4)
        return PyErr_Format(
            PyExc_TypeError, "%d arguments were expected, not %zd", READ + 4, count);
    if (!read_call(arguments, &call))
        return nullptr;
    const Tensor dy = tensor_of(arguments[READ]);
    Gradients wanted;
    Tensor *const gradients[] = {&wanted.q, &wanted.k, &wanted.v};
    for (int i = 0; i < 3; i++)
        if (!is_none(arguments[READ + 1 + i]))
            *gradients[i] = tensor_of(arguments[READ + 1 + i]);
    {
        WithoutGIL released(true);
        attention_backward(call, dy, wanted);
    }
    Py_RETURN_NONE;
    END_HANDLE_TH_ERRORS
}

PyObject *can_attend(PyObject *, PyObject *)
{
    HANDLE_TH_ERRORS
    return PyBool_FromLong(has_products());
    END_HANDLE_TH_ERRORS
}

PyMethodDef functions[] = {
    {"dropout", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(dropout)), METH_FASTCALL,
     "As `_standard.dropout`, and by it where a tensor is not plain."},
    {"attention",
     reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(attention)), METH_FASTCALL,
     "Attention with dropout of `fused`; writes the last two arguments."},
    {"attention_gradients",
     reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(attention_gradients)),
     METH_FASTCALL,
     "Its gradients; writes the last three arguments, which are None where not wanted."},
    {"can_attend", can_attend, METH_NOARGS,
     "Whether PyTorch has what `attention` needs on this processor."},
    {"serve_compilers", serve_compilers, METH_O,
     "Register the kernels for the operators of compiled graphs, or remove them."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_node", nullptr, -1, functions, nullptr, nullptr, nullptr, nullptr,
};

int get_python()
{
    Reference module(PyImport_ImportModule("dropcore_torch._standard"));
    const std::pair<const char *, PyObject **> found[] = {
        {"dropout", &python.dropout},           {"gradient_of", &python.gradient_of},
        {"plan_numbers", &python.plan_numbers}, {"draw_of_key", &python.draw_of_key},
        {"large_like", &python.large_like},     {"get_num_threads", &python.get_num_threads},
    };
    for (const auto &[name, place] : found)
        *place = Py_NewRef(*Reference(PyObject_GetAttrString(*module, name)));
    Reference rules(PyImport_ImportModule("dropcore_torch.rule"));
    python.rule_from = Py_NewRef(*Reference(PyObject_GetAttrString(*rules, "rule_from")));
    const std::pair<const char *, PyObject **> names[] = {
        {"key", &python.key},           {"index", &python.index}, {"planned", &python.planned},
        {"standard", &python.standard}, {"copy_", &python.copy_},
    };
    for (const auto &[name, place] : names)
        *place = Py_NewRef(*Reference(PyUnicode_InternFromString(name)));
    const std::pair<const char *, int64_t *> numbers[] = {
        {"LARGE", &python.large_bytes}, {"LIMIT", &python.limit}};
    for (const auto &[name, place] : numbers)
        *place = PyLong_AsLongLong(*Reference(PyObject_GetAttrString(*module, name)));
    return PyErr_Occurred() ? -1 : 0;
}

}  // namespace dropcore_torch

PyMODINIT_FUNC PyInit__node()
{
    HANDLE_TH_ERRORS
    using namespace dropcore_torch;
    api = dropcore_import();
    if (api == nullptr || get_python() != 0)
        return nullptr;
    PyObject *module = PyModule_Create(&definition);
#ifdef Py_GIL_DISABLED
    if (module != nullptr)
        PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    return module;
    END_HANDLE_TH_ERRORS
}
