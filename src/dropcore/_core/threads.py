"""How many threads the kernels use, and the pool that runs them.

Serial by default, as NumPy is. The pool is made when it is first needed and shut down
before a fork: a child would inherit its locks but not its threads, and hang.
"""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_worker = threading.local()


def _count(name: str, value: object) -> int:
    what = f"{name} must be an integer >= 1, not {value!r}"
    if isinstance(value, bool):
        raise TypeError(what)
    try:
        count = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(what) from None
    if count < 1:
        raise ValueError(what)
    return count


def _from_environment() -> int:
    text = os.environ.get("DROPCORE_NUM_THREADS", "").strip()
    if not text:
        return 1
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"DROPCORE_NUM_THREADS must be an integer >= 1, not {text!r}")
    return _count("DROPCORE_NUM_THREADS", int(text))


_threads = _from_environment()


def get_num_threads() -> int:
    """How many threads a large array is split over.

    Examples
    --------
    >>> import dropcore
    >>> dropcore.get_num_threads() >= 1
    True
    """
    return _threads


def set_num_threads(n: int) -> None:
    """Split large arrays over `n` threads; the masks are the same for any `n`.

    The default is 1, or what the environment variable ``DROPCORE_NUM_THREADS`` says
    when dropcore is imported. Arrays that one thread does as fast stay with one.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer, or below 1.

    Examples
    --------
    >>> import dropcore
    >>> dropcore.set_num_threads(2)
    >>> dropcore.get_num_threads()
    2
    >>> dropcore.set_num_threads(1)
    """
    global _threads
    n = _count("n", n)
    with _lock:
        if n != _threads:
            _shut_down()
        _threads = n


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """`set_num_threads` for the length of a ``with`` block.

    The number is the process's, not the thread's.

    Examples
    --------
    >>> import dropcore
    >>> with dropcore.num_threads(2):
    ...     dropcore.get_num_threads()
    2
    """
    before = _threads
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


class _Share:
    """One piece, run once: by the pool, or by the caller where the pool has not begun it."""

    def __init__(self, piece: Callable[[], None]) -> None:
        self._piece = piece
        self._claim = threading.Lock()
        self.ended = threading.Event()

    def run(self) -> None:
        if self._claim.acquire(blocking=False):
            try:
                self._piece()
            finally:
                self.ended.set()

    def give_up(self) -> None:
        if self._claim.acquire(blocking=False):
            self.ended.set()


def run(pieces: Sequence[Callable[[], None]]) -> None:
    """Run all pieces, the first of them here, and return when the last has ended."""
    shares = [_Share(piece) for piece in pieces[1:]]
    if not getattr(_worker, "is_one", False):
        _submit(shares)
    try:
        pieces[0]()
        for share in shares:
            share.run()
    finally:
        for share in shares:
            share.give_up()
        _wait(shares)


def _wait(shares: Sequence[_Share]) -> None:
    # To the end, also on KeyboardInterrupt: the pieces write into the caller's arrays.
    try:
        for share in shares:
            share.ended.wait()
    except BaseException:
        _wait(shares)
        raise


def _submit(shares: Sequence[_Share]) -> None:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(
                max(1, _threads - 1),
                "dropcore",
                initializer=setattr,
                initargs=(_worker, "is_one", True),  # a pool that waits for itself never ends
            )
        with suppress(RuntimeError):  # no thread can be started, at exit for one
            for share in shares:
                _pool.submit(share.run)


def _shut_down() -> None:
    global _pool
    if _pool is not None:
        _pool.shutdown()
        _pool = None


def _before_fork() -> None:
    if not getattr(_worker, "is_one", False):
        _lock.acquire()
        _shut_down()


def _after_fork() -> None:
    if not getattr(_worker, "is_one", False):
        _lock.release()


def _after_fork_in_child() -> None:
    global _lock, _pool, _worker
    _lock, _pool, _worker = threading.Lock(), None, threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )
