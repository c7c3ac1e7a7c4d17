"""Chooses the node in C++ or the Function in Python for plain tensors, for the whole process.

"function" is `_standard`, an autograd.Function, which is always available. "node" is `native`, a
node of PyTorch's graph in C++, if it was built, with kernels for the operators of compiled graphs.
The node passes all tensors that are not plain to Python. The node and the Function give equal
values of dropout. For attention the masks are equal too, but the values differ by rounding, because
the node sums in another order. The path "function" has no attention: `attention.by_blocks` then
computes attention in Python.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, partial
from types import ModuleType
from typing import Any, Literal, TypeAlias

from dropcore_torch import _standard, node, pieces
from dropcore_torch.rule import Rule
from dropcore_torch.source import Source

Path: TypeAlias = Literal["node", "function"]

SWITCH = "DROPCORE_TORCH_NODE"


def _no_attention(*_: Any) -> None:
    """The attention of a path that computes none."""


dropout: Callable[..., Any] = _standard.dropout
attention: Callable[..., Any] = _no_attention  # with the arguments of `attention.by_blocks`
_path: Path = "function"
_expects_blocks = False  # whether a call may be in a block of `distributed`
_node: ModuleType | None = None


def use(path: Path) -> None:
    """Use this path for all later calls, in all threads.

    Raises
    ------
    LookupError
        If the node is not built.
    """
    global _path
    if path not in ("node", "function"):
        raise ValueError(f"path must be 'node' or 'function', not {path!r}")
    if path == "node" and not _is_loaded():
        raise LookupError("the node is not built: call dropcore_torch.build_node()")
    _path = path
    if _node is not None:
        _node.serve_compilers(path == "node")
    _choose()


def in_use() -> Path:
    """The path that calls use."""
    return _path


def attends() -> bool:
    """Whether the node computes attention: the node is in use, and PyTorch has its kernels."""
    return _path == "node" and _can_attend(_node)


@cache
def _can_attend(module: Any) -> bool:
    return bool(module.can_attend())


def expect_blocks() -> None:
    """Ask at each call from now on whether a block of `distributed` is around the call.

    In such a block x may be a part of a larger tensor. Then the call uses neither path.
    """
    global _expects_blocks
    if not _expects_blocks:
        _expects_blocks = True
        _choose()


def _choose() -> None:
    global dropout, attention
    dropout = _standard.dropout if _path == "function" else _node.dropout
    attention = _node.attention if attends() else _no_attention
    if _expects_blocks:
        dropout = partial(_dropout_unless_part, dropout)
        attention = partial(_attention_unless_part, attention)


def _dropout_unless_part(
    own: Callable[..., Any],
    x: Any,
    p: Any,
    training: bool,
    inplace: bool,
    rule: Rule,
    source: Source,
) -> Any:
    if training and pieces.situation_of(x, source) is not None:
        return None
    return own(x, p, training, inplace, rule, source)


def _attention_unless_part(own: Callable[..., Any], q: Any, *rest: Any) -> Any:
    *_, source = rest
    return None if pieces.situation_of(q, source) is not None else own(q, *rest)


def build_node() -> None:
    """Build dropout's node in C++ for the installed PyTorch, and use it from now on.

    With the node, dropout of small tensors and attention take less time. No mask changes. Only the
    results of attention may differ, by rounding. Building takes about half a minute, once; later
    processes find the build and use it. Building needs a C++ compiler and setuptools. The build is
    stored in PyTorch's folder for extensions; the environment variable TORCH_EXTENSIONS_DIR sets
    this folder. With DROPCORE_TORCH_NODE=0 in the environment, a process uses the build only after
    a call of this function.

    Raises
    ------
    RuntimeError
        If the node cannot be built or loaded; the message has the compiler's output. Dropout works
        without the node, as before.

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
