// The module: dropout and attention with dropout as nodes of PyTorch's graph, and kernels for the
// operators of compiled graphs. The module is used only if it was compiled against the installed
// PyTorch.

#include <Python.h>

#include <utility>

#include "attention_node.h"
#include "dropout_node.h"
#include "found.h"
#include "operators.h"

namespace dropcore_torch {

PyMethodDef functions[] = {
    {"dropout", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(dropout)), METH_FASTCALL,
     "As `_standard.dropout`, which computes the call if a tensor is not plain."},
    {"attention", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(attention)),
     METH_FASTCALL, "As `attention.by_blocks`; None if the node does not compute the call."},
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
    Reference blocks(PyImport_ImportModule("dropcore_torch.blocks"));
    python.gradients_of = Py_NewRef(*Reference(PyObject_GetAttrString(*blocks, "gradients_of")));
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
