"""Every dropout of a process at once: dropcore's kernels for PyTorch's operators, and back."""

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
    """Let dropcore compute PyTorch's dropout on the CPU, whoever calls it.

    Kernels are registered for the operators ``dropout``, ``alpha_dropout``, ``feature_dropout``,
    ``feature_alpha_dropout``, their in-place forms, and ``native_dropout``. So functions
    (``torch.nn.functional.dropout`` and its kin), modules, ``scaled_dot_product_attention``,
    recurrent layers and TorchScript are served, in models whose code stays as it is.

    It holds for the whole process: all threads, and processes forked later. A second call
    changes nothing.

    Raises
    ------
    RuntimeError
        If PyTorch is older than 2.9, which does not say which kernel stood there before.

    Notes
    -----
    A call does what `functional.dropout` does with ``rng=None``: all share one key, and
    ``torch.manual_seed`` rules. So the masks are those of a model after ``convert(model)``, for
    the same calls in the same order. A key for each layer there is only by
    ``convert(model, rng)``, since an operator does not know in which layer it is called;
    converted modules keep theirs.

    PyTorch's own answer is given wherever dropcore has none: other devices, layouts and dtypes,
    subclasses with code of their own, ``torch.func``, modes that see operators, tracing, and
    compiled code, whose graphs outlive `uninstall`. Compiled models are served by `convert`.

    A call that another thread has begun goes on with the kernel that it found.

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

    Nothing is left behind: each operator has the kernels that it had. Gradients of what was
    computed before are dropcore's still. In a ``with installed()`` it takes effect at its end.
    Where nothing is installed it does nothing.
    """
    with _lock:
        _state.asked = False
        _state.settle()


@contextmanager
def installed() -> Iterator[None]:
    """Install for the length of a block, in all threads.

    Blocks may be within one another and in several threads: the kernels stay until the last one
    ends, and after it where `install` was called.

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
        self.blocks = 0  # that have been entered and not left
        self.library: Any = None
        # A call that waits for the GIL in a kernel must find it when it goes on.
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
            with warnings.catch_warnings():  # native_dropout has a kernel, which is overridden
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

# A child must not inherit a lock that is held by a thread that it does not have.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )
