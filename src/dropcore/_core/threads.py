"""How many threads the kernels use, and the pool that runs them.

Serial by default, as NumPy is. The pool is made when it is first needed and shut down
before a fork: a child would inherit its locks but not its threads, and hang.
"""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
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


def run(pieces: Sequence[Callable[[], None]]) -> None:
    """Run all pieces, the first of them here, and return when the last has ended."""
    futures = [] if getattr(_worker, "is_one", False) else _submit(pieces[1:])
    try:
        for piece in (pieces[0], *pieces[1 + len(futures) :]):
            piece()
    finally:
        wait(futures)  # also on KeyboardInterrupt: they write into the caller's arrays


def _submit(pieces: Sequence[Callable[[], None]]) -> list[Future[None]]:
    # As many as the pool takes: none at the interpreter's exit.
    global _pool
    futures: list[Future[None]] = []
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(
                max(1, _threads - 1),
                "dropcore",
                initializer=setattr,
                initargs=(_worker, "is_one", True),  # a pool that waits for itself never ends
            )
        with suppress(RuntimeError):
            for piece in pieces:
                futures.append(_pool.submit(piece))
    return futures


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
