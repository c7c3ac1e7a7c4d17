"""Support for torch.fx and torch.jit.script, which read a module's code.

For torch.fx a module of dropcore is a leaf, like PyTorch's own modules. TorchScript cannot compile
it.
"""

from __future__ import annotations

from typing import Any, NoReturn

from torch import nn
from torch.fx import Proxy

__all__ = ["Proxy", "as_leaf", "refuse_script"]


def as_leaf(module: nn.Module, proxy: Proxy, *arguments: Any, **named: Any) -> Proxy:
    """A call of the module in the graph of `proxy`.

    The module's code cannot be traced: it needs properties that a proxy does not have, and the
    module's mode must be read when the graph runs.
    """
    path = proxy.tracer.path_of_module(module)
    return proxy.tracer.create_proxy("call_module", path, (proxy, *arguments), named)


def refuse_script(module: nn.Module) -> NoReturn:
    """Raise an error: torch.jit.script calls this method of a module first.

    Raises
    ------
    RuntimeError
    """
    raise RuntimeError(
        f"{type(module).__name__} of dropcore_torch cannot be compiled by torch.jit.script: revert "
        "the model first, with dropcore_torch.revert(model), or use torch.compile or torch.export"
    )
