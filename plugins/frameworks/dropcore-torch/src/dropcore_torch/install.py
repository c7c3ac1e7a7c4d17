"""Replaces every dropout of a process: dropcore's kernels for PyTorch's operators."""

from __future__ import annotations

import os
import threading
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from dropcore_torch import kernels
from dropcore_torch.private import forget_dispatch, get_kernel

__all__ = ["install", "installed", "is_installed", "uninstall"]


def install() -> None:
    """Let dropcore compute PyTorch's dropout on the CPU, with the exceptions in the notes.

    Kernels are registered for the operators ``dropout``, ``alpha_dropout``, ``feature_dropout``,
    ``feature_alpha_dropout``, their in-place forms, ``native_dropout``, and
    ``scaled_dot_product_attention``. So dropcore computes the functions (such as
    ``torch.nn.functional.dropout``), the modules, attention, recurrent layers and TorchScript. The
    model's code stays as it is.

    The installation holds for the whole process: all threads, and processes forked later. A second
    call changes nothing.

    Raises
    ------
    RuntimeError
        If PyTorch is older than 2.9, which cannot return the kernel that an operator has.

    Notes
    -----
    A call does the same as `functional.dropout` with ``rng=None``: all calls share one key, and
    ``torch.manual_seed`` determines the draws. So the masks are the same as after
    ``convert(model)``, for the same calls in the same order. An operator does not know the layer
    that calls it, so only ``convert(model, rng)`` gives each layer a key of its own. Converted
    modules keep their keys.

    PyTorch still computes the dropout of tensors on other devices, of other layouts or dtypes, and
    of subclasses with code of their own. It also computes the dropout in ``torch.func``, in calls
    within a mode that sees operators, and in code of the default compiler of ``torch.compile``. A
    graph that is traced or compiled keeps PyTorch's operators, because it can be used after
    `uninstall`. If the graph calls these operators when it runs, as with ``backend="aot_eager"``,
    dropcore computes the operators. For compiled models use `convert`.

    A call that another thread has begun continues with the kernel that it found.

    Examples
    --------
    >>> import torch
    >>> from torch.nn import functional as F
    >>> import dropcore_torch
    >>> x = torch.ones(1000)
    >>> dropcore_torch.install()
    >>> _ = torch.manual_seed(0)
    >>> y = F.dropout(x, 0.5)
    >>> dropcore_torch.uninstall()
    >>> _ = torch.manual_seed(0)
    >>> torch.equal(y, dropcore_torch.functional.dropout(x, 0.5, training=True))
    True
    """
    with _lock:
        _state.asked = True
        _state.settle()


def uninstall() -> None:
    """Let PyTorch compute its dropout itself again.

    Each operator gets back the kernels that it had before. Gradients of results that dropcore
    computed are still computed by dropcore. Within ``with installed()`` the call takes effect at
    the end of the block. If nothing is installed, the call does nothing.
    """
    with _lock:
        _state.asked = False
        _state.settle()


@contextmanager
def installed() -> Iterator[None]:
    """Install for the length of a block, in all threads.

    Blocks can be nested, and several threads can be in blocks at the same time. The kernels stay
    until the last block ends. If `install` was called, they stay until `uninstall`.

    Examples
    --------
    >>> import dropcore_torch
    >>> with dropcore_torch.installed():
    ...     dropcore_torch.is_installed()
    True
    >>> dropcore_torch.is_installed()
    False
    """
    with _lock:
        _state.blocks += 1
        try:
            _state.settle()
        except BaseException:
            _state.blocks -= 1
            raise
    try:
        yield
    finally:
        with _lock:
            _state.blocks -= 1
            _state.settle()


def is_installed() -> bool:
    """Whether dropcore computes PyTorch's dropout now."""
    return _state.library is not None


class _State:
    def __init__(self) -> None:
        self.asked = False
        self.blocks = 0  # `installed` blocks that have not ended
        self.library: Any = None
        # Keeps kernels alive: a call inside a kernel may wait for the GIL during `uninstall`.
        self.lately: deque[Any] = deque(maxlen=1024)

    def settle(self) -> None:
        wanted = self.asked or self.blocks > 0
        if wanted and self.library is None:
            self.library = self.register()
        elif not wanted and self.library is not None:
            library, self.library = self.library, None
            library._destroy()
            forget_dispatch(_OPERATORS)

    def register(self) -> Any:
        if get_kernel is None:
            self.asked = False
            raise RuntimeError(f"PyTorch must be 2.9 or newer to install, not {torch.__version__}")
        library = torch.library.Library("aten", "IMPL")
        try:
            with warnings.catch_warnings():  # a warning that native_dropout already has a kernel
                warnings.filterwarnings("ignore", "Warning only once for all operators")
                for name, key, kernel, with_keys in kernels.table(get_kernel):
                    library.impl(name, kernel, key, with_keyset=with_keys)
                    self.lately.append(get_kernel(f"aten::{name}", key))
        except BaseException:
            library._destroy()
            self.asked = False
            raise
        forget_dispatch(_OPERATORS)
        return library


_OPERATORS = [
    getattr(torch.ops.aten, f"{name}{suffix}").default
    for name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")
    for suffix in ("", "_")
]
_OPERATORS.append(torch.ops.aten.native_dropout.default)
_OPERATORS.append(torch.ops.aten.scaled_dot_product_attention.default)

_lock = threading.Lock()
_state = _State()

# Otherwise a child could inherit a lock that is held by a thread which does not exist in the child.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )
