// Python objects, and tables of the plans and draws that Python code has computed.

#pragma once

#include <Python.h>

#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/DistributionsHelper.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/Exceptions.h>
#include <torch/csrc/autograd/python_variable.h>

#include "masks.h"

namespace dropcore_torch {

// Objects of the module `_standard`, objects of other modules, names of attributes, and numbers.
inline struct {
    PyObject *dropout, *gradient_of, *plan_numbers, *draw_of_key, *large_like, *get_num_threads;
    PyObject *rule_from, *gradients_of;
    PyObject *key, *index, *planned, *standard, *copy_;
    int64_t large_bytes, limit;
} python;

// ------------------------------------------------------------------------------ Python

// Throws the exception that is set. A backward pass may run in a thread that Python does not know;
// there the exception is lost when the thread releases the GIL, unless it is stored before.
[[noreturn]] inline void throw_python()
{
    python_error error;
    error.persist();
    throw error;
}

struct Reference {  // an owned reference
    PyObject *object;
    explicit Reference(PyObject *object) : object(object) {}
    ~Reference() { Py_XDECREF(object); }
    Reference(const Reference &) = delete;
    PyObject *operator*() const
    {
        if (object == nullptr)
            throw_python();
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

inline bool is_true(PyObject *object)
{
    const int answer = PyObject_IsTrue(object);
    if (answer < 0)
        throw_python();
    return answer;
}

inline bool has_true(PyObject *object, PyObject *name)
{
    return *Reference(PyObject_GetAttr(object, name)) == Py_True;
}

inline Tensor tensor_of(PyObject *object)
{
    if (!THPVariable_Check(object)) {
        PyErr_Format(PyExc_TypeError, "a tensor was expected, not %R", object);
        throw_python();
    }
    return THPVariable_Unpack(object);
}

// Whether the object is a number of Python itself.
inline bool is_number(PyObject *object, double *value)
{
    if (PyFloat_CheckExact(object))
        *value = PyFloat_AS_DOUBLE(object);
    else if (PyLong_CheckExact(object))
        *value = PyLong_AsDouble(object);
    else
        return false;
    if (*value == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        return false;
    }
    return true;
}

inline bool is_probability(PyObject *object, double *p)
{
    return is_number(object, p) && *p >= 0 && *p <= 1;
}

// ------------------------------------------------------------ rules, keys and indices

inline std::mutex known_lock;  // guards the two tables below; never held while Python code runs

struct Asked {  // the key of `plans`: a rule at one p and shape
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

inline std::unordered_map<Asked, Plan, Hash> plans;  // holds a reference to each rule
inline std::unordered_map<std::string, dropcore_draw> draws;  // the first draw of each key (hex digits)
constexpr size_t KNOWN = 1024;

// False if `_standard` must compute this variant or shape.
inline bool find_plan(const Tensor &x, double p, PyObject *rule, Plan *plan)
{
    Asked asked{rule, p, x.sizes().vec()};
    {
        std::lock_guard<std::mutex> lock(known_lock);
        const auto found = plans.find(asked);
        if (found != plans.end()) {
            *plan = found->second;
            return true;
        }
    }
    WithGIL gil;
    Reference tensor(THPVariable_Wrap(x)), number(PyFloat_FromDouble(p));
    Reference numbers(
        PyObject_CallFunctionObjArgs(python.plan_numbers, *tensor, *number, rule, nullptr));
    if (*numbers == Py_None)
        return false;
    unsigned long long shared;
    if (!PyArg_ParseTuple(
            *numbers, "dddK", &plan->forward.scale, &plan->forward.shift, &plan->forward.drop,
            &shared))
        throw_python();
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

// The first draw of a key. `text` is the key as 64 hex digits.
inline dropcore_draw draw_of_key(const std::string &text)
{
    {
        std::lock_guard<std::mutex> lock(known_lock);
        const auto found = draws.find(text);
        if (found != draws.end())
            return found->second;
    }
    dropcore_draw draw;
    {
        WithGIL gil;
        Reference key(PyUnicode_FromStringAndSize(text.data(), text.size()));
        Reference first(PyObject_CallOneArg(python.draw_of_key, *key));
        if (api->draw_of(*first, &draw) != 0)
            throw_python();
    }
    std::lock_guard<std::mutex> lock(known_lock);
    if (draws.size() >= KNOWN)
        draws.clear();
    draws.emplace(text, draw);
    return draw;
}

// The key of a source, as 64 hex digits.
inline std::string key_of(PyObject *source)
{
    Reference key(PyObject_GetAttr(source, python.key));
    Py_ssize_t size;
    const char *characters = PyUnicode_AsUTF8AndSize(*key, &size);
    if (characters == nullptr)
        throw_python();
    return std::string(characters, size);
}

// The value of `source.draw_index()`.
inline uint64_t index_of(PyObject *source)
{
    Reference index(PyObject_GetAttr(source, python.index));
    if (*index != Py_None) {
        const long long value = PyLong_AsLongLong(*index);
        if (value == -1 && PyErr_Occurred())
            throw_python();
        return static_cast<uint64_t>(value);
    }
    // The same random number as torch.randint(limit, ()).
    auto *generator = at::check_generator<at::CPUGeneratorImpl>(at::detail::getDefaultCPUGenerator());
    at::uniform_int_from_to_distribution<int64_t> draw(python.limit, 0);
    std::lock_guard<std::mutex> lock(generator->mutex_);
    return static_cast<uint64_t>(draw(generator));
}

// ---------------------------------------------------------------------------- memory

// A tensor for the result. Needs the GIL if the tensor is large.
inline Tensor like(const Tensor &x, bool dense)
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

}  // namespace dropcore_torch
