"""Modules that seem to drop but are not swapped by `convert`, and calls that a swap does not reach.

This file knows only the class of a module, so some results are guesses from names. `audit` runs the
model and has exact results.
"""

from __future__ import annotations

import inspect
import re
from functools import lru_cache

import torch
from torch import nn

from dropcore_torch.classes import OURS, PYTORCHS, name_of
from dropcore_torch.private import DropoutNd

REPLACED = "its forward was replaced in the module, so its class does not show its code"
_LIKE_DROPOUT = re.compile("drop|stochastic_?depth", re.IGNORECASE)
_PROBABILITIES = ("p", "drop_prob", "drop_rate", "drop_p", "dropout", "rate", "prob")


def why_left(module: nn.Module) -> str:
    """The reason why a module that seems to drop is not swapped; "" if it seems not to drop."""
    if isinstance(module, torch.jit.ScriptModule):
        name = module.original_name
        if name in {cls.__name__ for cls in OURS} or _LIKE_DROPOUT.search(name):
            return f"{name} is TorchScript, whose code is fixed: convert the model before scripting"
        return ""
    cls = type(module)
    if not _may_drop(module):
        return ""
    if "forward" in vars(module) and cls in OURS:
        return REPLACED
    if isinstance(module, tuple(OURS)):
        return f"{name_of(cls)} is a subclass with code of its own"
    if isinstance(module, DropoutNd):
        return f"{name_of(cls)} is a subclass of PyTorch's _DropoutNd with code of its own"
    if _LIKE_DROPOUT.search(cls.__name__) and not any(True for _ in module.children()):
        return f"{name_of(cls)} looks like dropout, but is no module of PyTorch's"
    return ""


def _may_drop(module: nn.Module) -> bool:
    # False if the module has an attribute for its probability, and the probability is 0.
    for name in _PROBABILITIES:
        value = getattr(module, name, None)
        if isinstance(value, int | float):
            return value != 0
    return isinstance(module, DropoutNd) or bool(_LIKE_DROPOUT.search(type(module).__name__))


def why_doubtful(parent: nn.Module | None, part: str, module: nn.Module) -> str:
    """A warning if other code reads the module's p, perhaps for a function; otherwise ""."""
    if parent is None or type(module) not in PYTORCHS or not getattr(module, "p", 0):
        return ""
    source = _source_of(type(parent))
    if not re.search(rf"\bself\.{re.escape(part)}\.p\b", source):
        return ""
    called = re.search(rf"\bself\.{re.escape(part)}\(", source)
    name = type(parent).__name__
    return (
        f"{name} reads the p of this module{'' if called else ' but never calls the module'}; "
        f"if {name} passes this p to a dropout function, PyTorch computes the call"
    )


@lru_cache(maxsize=1024)
def _source_of(cls: type) -> str:
    if cls.__module__.startswith("torch."):
        return ""
    try:
        return inspect.getsource(cls)
    except (
        OSError,
        TypeError,
    ):  # no source file: a class from an interactive session, or a compiled one
        return ""
