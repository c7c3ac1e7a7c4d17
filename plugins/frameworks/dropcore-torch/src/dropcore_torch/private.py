"""All uses of PyTorch's undocumented interfaces in this package.

One exception is `native`, which is compiled against the installed PyTorch.

These interfaces were tested with PyTorch 2.13. If a name is missing in another version, the import
of the package fails in this file, and not a training step later.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, _appdirs
from torch._subclasses.fake_tensor import FakeTensor
from torch._subclasses.functional_tensor import FunctionalTensor
from torch.autograd import forward_ad
from torch.autograd.function import Function
from torch.nn.modules.dropout import _DropoutNd
from torch.utils import _python_dispatch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = [
    "TorchDispatchMode",
    "pytree",
]  # PyTorch's names; the names of the other functions are ours

# ------------------------------------------- modes, tracers and transforms during a call

modes = torch._C._len_torch_dispatch_stack  # the number of active modes that see each operator
function_mode_enabled = torch._C._is_torch_function_mode_enabled
tracing_state = torch._C._get_tracing_state  # the state of torch.jit.trace, or None
in_transform = torch._C._are_functorch_transforms_active  # whether torch.func is active
without_modes = _python_dispatch._disable_current_modes  # a context in which no mode is active
current_mode = _python_dispatch._get_current_dispatch_mode
without_current_mode = _python_dispatch._pop_mode_temporarily


def in_forward_mode() -> bool:
    """Whether forward-mode differentiation is active; `_standard` has its own test."""
    return forward_ad._current_level >= 0


# ------------------------------------------------------------------ operators' kernels

get_kernel = getattr(torch.library, "get_kernel", None)  # None before PyTorch 2.9


def composite_of(operator: Any) -> Callable[..., Any]:
    """PyTorch's own implementation of an operator by other operators, even if it was replaced."""
    composite = partial(operator._op_dk, torch._C.DispatchKey.CompositeImplicitAutograd)

    def run(*arguments: Any, **named: Any) -> Any:
        if torch._C._dispatch_tls_is_dispatch_key_included(torch._C.DispatchKey.PythonDispatcher):
            return operator.decompose(
                *arguments, **named
            )  # the implementation in Python, which compilers use
        return composite(*arguments, **named)

    return run


def forget_dispatch(operators: Iterable[Any]) -> None:
    """Clear the cache of PyTorch's Python dispatcher for these operators."""
    for operator in operators:
        operator._dispatch_cache.clear()


# --------------------------------------------------------------- the default compiler


class DefaultCompiler:
    """The hooks of torch._inductor.

    Attributes
    ----------
    CallFunction, KeywordArg : callable
        Nodes of a graph pattern.
    lowerings : dict
        Functions that lower an operator; if a function returns None, the compiler lowers it itself.
    """

    def __init__(self, modules: dict[str, Any]) -> None:
        self._matcher = modules["torch._inductor.pattern_matcher"]
        self.CallFunction = self._matcher.CallFunction
        self.KeywordArg = self._matcher.KeywordArg
        # The compiler applies these patterns to the joint graph, before the graph is split into
        # forward and backward pass.
        self._patterns = modules["torch._inductor.fx_passes.joint_graph"].pass_patterns[0]
        self.lowerings: dict[Any, Any] = modules["torch._inductor.lowering"].user_lowerings
        self._ir = modules["torch._inductor.ir"]
        self._graph = modules["torch._inductor.virtualized"].V
        self._sizes = modules["torch._inductor.utils"].convert_shape_to_inductor

    def register_pattern(self, pattern: Any, check: Callable[[Any], bool]) -> Callable[..., Any]:
        """A decorator for the function that replaces each match that `check` accepts."""
        at = {"pass_dict": self._patterns, "extra_check": check}
        return self._matcher.register_graph_pattern(pattern, **at)

    def into_planned_memory(self, operator: Any, out: Any, arguments: tuple[Any, ...]) -> Any:
        """Lower an operator to its `out` overload, whose output the compiler allocates.

        None if the graph becomes C++ code, or if a number among the arguments is symbolic.
        """
        graph, ir = self._graph.graph, self._ir
        if graph.cpp_wrapper:
            return None
        with graph.fake_mode:
            y, tensors, numbers, *_ = ir.FallbackKernel.process_kernel(operator, *arguments)
        if not all(isinstance(each, float | str) for each in numbers):
            return None
        sizes, strides = self._sizes(y.shape), self._sizes(y.stride())
        layout = ir.FixedLayout(device=y.device, dtype=y.dtype, size=sizes, stride=strides)
        name = f"torch.ops.{out.namespace}.{out._opname}.{out._overloadname}"
        return ir.TensorBox.create(
            ir.ExternKernelOut(
                layout=layout,
                inputs=tensors,
                constant_args=numbers,
                python_kernel_name=name,
                op_overload=out,
            )
        )


