// Dropout by a plan, for plain tensors on the CPU, as a node of PyTorch's graph. It does the same as
// `_standard`, and is used if this file was compiled against the installed PyTorch.
//
// A. `_standard` computes everything that is not plain: `dropout` calls its function with the same
//    arguments, and the backward pass of the node calls its `gradient_of`. So no such rule is
//    written twice.
// B. Tensors with gaps are copied to the output, piece by piece. Each piece is computed there while
//    it is in the L1 cache.
// C. The bits are a saved variable of PyTorch: they are freed with the graph, and passed to hooks.

#include <Python.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/PythonTorchFunctionTLS.h>
#include <ATen/core/DistributionsHelper.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/core/impl/TorchDispatchModeTLS.h>
#include <torch/csrc/Exceptions.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/autograd/saved_variable.h>

#include "dropcore/dropcore.h"

namespace dropcore_torch {

using at::Tensor;
using torch::autograd::Node;
using torch::autograd::variable_list;

constexpr int AXES = 64;
constexpr int64_t SMALL = 4096;           // elements: below this number the GIL is kept
constexpr int64_t PIECE = 4096;           // elements of a tensor with gaps that are copied at a time
constexpr int64_t SHARED_WORK = 1 << 20;  // elements: from here on dropcore may use several threads

const dropcore_api *api;

// Python objects: from `_standard`, except the names of attributes.
struct {
    PyObject *dropout, *gradient_of, *plan_numbers, *draw_of_key, *large_like, *get_num_threads;
    PyObject *key, *index, *planned, *standard, *copy_;
    int64_t large_bytes, limit;
} python;

// ------------------------------------------------------------------------------ Python

struct Reference {  // an owned reference
    PyObject *object;
    explicit Reference(PyObject *object) : object(object) {}
    ~Reference() { Py_XDECREF(object); }
    Reference(const Reference &) = delete;
    PyObject *operator*() const
    {
        if (object == nullptr)
            throw python_error();
        return object;
    }
};

struct WithGIL {
    PyGILState_STATE state = PyGILState_Ensure();
    ~WithGIL() { PyGILState_Release(state); }
};

// Releases the GIL for the scope of a long kernel.
struct WithoutGIL {
    PyThreadState *state;
    explicit WithoutGIL(bool release) : state(release ? PyEval_SaveThread() : nullptr) {}
    ~WithoutGIL()
    {
        if (state != nullptr)
            PyEval_RestoreThread(state);
    }
};

bool is_true(PyObject *object)
{
    const int answer = PyObject_IsTrue(object);
    if (answer < 0)
        throw python_error();
    return answer;
}

bool has_true(PyObject *object, PyObject *name)
{
    return *Reference(PyObject_GetAttr(object, name)) == Py_True;
}

Tensor tensor_of(PyObject *object)
{
    if (!THPVariable_Check(object)) {
        PyErr_Format(PyExc_TypeError, "a tensor was expected, not %R", object);
        throw python_error();
    }
    return THPVariable_Unpack(object);
}

// -------------------------------------------------------------------- what is plain

constexpr c10::DispatchKeySet OF_PLAIN({
    c10::DispatchKey::CPU, c10::DispatchKey::AutogradCPU, c10::DispatchKey::AutocastCPU,
    c10::DispatchKey::ADInplaceOrView,
});
// Autocast, no_grad and inference_mode do not matter here.
const c10::DispatchKeySet OF_PLAIN_CALLS =
    c10::default_included_set | c10::default_excluded_set | OF_PLAIN;

bool within(c10::DispatchKeySet keys, c10::DispatchKeySet allowed)
{
    return (keys.raw_repr() & ~allowed.raw_repr()) == 0;
}

// Whether no mode, tracer or transform that must see operators is active.
bool is_unseen()
{
    return within(c10::impl::tls_local_dispatch_key_set().included_, OF_PLAIN_CALLS) &&
        !c10::impl::TorchDispatchModeTLS::any_modes_set() && !at::impl::torch_function_mode_enabled();
}

// Whether the tensor has CPU memory and a dtype that the kernels take, and no forward-mode tangent.
bool is_plain(const Tensor &x)
{
    if (!within(x.key_set(), OF_PLAIN) || x.dim() > AXES || x.numel() == 0)
        return false;
    const auto dtype = x.scalar_type();
    return (dtype == at::kFloat || dtype == at::kDouble || dtype == at::kHalf ||
            dtype == at::kBFloat16) &&
        x.unsafeGetTensorImpl()->has_storage() && x.storage().data() != nullptr &&
        !x._fw_grad(0).defined();
}

// --------------------------------------------------------------------------- kernels

struct Plan {
    dropcore_plan forward;
    uint64_t shared;  // bit a is 1 if decisions are shared along axis a
};

dropcore_plan backward_of(double scale)
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

bool find_layout(const Tensor &x, uint64_t shared, dropcore_layout *layout)
{
    Py_ssize_t length[AXES], stride[AXES];
    for (int64_t axis = 0; axis < x.dim(); axis++) {
        length[axis] = x.size(axis);
        stride[axis] = x.stride(axis);
    }
    return api->layout_of(static_cast<int>(x.dim()), length, stride, shared, layout) == 1;
}

// Copies the elements of a tensor with gaps, in the memory order of another tensor.
template <typename Element>
class Gather {
    struct Axis {
        int64_t length, from, to;
    };
    std::vector<Axis> axes;  // in the memory order of the other tensor, without those of length 1
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

// Computes y from x. `dense`: x has y's strides. `bits` is written if `decide`, otherwise read. It may
// be NULL if no bits are kept and each element has a decision of its own.
template <typename Element>
void compute(
    const Kernels<Element> &kernels, const Mask &mask, const dropcore_plan *plan, const Tensor &x,
    bool dense, bool decide, uint8_t *bits, Tensor &y)
{
    auto *to = static_cast<Element *>(y.mutable_data_ptr());
    const auto *from = dense ? static_cast<const Element *>(x.const_data_ptr()) : to;
    const auto each = [&](int64_t begin, int64_t n) {
        if (decide)
            kernels.forward(
                &mask.draw, mask.p, begin, n, plan, from + begin, to + begin,
                bits == nullptr ? nullptr : bits + begin / 8);
        else
            kernels.select(bits, begin, n, plan, from + begin, to + begin);
    };
    if (mask.plan.shared == 0 && y.is_contiguous()) {
        if (dense)
            return each(0, mask.n);
        Gather<Element> gather(x, y);
        for (int64_t begin = 0; begin < mask.n; begin += PIECE) {
            const int64_t n = std::min(PIECE, mask.n - begin);
            gather.next(n, to + begin);
            each(begin, n);
        }
        return;
    }
    dropcore_layout layout;
    find_layout(y, mask.plan.shared, &layout);
    if (decide)
        api->keep_bits(&mask.draw, mask.p, 0, mask.decisions, bits);
    Scratch scratch;
    if (dense)
        return kernels.select_layout(&layout, bits, plan, from, to, scratch.of(&layout));
    Gather<Element> gather(x, y);
    const int64_t times = layout.times;
    if (!layout.dense && layout.repeats && layout.steps == 1 && !layout.reordered && times <= PIECE) {
        const int64_t count = PIECE / times;
        for (int64_t begin = 0; begin < layout.n; begin += count) {
            const int64_t n = std::min<int64_t>(count, layout.n - begin);
            Element *piece = to + begin * times;
            gather.next(n * times, piece);
            kernels.repeat(bits, begin, n, times, plan, piece, piece);
        }
        return;
    }
    gather.next(mask.n, to);
    kernels.select_layout(&layout, bits, plan, to, to, scratch.of(&layout));
}

void run(
    const Mask &mask, const dropcore_plan *plan, const Tensor &x, bool dense, bool decide,
    uint8_t *bits, Tensor &y)
{
    with_kernels(x.scalar_type(), [&](auto kernels) {
        compute(kernels, mask, plan, x, dense, decide, bits, y);
    });
}

// ---------------------------------------------------------------------------- memory

// A tensor for the result. Needs the GIL if the tensor is large.
Tensor like(const Tensor &x, bool dense)
{
    if (x.numel() * static_cast<int64_t>(x.element_size()) >= python.large_bytes) {
        Reference argument(THPVariable_Wrap(x));
        return tensor_of(*Reference(PyObject_CallOneArg(python.large_like, *argument)));
    }
    if (dense)
        return Tensor(at::detail::empty_strided_cpu(x.sizes(), x.strides(), x.scalar_type()));
    at::AutoDispatchBelowADInplaceOrView below;
    return at::empty_like(x);
}

// -------------------------------------------------------------------------- the node

// dx from `_standard`, whose rules can be differentiated, if the node cannot compute it.
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
        if (!dense)  // then dx is in C order
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

// ------------------------------------------------------------ rules, keys and indices

std::mutex known_lock;  // guards the two tables below; never held while Python code runs

struct Asked {  // the key: a rule at one p and shape
    PyObject *rule;
    double p;
    std::vector<int64_t> shape;
    bool operator==(const Asked &other) const
    {
        return rule == other.rule && p == other.p && shape == other.shape;
    }
};

struct Hash {
    size_t operator()(const Asked &asked) const
    {
        size_t hash = std::hash<double>()(asked.p) ^ reinterpret_cast<size_t>(asked.rule);
        for (const int64_t length : asked.shape)
            hash = hash * 1000003 ^ static_cast<size_t>(length);
        return hash;
    }
};

std::unordered_map<Asked, Plan, Hash> plans;  // holds a reference to each rule
std::unordered_map<std::string, dropcore_draw> draws;
constexpr size_t KNOWN = 1024;

// False if `_standard` must compute this variant or shape.
bool find_plan(PyObject *x, const Tensor &tensor, double p, PyObject *rule, Plan *plan)
{
    Asked asked{rule, p, tensor.sizes().vec()};
    {
        std::lock_guard<std::mutex> lock(known_lock);
        const auto found = plans.find(asked);
        if (found != plans.end()) {
            *plan = found->second;
            return true;
        }
    }
    Reference number(PyFloat_FromDouble(p));
    Reference numbers(PyObject_CallFunctionObjArgs(python.plan_numbers, x, *number, rule, nullptr));
    if (*numbers == Py_None)
        return false;
    unsigned long long shared;
    if (!PyArg_ParseTuple(
            *numbers, "dddK", &plan->forward.scale, &plan->forward.shift, &plan->forward.drop,
            &shared))
        throw python_error();
    plan->shared = shared;
    std::vector<PyObject *> dropped;
    {
        std::lock_guard<std::mutex> lock(known_lock);
        if (plans.size() >= KNOWN) {
            for (const auto &each : plans)
                dropped.push_back(each.first.rule);
            plans.clear();
        }
        if (plans.emplace(std::move(asked), *plan).second)
            Py_INCREF(rule);
    }
    for (PyObject *each : dropped)
        Py_DECREF(each);
    return true;
}

dropcore_draw draw_of(PyObject *source)
{
    Reference key(PyObject_GetAttr(source, python.key));
    Py_ssize_t size;
    const char *characters = PyUnicode_AsUTF8AndSize(*key, &size);
    if (characters == nullptr)
        throw python_error();
    const std::string text(characters, size);
    {
        std::lock_guard<std::mutex> lock(known_lock);
        const auto found = draws.find(text);
        if (found != draws.end())
            return found->second;
    }
    dropcore_draw draw;
    Reference first(PyObject_CallOneArg(python.draw_of_key, *key));
    if (api->draw_of(*first, &draw) != 0)
        throw python_error();
    std::lock_guard<std::mutex> lock(known_lock);
    if (draws.size() >= KNOWN)
        draws.clear();
    draws.emplace(text, draw);
    return draw;
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

bool lie_alike(const Tensor &x, const Tensor &y, bool dense)
{
    if (x.sizes() != y.sizes())
        return false;
    for (int64_t axis = 0; dense && axis < x.dim(); axis++)
        if (x.size(axis) != 1 && x.stride(axis) != y.stride(axis))
            return false;
    return true;
}

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
    else if (!find_plan(object, x, mask.p, rule, &mask.plan))
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

PyMethodDef functions[] = {
    {"dropout", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(dropout)), METH_FASTCALL,
     "As `_standard.dropout`, and by it where a tensor is not plain."},
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
