"""The Lab as a notebook widget: the same page and the same session, without a server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anywidget

from dropcore_lab import link, reading
from dropcore_lab.process import Process
from dropcore_lab.session import Session

STATIC = Path(__file__).parent / "static"


class Lab(anywidget.AnyWidget):
    """The Lab in a notebook.

    Parameters
    ----------
    specification : dict or str, optional
        A specification, as a dict, as JSON, or as a link. By default the first preset.

    Raises
    ------
    dropcore_lab.fields.Faults
        With all faults of the specification.

    Notes
    -----
    A notebook's event loop carries the messages; training runs in a process of its own, which
    ends with the widget: `close`.
    """

    _esm = STATIC / "lab.js"
    _css = STATIC / "lab.css"
    _session: Session | None = None  # ipywidgets also closes widgets whose __init__ failed

    def __init__(self, specification: dict[str, Any] | str | None = None, **kwargs: Any) -> None:
        begin = None
        if isinstance(specification, str):
            begin = link.read_text(specification)
        elif specification is not None:
            begin = reading.read(specification)
        super().__init__(**kwargs)
        loop = asyncio.get_event_loop()
        session = Session(
            lambda on_message, on_end: Process(on_message, on_end, loop.call_soon_threadsafe),
            begin,
        )
        session.attach(self._post)
        self.on_msg(lambda _, message, buffers: session.handle(message, buffers))
        self._session = session

    @property
    def spec(self) -> dict[str, Any]:
        """The present specification."""
        assert self._session is not None
        return self._session.spec.canonical()

    def close(self) -> None:
        """End the training process and the widget."""
        if self._session is not None:
            self._session.close()
        super().close()

    def _post(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        self.send(message, buffers)
