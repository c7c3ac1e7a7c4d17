// How a node of PyTorch's graph is held.

#pragma once

#include <memory>
#include <type_traits>

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

namespace dropcore_torch {

using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

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

}  // namespace dropcore_torch
