"""The training process: starts it, sends messages to it, and detects its end."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import IO, Any

from dropcore_lab import wire
from dropcore_lab.wire import Message

# Several threads would slow down products of small matrices, and change the rounding of large ones.
ONE_THREAD = dict.fromkeys(
    (
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "DROPCORE_NUM_THREADS",
    ),
    "1",
)
PATIENCE = 2.0  # seconds that the process has to end by itself

Call = Callable[[Callable[[], None]], Any]


class Process:
    """A training process.

    Parameters
    ----------
    on_message : callable
        Called with a message and its buffers.
    on_end : callable
        Called once with the exit status; not called after `stop`.
    call : callable
        Takes a function without arguments, and runs it in the thread of the callbacks, such as an
        event loop's ``call_soon_threadsafe``. It is called from another thread.
    """

    def __init__(
        self,
        on_message: Callable[[Message, list[bytes]], None],
        on_end: Callable[[int], None],
        call: Call,
    ) -> None:
        self._on_message, self._on_end, self._call = on_message, on_end, call
        self._stopped = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dropcore_lab.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD},
            start_new_session=True,  # Ctrl+C reaches only the server, which ends this process
        )
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._outgoing: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._reader = threading.Thread(
            target=self._listen, args=(self._process.stdout,), daemon=True
        )
        self._writer = threading.Thread(
            target=self._write, args=(self._process.stdin,), daemon=True
        )
        self._reader.start()
        self._writer.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, message: Message) -> None:
        """Send a message, unless the process has ended. Never waits for the process."""
        self._outgoing.put(message)

    def stop(self) -> None:
        """End the process at once, even if it is computing."""
        self._stopped = True
        self._process.kill()
        self._process.wait(PATIENCE)
        self._outgoing.put(None)
        self._reader.join(PATIENCE)
        self._writer.join(PATIENCE)

    def _write(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(
            OSError, ValueError
        ):  # the reading thread detects the end of the process
            while (message := self._outgoing.get()) is not None:
                wire.write(pipe, message)
        with contextlib.suppress(OSError):  # unwritten data of a process that has ended
            pipe.close()

    def _listen(self, pipe: IO[bytes]) -> None:
        while (read := wire.read(pipe)) is not None:
            self._later(partial(self._received, *read))
        status = self._process.wait()
        pipe.close()
        self._outgoing.put(None)
        self._later(partial(self._ended, status))

    def _later(self, function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            self._call(function)

    def _received(self, message: Message, buffers: list[bytes]) -> None:
        if not self._stopped:
            self._on_message(message, buffers)

    def _ended(self, status: int) -> None:
        if not self._stopped:
            self._stopped = True
            self._on_end(status)