def default_compiler() -> DefaultCompiler | None:
    """The compiler's hooks; None if it is not loaded (this takes long) or lacks a hook."""
    try:
        return DefaultCompiler(sys.modules)
    except (KeyError, AttributeError):
        return None


# ---------------------------------------------------------------- what a tensor is

PLAIN = (torch.Tensor, torch.nn.Parameter)  # no wrappers, no subclasses with code of their own

is_batched = torch._C._functorch.is_legacy_batchedtensor


def is_zero_by_name(x: Tensor) -> bool:
    """Whether this is PyTorch's zero tensor without memory."""
    return x._is_zerotensor()


def has_code(x: Tensor) -> bool:
    """Whether the tensor's class has code of its own for PyTorch's functions or operators.

    The fake tensors of PyTorch's compilers do not count while their mode is active.
    """
    kind = type(x)
    if kind in PLAIN:
        return False
    if kind in (FakeTensor, FunctionalTensor):
        return modes() == 0
    return not (
        kind.__torch_dispatch__ is Tensor.__torch_dispatch__
        and getattr(kind.__torch_function__, "__func__", kind.__torch_function__) in _NO_CODE
    )


def is_waiting(x: Any) -> bool:
    """Whether x is a plain tensor that other ranks still send, such as from `DTensor.to_local`."""
    return type(x).__name__ == "AsyncCollectiveTensor"


def waited(x: Any) -> Tensor:
    """Wait until the tensor is complete; return it."""
    return x.trigger_wait() if is_waiting(x) else x


_NO_CODE = (Tensor.__torch_function__.__func__, torch._C._disabled_torch_function_impl)


DropoutNd = _DropoutNd  # the base of PyTorch's dropout modules

# --------------------------------------------------------------------------- autograd

sequence_number = torch._C._autograd._get_sequence_nr  # the number of the next node of the graph


def apply_without_transforms(function: type[Function]) -> Callable[..., Any]:
    """``function.apply`` without its wrapper for torch.func's transforms."""
    return super(Function, function).apply


def replace_backward(function: type[Function], backward: Callable[..., Any]) -> None:
    """Let the tape call `backward` directly, without a look-up in the Function at each call."""
    function._backward_cls.apply = backward


def softmax_backward(dy: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """The gradient of a softmax along the last axis, into `out`, which may be `dy`."""
    return torch.ops.aten._softmax_backward_data.out(dy, y, -1, y.dtype, grad_input=out)


# ------------------------------------------------------- checks of PyTorch's attention

mha_shape_check = torch.nn.functional._mha_shape_check
mha_mask = torch.nn.functional._canonical_mask
dtype_or_none = torch.nn.functional._none_or_dtype


# ------------------------------------------------------------------------- extensions


def extensions_folder() -> Path:
    """The folder of PyTorch's extension builder, which is imported late, because this is slow."""
    named = os.environ.get("TORCH_EXTENSIONS_DIR")
    return Path(named or _appdirs.user_cache_dir(appname="torch_extensions"))
