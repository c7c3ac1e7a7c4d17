"""Tools that read a module's code.

To torch.fx a module of dropcore's is a leaf, as PyTorch's own are. TorchScript cannot compile it.
"""

from __future__ import annotations

from typing import Any, NoReturn

from torch import nn
from torch.fx import Proxy

__all__ = ["Proxy", "as_leaf", "refuse_script"]


def as_leaf(module: nn.Module, proxy: Proxy, *arguments: Any, **named: Any) -> Proxy:
    """A call of the module in the graph that `proxy` is part of.

    Its code asks what no proxy can say, and its mode is to be asked when the graph runs.
    """
    path = proxy.tracer.path_of_module(module)
    return proxy.tracer.create_proxy("call_module", path, (proxy, *arguments), named)


def refuse_script(module: nn.Module) -> NoReturn:
    """What torch.jit.script calls of each module first, where it has this for a method.

    Raises
    ------
    RuntimeError
    """
    raise RuntimeError(
        f"{type(module).__name__} of dropcore_torch cannot be compiled by torch.jit.script: revert "
        "the model first, with dropcore_torch.revert(model), or use torch.compile or torch.export"
    )
