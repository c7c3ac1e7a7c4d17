"""What this package uses of PyTorch that PyTorch does not document, and nothing else does.

But for `node.cpp`, which is built against the installed PyTorch or not at all.

All of it was seen on PyTorch 2.13. Where a name is missing in another version, importing
the package fails here, not in the midst of a training step.
"""

from __future__ import annotations

import os
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

__all__ = ["TorchDispatchMode", "pytree"]  # as PyTorch calls them; all else is named here

# ------------------------------------------------------------- who looks on at a call

modes = torch._C._len_torch_dispatch_stack  # how many modes are to see each operator
function_mode_enabled = torch._C._is_torch_function_mode_enabled
tracing_state = torch._C._get_tracing_state  # of torch.jit.trace, or None
in_transform = torch._C._are_functorch_transforms_active  # of torch.func
without_modes = _python_dispatch._disable_current_modes  # a context: what it makes is real
current_mode = _python_dispatch._get_current_dispatch_mode
without_current_mode = _python_dispatch._pop_mode_temporarily


def in_forward_mode() -> bool:
    """Whether a level of forward-mode derivatives is open; `_standard` asks by itself."""
    return forward_ad._current_level >= 0


# ------------------------------------------------------------------ operators' kernels

get_kernel = getattr(torch.library, "get_kernel", None)  # None before PyTorch 2.9


def composite_of(operator: Any) -> Callable[..., Any]:
    """What PyTorch itself makes of an operator, of others, whatever is registered for it."""
    composite = partial(operator._op_dk, torch._C.DispatchKey.CompositeImplicitAutograd)

    def run(*arguments: Any, **named: Any) -> Any:
        if torch._C._dispatch_tls_is_dispatch_key_included(torch._C.DispatchKey.PythonDispatcher):
            return operator.decompose(*arguments, **named)  # in Python, as compilers have it
        return composite(*arguments, **named)

    return run


def forget_dispatch(operators: Iterable[Any]) -> None:
    """Let PyTorch's dispatcher in Python look for the kernels of operators anew."""
    for operator in operators:
        operator._dispatch_cache.clear()


# ---------------------------------------------------------------- what a tensor is

PLAIN = (torch.Tensor, torch.nn.Parameter)  # no wrapper, and no code of its own

is_batched = torch._C._functorch.is_legacy_batchedtensor


def is_zero_by_name(x: Tensor) -> bool:
    """Whether all elements are zero and none has memory."""
    return x._is_zerotensor()


def has_code(x: Tensor) -> bool:
    """Whether the tensor's class brings code of its own for PyTorch's functions or operators.

    The tensors that PyTorch's compilers see in place of others do not count while a mode is
    there to make operators of them.
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


_NO_CODE = (Tensor.__torch_function__.__func__, torch._C._disabled_torch_function_impl)


DropoutNd = _DropoutNd  # the base of PyTorch's dropout modules

# --------------------------------------------------------------------------- autograd

sequence_number = torch._C._autograd._get_sequence_nr  # of the next node of the graph


def apply_without_transforms(function: type[Function]) -> Callable[..., Any]:
    """``function.apply`` without the layer for torch.func's transforms around it."""
    return super(Function, function).apply


def replace_backward(function: type[Function], backward: Callable[..., Any]) -> None:
    """Let the tape call `backward` itself, where it would look for the Function's each time."""
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
    """Where PyTorch's own builder keeps what it built; importing that takes a while."""
    named = os.environ.get("TORCH_EXTENSIONS_DIR")
    return Path(named or _appdirs.user_cache_dir(appname="torch_extensions"))
