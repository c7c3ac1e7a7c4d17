"""The training process: ``python -m dropcore_lab.worker``.

It reads messages from its standard input and writes messages to its standard output, in the format
of `wire`. A separate thread reads, so the writer never waits for a computation. The process ends at
the end of its input.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import IO

import numpy as np

from dropcore_lab import wire
from dropcore_lab.service import Service
from dropcore_lab.wire import Message


def main() -> None:
    """Serve until the input ends."""
    outgoing = _only_for_messages()
    incoming: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, incoming), daemon=True).start()
    service = Service(lambda message, buffers: wire.write(outgoing, message, buffers))
    wait = 3600.0
    with np.errstate(all="ignore"):  # a training that diverges is reported in words
        while True:
            _answer(service, incoming, wait)
            wait = service.work()


def _answer(service: Service, incoming: queue.SimpleQueue[Message], wait: float) -> None:
    """Handle all waiting messages; if there are none, wait at most `wait` seconds."""
    while True:
        try:
            message = incoming.get(timeout=wait) if wait else incoming.get_nowait()
        except queue.Empty:
            return
        service.handle(message)
        wait = 0.0


def _listen(pipe: IO[bytes], incoming: queue.SimpleQueue[Message]) -> None:
    while (read := wire.read(pipe)) is not None:
        incoming.put(read[0])
    os._exit(0)  # the process that started this one has ended: end at once


def _only_for_messages() -> IO[bytes]:
    """Reserve standard output for messages; prints of plugins go to standard error."""
    outgoing = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return outgoing


if __name__ == "__main__":
    main()
