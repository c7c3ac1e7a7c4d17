"""How many threads the kernels use, and the workers that run them.

The default is one thread, as in NumPy. Workers are started when they are first needed, and shut
down before a fork: otherwise, if a signal handler forked during a call, the child would wait for
ever for pieces whose workers exist only in the parent. If a worker itself forks, the workers are
not shut down, because a worker cannot wait for its own end. After each fork, the child begins with
new locks, a new queue and no workers.

Workers take pieces of work from a `SimpleQueue`, which a signal handler cannot leave in an
inconsistent state. Compiled code (work.pyx) claims, runs and ends a piece; no signal handler runs
in between. A handler can interrupt the wait for the pieces: its exception is raised after all
pieces have ended.

Workers are started by `_thread`, not by `threading.Thread`: `Thread.start` waits until the new
thread runs. If a signal handler forked during that wait, the child would wait for ever for a thread
that exists only in the parent.
"""

from __future__ import annotations

import _thread
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Protocol

from dropcore._core.arguments import integer_of

MAX_THREADS = 1024
# Elements: each thread gets at least this many on average, because waking a thread takes tens of
# microseconds.
PIECE = 1 << 20

_lock = threading.RLock()
_workers: list[_thread.LockType] = []  # for each worker, a lock that it holds while it runs
_queue: SimpleQueue[Piece | None] = SimpleQueue()
_here = threading.local()


def _count(name: str, value: object) -> int:
    what = f"an integer in [1, {MAX_THREADS}]"
    count = integer_of(name, value, what)
    if not 1 <= count <= MAX_THREADS:
        raise ValueError(f"{name} must be {what}, not {count}")
    return count


def _from_environment() -> int:
    text = os.environ.get("DROPCORE_NUM_THREADS", "").strip()
    if not text:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(
            f"DROPCORE_NUM_THREADS must be an integer in [1, {MAX_THREADS}], not {text!r}"
        )
    return _count("DROPCORE_NUM_THREADS", int(text))


_threads = _from_environment()


def get_num_threads() -> int:
    """The largest number of threads that a call uses.

    Examples
    --------
    >>> import dropcore
    >>> dropcore.get_num_threads() >= 1
    True
    """
    return _threads


def set_num_threads(n: int) -> None:
    """Split large arrays over `n` threads; the masks are the same for any `n`.

    The default is 1, or the value of the environment variable ``DROPCORE_NUM_THREADS`` when
    dropcore is imported. Each thread gets at least 2**20 elements on average, so smaller
    arrays use fewer threads. The calling thread is one of the `n`.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer in [1, 1024].

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
    """Call `set_num_threads` for the length of a ``with`` block.

    The number holds for the whole process, not only for the calling thread.

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


class Piece(Protocol):
    """A share of the work. The first call runs it; later calls do nothing."""

    def __call__(self) -> None: ...


def run_pieces(pieces: Sequence[Piece]) -> None:
    """Run all pieces, on this thread and on the workers.

    When this function returns, workers may still run pieces. A signal handler may raise at any
    point of this function.
    """
    if not getattr(_here, "is_worker", False):
        _offer(pieces[1:])
    for piece in pieces:
        piece()


def _offer(pieces: Sequence[Piece]) -> None:
    with suppress(RuntimeError):  # no thread can be started, for example at exit
        _start_workers()
    for piece in pieces:
        _queue.put(piece)


def _start_workers() -> None:
    with _lock:
        workers = _workers
        # If a signal handler forks here, `_workers` is a new list in the child, and `workers` is
        # the parent's list. The first condition ends the loop in the child.
        while workers is _workers and len(workers) < _threads - 1:
            # The worker is listed before it starts. If a signal handler raises in between, the list
            # has an entry without a worker, but never misses a worker.
            working = _thread.allocate_lock()
            workers.append(working)
            try:
                _thread.start_new_thread(_work, (_queue, working))
            except RuntimeError:
                workers.remove(working)
                raise


def _work(queue: SimpleQueue[Piece | None], working: _thread.LockType) -> None:
    _here.is_worker = True  # a call within a piece uses only this thread
    if working.acquire(False):  # False if `_shut_down` ran before this thread began
        try:
            while (piece := queue.get()) is not None:
                piece()
        finally:
            working.release()


def _shut_down() -> None:
    global _queue
    with _lock:
        for _ in _workers:
            _queue.put(None)
        while _workers:
            _workers.pop().acquire()
        _queue = SimpleQueue()  # the old queue may still hold pieces that no worker took


def _before_fork() -> None:
    if not getattr(_here, "is_worker", False):
        _lock.acquire()
        _shut_down()


def _after_fork() -> None:
    if not getattr(_here, "is_worker", False):
        _lock.release()


def _after_fork_in_child() -> None:
    global _lock, _workers, _queue, _here
    _lock, _workers, _queue, _here = threading.RLock(), [], SimpleQueue(), threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )
