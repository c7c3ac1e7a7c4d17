"""The HTTP server of the page: a few files, and a WebSocket that carries the session's messages."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import tornado.httpserver
import tornado.web
import tornado.websocket

from dropcore_lab import limits, security, wire
from dropcore_lab.process import Process
from dropcore_lab.session import Session
from dropcore_lab.spec import Spec
from dropcore_lab.wire import Message

log = logging.getLogger("dropcore_lab")

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/lab.js": ("lab.js", "text/javascript; charset=utf-8"),
    "/lab.css": ("lab.css", "text/css; charset=utf-8"),
}
TAKEN = 4001
NOT_ALLOWED = 4003
TOO_LARGE = 1009
ENDED = 1001


class Server:
    """The Lab's server, which only this machine can reach.

    Parameters
    ----------
    port : int
        0: any free port.
    spec : Spec, optional
        The first specification.

    Attributes
    ----------
    port : int
    token : str
    session : Session
    """

    def __init__(self, port: int = 0, spec: Spec | None = None) -> None:
        self.token = security.new_token()
        self.page: Page | None = None
        listening = socket.create_server((security.ADDRESS, port))
        listening.setblocking(False)
        self.port: int = listening.getsockname()[1]
        loop = asyncio.get_running_loop()
        self.session = Session(
            lambda on_message, on_end: Process(on_message, on_end, loop.call_soon_threadsafe), spec
        )
        contents = _contents()
        handlers: list[Any] = [
            (path, File, {"server": self, "content": contents[path], "kind": kind})
            for path, (_, kind) in FILES.items()
        ]
        handlers.append(("/ws", Page, {"server": self}))
        application = tornado.web.Application(
            handlers,
            default_handler_class=NotFound,
            default_handler_args={"server": self},
            log_function=lambda handler: None,
            websocket_max_message_size=limits.MESSAGE,
            websocket_ping_interval=30,
        )
        self._http = tornado.httpserver.HTTPServer(application, max_body_size=limits.MESSAGE)
        self._http.add_socket(listening)

    @property
    def address(self) -> str:
        """The address of the page, with the token."""
        return f"http://{security.ADDRESS}:{self.port}/#token={self.token}"

    async def close(self) -> None:
        """Close all connections, and end the training process."""
        self._http.stop()
        if self.page is not None:
            self.page.close(ENDED, "The server ended.")
        self.session.close()
        await self._http.close_all_connections()


def _contents() -> Mapping[str, bytes]:
    static = files("dropcore_lab") / "static"
    return {path: (static / name).read_bytes() for path, (name, _) in FILES.items()}


class Guarded(tornado.web.RequestHandler):
    """Refuses requests that do not come from this server's page, and sets the headers."""

    def initialize(self, server: Server) -> None:
        """Take the arguments that the application gives to every handler."""
        self.server = server

    def set_default_headers(self) -> None:
        """Set the headers of every response, also of errors."""
        self.clear_header("Server")
        for name, value in security.HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Check the request before anything is sent."""
        host = self.request.headers.get("Host")
        origin = self.request.headers.get("Origin")
        if not security.is_own_host(host, self.server.port):
            self.refuse(f"Host {host!r}")
        elif not security.is_own_origin(origin, self.server.port):
            self.refuse(f"Origin {origin!r}")

    def refuse(self, what: str) -> None:
        """Answer 403, and write the reason to the log."""
        log.warning("refused: %s", what[:200])
        self.set_status(403)
        self.finish("Refused: this server serves only its own page.\n")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with the status only."""
        self.finish(f"{status_code}\n")


class File(Guarded):
    """One of the page's files, which was read when the server started."""

    def initialize(self, server: Server, content: bytes = b"", kind: str = "") -> None:
        """Take the content and its type."""
        super().initialize(server)
        self.content, self.kind = content, kind

    def get(self) -> None:
        """Send the file."""
        self.set_header("Content-Type", self.kind)
        self.finish(self.content)


class NotFound(Guarded):
    """All other paths."""

    def prepare(self) -> None:
        """Refuse, or answer 404."""
        super().prepare()
        if not self._finished:
            self.set_status(404)
            self.finish("404\n")


class Page(Guarded, tornado.websocket.WebSocketHandler):
    """A page's WebSocket. Only the newest page is served."""

    def check_origin(self, origin: str) -> bool:
        """Whether a page of that origin may connect."""
        return security.is_own_origin(origin, self.server.port)

    def get_websocket_protocol(self) -> tornado.websocket.WebSocketProtocol | None:
        """Tornado's protocol, which also logs messages that it refuses for their size."""
        protocol = super().get_websocket_protocol()
        if protocol is not None:
            close = protocol.close

            def noted(code: int | None = None, reason: str | None = None) -> None:
                if code == TOO_LARGE:
                    log.warning("refused: a message of more than %d bytes", limits.MESSAGE)
                close(code, reason)

            protocol.close = noted  # type: ignore[method-assign]
        return protocol

    def open(self, *args: str, **kwargs: str) -> None:
        """Wait for the greeting, for a limited time."""
        self.set_nodelay(True)
        self.greeted = False
        self.waiting = asyncio.get_running_loop().call_later(
            security.GREETING_WITHIN, self._turn_away, "no greeting came in time"
        )

    def on_message(self, data: str | bytes) -> None:
        """Pass a message to the session."""
        message = _parsed(data)
        if not self.greeted:
            self._greet(message)
        if self.greeted and self.server.page is self:
            self.server.session.handle(message)

    def on_close(self) -> None:
        """Tell the session that the page has gone."""
        self.waiting.cancel()
        if self.server.page is self:
            self.server.page = None
            self.server.session.detach(self._send)

    def _greet(self, message: Any) -> None:
        given = message.get("token") if isinstance(message, dict) else None
        hello = isinstance(message, dict) and message.get("type") == "hello"
        if not hello or not security.is_token(given, self.server.token):
            self._turn_away("the first message did not have the token")
            return
        self.waiting.cancel()
        self.greeted = True
        if self.server.page is not None:
            log.warning("another tab took over")
            self.server.page.close(TAKEN, "The Lab was opened in another tab.")
        self.server.page = self
        self.server.session.attach(self._send)

    def _turn_away(self, why: str) -> None:
        log.warning("refused: a WebSocket: %s", why)
        self.close(NOT_ALLOWED, "Open the address that `dropcore lab` printed.")

    def _send(self, message: Message, buffers: list[bytes]) -> None:
        if self.ws_connection is None or self.ws_connection.is_closing():
            return
        data: str | bytes = wire.encode(message, buffers) if buffers else wire.to_json(message)
        task = self.write_message(data, binary=bool(buffers))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


def _parsed(data: str | bytes) -> Any:
    """The message in a frame; its text, which the session refuses, if it is not JSON."""
    if isinstance(data, bytes):
        return "bytes"
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data[:100]
