"""The session, between a page and the training process, independently of the transport.

`Session.handle` takes a message with its buffers and checks the message. It answers messages that
need no computation itself, and passes all other messages to the training process. The session
stores the specification, so nothing is lost when the process ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from dropcore_lab import catalogue, link, messages, shapes
from dropcore_lab.cards import CARDS
from dropcore_lab.fields import Fault, Faults
from dropcore_lab.reading import read
from dropcore_lab.spec import Spec
from dropcore_lab.wire import Message

log = logging.getLogger("dropcore_lab")

Send = Callable[[Message, list[bytes]], None]


class Worker(Protocol):
    """The interface of a training process to a session; `process.Process` has it."""

    def send(self, message: Message) -> None:
        """Send a message to the process."""

    def stop(self) -> None:
        """End the process."""


Start = Callable[[Callable[[Message, list[bytes]], None], Callable[[int], None]], Worker]


class Session:
    """One person's Lab.

    Parameters
    ----------
    start : callable
        Starts a training process. Its arguments are the callbacks for messages and for the end.
    spec : Spec, optional
        The first specification; by default the first preset.
    """

    def __init__(self, start: Start, spec: Spec | None = None) -> None:
        self.spec = spec or catalogue.default()
        self._start = start
        self._send: Send | None = None
        self._greeted = False
        self._worker: Worker | None = None
        self._page = 0  # the number of the page; messages for an older page are not sent
        self._start_worker()

    # ----------------------------------------------------------- who is there

    def attach(self, send: Send) -> None:
        """Serve a page from now on; the previous page gets no more messages."""
        self._send, self._greeted = send, False

    def detach(self, send: Send) -> None:
        """Stop serving a page, if it is still the served page."""
        if self._send == send:
            self._send = None
            self._to_worker({"type": "detach"})

    def close(self) -> None:
        """End the training process."""
        self._send = None
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    # --------------------------------------------------------------- messages

    def handle(self, message: Any, buffers: Sequence[Any] = ()) -> None:
        """Handle a message of the served page."""
        re = message.get("id") if isinstance(message, dict) else None
        try:
            if buffers:
                raise Faults([Fault("/buffers", len(buffers), "absent: no message has any")])
            checked = messages.read(message)
        except Faults as found:
            self._refuse(re, found)
            return
        if checked["type"] != "hello" and not self._greeted:
            self._error(checked["id"], "order", "The first message must be hello.")
            return
        own = getattr(self, f"_on_{checked['type']}", None)
        if own is not None:
            own(checked)
        elif self._worker is None:
            self._say_dead(checked["id"])
        else:
            self._to_worker(checked)

    def _on_hello(self, message: Message) -> None:
        self._greeted = True
        self._answer(message, {"type": "ready", **catalogue.ready()})
        notice = None
        if message["text"] is not None:
            try:
                self.spec = link.read_text(message["text"])
            except Faults as found:
                notice = "The link is broken, so the page shows the previous network."
                errors = {"type": "spec_error", "errors": found.messages(), "notice": notice}
                self._answer(message, errors)
        self._say_spec(message, notice)
        if self._worker is None:
            self._say_dead(message["id"])
        self._attach_worker()

    def _on_spec(self, message: Message) -> None:
        try:
            given = message["text"] is not None
            self.spec = link.read_text(message["text"]) if given else read(message["spec"])
        except Faults as found:
            errors = {"type": "spec_error", "errors": found.messages(), "notice": None}
            self._answer(message, errors)
            return
        self._say_spec(message, None)
        if self._worker is None:
            self._say_dead(message["id"])
        self._to_worker({"type": "spec", "id": message["id"], "spec": self.spec.canonical()})

    def _on_card(self, message: Message) -> None:
        card = CARDS.get(message["card"])
        if card is None:
            known = "one of " + ", ".join(CARDS)
            self._refuse(message["id"], Faults([Fault("/card", message["card"], known)]))
        elif card.reason is not None:
            self._error(message["id"], "not_possible", f"This card cannot run: {card.reason}")
        elif self._worker is None:
            self._say_dead(message["id"])
        else:
            self._to_worker(message)

    def _on_restart(self, message: Message) -> None:
        if self._worker is not None:
            self._worker.stop()
        self._start_worker()
        self._say_spec(message, None)
        self._attach_worker()

    # ----------------------------------------------------------------- worker

    def _start_worker(self) -> None:
        self._worker = self._start(self._from_worker, self._worker_ended)

    def _to_worker(self, message: Message) -> None:
        if self._worker is not None:
            self._worker.send(message)

    def _attach_worker(self) -> None:
        """Tell the worker that a new page is served."""
        self._page += 1
        spec = self.spec.canonical()
        self._to_worker({"type": "attach", "page": self._page, "spec": spec})

    def _from_worker(self, message: Message, buffers: list[bytes]) -> None:
        page = message.pop("page")
        if self._send is not None and self._greeted and page == self._page:
            self._send(message, buffers)

    def _worker_ended(self, status: int) -> None:
        log.warning("the training process ended with status %d", status)
        self._worker = None
        self._say_dead(None)

    # ---------------------------------------------------------------- answers

    def _answer(self, message: Message, answer: Message) -> None:
        if self._send is not None:
            self._send({**answer, "re": message["id"]}, [])

    def _say_spec(self, message: Message, notice: str | None) -> None:
        answer = {
            "type": "spec_ok",
            "spec": self.spec.canonical(),
            "link": link.link_of(self.spec),
            "notice": notice,
            "analysis": shapes.analysis(self.spec),
        }
        self._answer(message, answer)

    def _say_dead(self, re: Any) -> None:
        text = "The training process ended. Restart it: the network and all settings are kept."
        self._error(re, "worker_died", text)

    def _refuse(self, re: Any, found: Faults) -> None:
        text = f"A message was refused: {found}"
        log.warning("%s", text[:300])
        self._error(re if isinstance(re, int | str) else None, "malformed", text, found.messages())

    def _error(self, re: Any, code: str, text: str, errors: list[Any] | None = None) -> None:
        message = {"type": "error", "code": code, "text": text, "errors": errors or []}
        self._answer({"id": re}, message)
