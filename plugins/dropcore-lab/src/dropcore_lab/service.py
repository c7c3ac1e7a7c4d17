"""Answers the messages that the worker gets, independently of pipes and the page.

`Service.handle` takes a message whose fields were checked. `Service.work` does a small part of the
pending work, and returns how long there is no work. All messages are sent by the function `send`.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from dropcore_lab import cards, export, guided, jobs, replay
from dropcore_lab.frames import Frames
from dropcore_lab.jobs import Job, NotPossible, Sent
from dropcore_lab.playback import Playback
from dropcore_lab.reading import read
from dropcore_lab.training import Training
from dropcore_lab.view import View
from dropcore_lab.wire import Message

FRAME_EVERY = 0.1  # seconds, while playing
PICTURE_EVERY = 0.25
FRAMES_REST = 2.0  # rest after a frame, in units of its time: frames take a third at most
SLICE = 0.02  # seconds of work between two looks for messages
IDLE = 3600.0

Send = Callable[[Message, list[bytes]], None]


@dataclass
class Running:
    """A job, and the name of the message that asked for it."""

    job: Job
    re: Any


class Service:
    """Answers messages about a specification, which can be replaced.

    Parameters
    ----------
    send : callable
        Takes a message and its buffers.
    clock : callable
        A monotonic clock, in seconds.
    """

    def __init__(self, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self.page = 0
        self.send: Send = lambda message, buffers: send({**message, "page": self.page}, buffers)
        self.clock = clock
        self.playback: Playback | None = None
        self.frames = Frames()
        self.view = View()
        self.running: Running | None = None
        self._changed = False  # whether anything changed since the last frame
        self._next_frame = self._next_picture = 0.0

    # --------------------------------------------------------------- messages

    def handle(self, message: Message) -> None:
        """Execute a message."""
        with self._reported(message.get("id")):
            getattr(self, f"_on_{message['type']}")(message)

    def work(self) -> float:
        """Work for a moment; return the seconds until there is work without a new message."""
        with self._reported(None if self.running is None else self.running.re):
            if self.running is not None:
                self._run_job(self.running)
            elif self.playback is not None and self.playback.playing:
                until = self.clock() + SLICE
                self._changed |= self.playback.work(until, self._wants_frame)
            self._send_frame()
        return self._idle_for()

    def _idle_for(self) -> float:
        if self.running is not None:
            return 0.0
        if self.playback is not None and self.playback.playing:
            return min(self.playback.wait(), IDLE)
        return IDLE

    @property
    def training(self) -> Training:
        """The current training."""
        assert self.playback is not None, "the first message has the specification"
        return self.playback.training

    def _on_spec(self, message: Message) -> None:
        self._cancel()
        self._take(message["spec"], message.get("id"))
        self._answer(message, jobs.advise(self.training))

    def _on_attach(self, message: Message) -> None:
        """A new page has connected, which has no data yet."""
        if self.playback is not None:
            self._cancel()
            self.playback.pause("user")
        self._take(message["spec"], None, quiet=True)
        self.page = message["page"]
        self.view = View()
        self.frames.attach()
        self._answer(message, jobs.described_data(self.training))
        self._answer(message, jobs.advise(self.training))

    def _on_detach(self, message: Message) -> None:
        """The page has disconnected."""
        self._cancel()
        if self.playback is not None:
            self.playback.pause("hidden")

    def _take(self, canonical: Any, re: Any, quiet: bool = False) -> None:
        spec = read(canonical)
        old = None if self.playback is None else self.training
        if self.playback is None:
            self.playback, restarted = Playback(spec, self.clock), True
        else:
            restarted = self.playback.change(spec)
        moved = None
        if restarted:
            self.frames.rewind(0)
            if old is not None:
                moved = replay.moved(old, self.training, self.view.run)
        self._show(picture=True)
        if quiet:
            return
        message = {"re": re, "restarted": restarted, "moved": moved}
        self._send(jobs.result("edit", message))
        if old is None or old.spec.data != spec.data:
            self._answer({"id": re}, jobs.described_data(self.training))

    def _on_run(self, message: Message) -> None:
        playback = self.playback
        assert playback is not None
        action = message["action"]
        if action == "play":
            playback.play(message["speed"])
            self._next_frame = 0.0
        elif action == "pause":
            playback.pause(message["reason"] or "user")
        elif action == "step":
            playback.step()
        elif action == "again":
            playback.repeat()
            self.frames.rewind(self.training.shown.points)
        else:
            playback.reset()
            self.frames.rewind(0)
        self._show(picture=True)

    def _on_inspect(self, message: Message) -> None:
        named: Message = {name: message[name] for name in ("run", "row", "mode") if name in message}
        if "focus" in message:
            focus = message["focus"] or {"layer": None, "unit": None}
            named |= {"layer": focus["layer"], "unit": focus["unit"]}
        self.view = replace(self.view, **named)
        self._show(picture=False)

    def _on_ack(self, message: Message) -> None:
        self.frames.acknowledge(message["frame"])

    def _on_advise(self, message: Message) -> None:
        self._answer(message, jobs.advise(self.training))

    def _on_masks(self, message: Message) -> None:
        run = self._run_of(message)
        self._answer(message, replay.of_step(self.training, run, message["step"]))

    def _on_replay(self, message: Message) -> None:
        p, shape = message["p"], message["shape"]
        run = self.view.within(self.training).run
        self._answer(message, replay.again(self.training, run, message["text"], p, shape))

    def _on_export(self, message: Message) -> None:
        run = None if message["run"] is None else self._run_of(message)
        text = export.script(self.training.spec, run)
        self._answer(message, jobs.result("export", {"run": run, "name": "lab.py", "text": text}))

    # -------------------------------------------------------------------- jobs

    def _on_mc(self, message: Message) -> None:
        run = self._run_of(message)
        self._begin(message, jobs.monte_carlo(self.training, run, message["samples"]))

    def _on_subnetworks(self, message: Message) -> None:
        run = self._run_of(message)
        self._begin(message, jobs.every_subnetwork(self.training, run, message["row"]))

    def _on_card(self, message: Message) -> None:
        card = cards.CARDS[message["card"]]
        self._begin(message, guided.start(card, message["guess"], message["seeds"] or card.seeds))

    def _on_cancel(self, message: Message) -> None:
        self._cancel()

    def _run_of(self, message: Message) -> int:
        run: int = message["run"]
        if run >= len(self.training.networks):
            raise NotPossible(f"There are {len(self.training.networks)} runs, counted from 0.")
        return run

    def _begin(self, message: Message, job: Job) -> None:
        if self.running is not None:
            self._error(message.get("id"), "busy", "Another computation is running.")
            return
        assert self.playback is not None
        self.running = Running(job, message.get("id"))
        self._show(picture=False)

    def _run_job(self, running: Running) -> None:
        until = self.clock() + SLICE
        try:
            while self.clock() < until:
                progress = next(running.job)
                if progress is not None:
                    self._answer({"id": running.re}, progress)
        except StopIteration as end:
            self._end_job()
            self._answer({"id": running.re}, end.value)
        except BaseException:
            self._end_job()
            raise

    def _cancel(self) -> None:
        if self.running is not None:
            self._error(self.running.re, "cancelled", "The computation was cancelled.")
            self._end_job()

    def _end_job(self) -> None:
        self.running = None
        assert self.playback is not None
        self.playback.reset_time()
        self._show(picture=False)

    # ------------------------------------------------------------------ sending

    def _wants_frame(self) -> bool:
        return self.frames.acknowledged and self.clock() >= self._next_frame

    def _show(self, *, picture: bool) -> None:
        """Record a change, so that a frame will be sent."""
        self._changed = True
        if picture:
            self._next_picture = 0.0

    def _send_frame(self) -> None:
        playback = self.playback
        if playback is None or not self._changed or not self.frames.acknowledged:
            return
        computing, now = self.running is not None, self.clock()
        moving = playback.playing and not computing
        if moving and playback.training.shown.step != playback.training.step - 1:
            return  # the next step is shown, and then sent
        picture = now >= self._next_picture or not moving
        self._changed = False
        state = playback.state(computing=computing)
        self._send(
            self.frames.make(
                playback.training,
                self.view,
                state,
                rate=playback.rate(),
                picture=picture,
                again=playback.again,
            )
        )
        done = self.clock()
        rest = FRAMES_REST * (done - now)  # frames of large networks take long
        self._next_frame = max(now + FRAME_EVERY, done + rest)
        if picture:
            self._next_picture = max(now + PICTURE_EVERY, done + rest)

    def _answer(self, message: Message, sent: Sent) -> None:
        answer, buffers = sent
        self.send({**answer, "re": message.get("id")}, buffers)

    def _send(self, sent: Sent) -> None:
        self.send(*sent)

    def _error(self, re: Any, code: str, text: str) -> None:
        self.send({"type": "error", "re": re, "code": code, "text": text, "errors": []}, [])

    def _reported(self, re: Any) -> _Reported:
        return _Reported(self, re)


class _Reported:
    """Within the block, exceptions become errors for the page; the worker does not end."""

    def __init__(self, service: Service, re: Any) -> None:
        self.service, self.re = service, re

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> bool:
        if isinstance(error, NotPossible):
            self.service._error(self.re, "not_possible", str(error))
            return True
        if isinstance(error, Exception):
            traceback.print_exception(error)
            if self.service.playback is not None:
                self.service.playback.playing = False
            text = f"A fault of the Lab: {type(error).__name__}: {error}"
            self.service._error(self.re, "failed", text)
            return True
        return False
