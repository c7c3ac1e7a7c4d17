"""Chooses the node in C++ or the Function in Python for plain tensors, for the whole process.

"function" is `_standard`, an autograd.Function, which is always available. "node" is `node.cpp`, a
node of PyTorch's graph in C++, if it was built. It passes all tensors that are not plain to
`_standard`. Both give the same bits.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal, TypeAlias

from dropcore_torch import _standard, node

Path: TypeAlias = Literal["node", "function"]

SWITCH = "DROPCORE_TORCH_NODE"

dropout: Callable[..., Any] = _standard.dropout
_node: ModuleType | None = None


def use(path: Path) -> None:
    """Use this path for all later calls, in all threads.

    Raises
    ------
    LookupError
        If the node is not built.
    """
    global dropout
    if path not in ("node", "function"):
        raise ValueError(f"path must be 'node' or 'function', not {path!r}")
    if path == "function":
        dropout = _standard.dropout
    elif _is_loaded():
        dropout = _node.dropout
    else:
        raise LookupError("the node is not built: call dropcore_torch.build_node()")


def in_use() -> Path:
    """The path that calls use."""
    return "function" if dropout is _standard.dropout else "node"


def build_node() -> None:
    """Build dropout's node in C++ for the installed PyTorch, and use it from now on.

    The node changes no value. A call and its backward pass take several microseconds less.
    Building takes about half a minute, once; later processes find the build and use it. Building
    needs a C++ compiler and setuptools. The build is stored in PyTorch's folder for extensions; the
    environment variable TORCH_EXTENSIONS_DIR sets this folder. With DROPCORE_TORCH_NODE=0 a
    process uses the build only after a call of this function.

    Raises
    ------
    RuntimeError
        If the node cannot be built or loaded; the message has the compiler's output. Dropout
        works as before.

    Examples
    --------
    >>> import dropcore_torch
    >>> dropcore_torch.build_node()
    """
    if not _is_loaded():
        node.build()
        if not _is_loaded():
            raise RuntimeError(f"the node was built, but cannot be loaded: {node.build_path()}")
    use("node")


def _is_loaded() -> bool:
    global _node
    if _node is None:
        _node = node.load()
    return _node is not None


def _begin() -> None:
    switch = os.environ.get(SWITCH, "1")
    if switch not in ("0", "1"):
        raise ValueError(f"the environment variable {SWITCH} must be 0 or 1, not {switch!r}")
    if switch == "1" and _is_loaded():
        use("node")


_begin()
