"""Controls the training: play, pause, one step, the same step again. Records why it stopped."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from dropcore_lab.jobs import NotPossible
from dropcore_lab.spec import Spec
from dropcore_lab.training import PLATEAU_POINTS, Training
from dropcore_lab.wire import Message

RATE_OVER = 1.0  # seconds
LEAST_RATED = 0.2

TEXTS = {
    "start": "Press Play.",
    "user": "Paused.",
    "hidden": "Paused while the page was hidden.",
    "step": "One step was done.",
    "again": "The same step again.",
    "finished": "All {steps:,} steps are done. Reset, or set more steps.",
    "plateau": "Paused: no loss changed over the last {points} points. Press Play to continue.",
    "job": "Training waits for another computation.",
    "edit": "The network was changed: back at step 0.",
}


class Playback:
    """Plays the training of a specification.

    Parameters
    ----------
    spec : Spec
    clock : callable
        A monotonic clock, in seconds.

    Attributes
    ----------
    training : Training
    playing : bool
    reason : str
        The reason why it does not play.
    again : dict or None
        Whether a repeated step gave the same result.
    """

    def __init__(self, spec: Spec, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.training = Training(spec)
        self.playing = False
        self.reason = "start"
        self.again: dict[str, bool] | None = None
        self._pace = 0.0  # seconds for each step
        self._next_step = 0.0
        self._flat_from = 0  # the first point of the test for a plateau
        self._timed: deque[tuple[float, int]] = deque()

    # --------------------------------------------------------------- controls

    def play(self, speed: float | None = None) -> None:
        """Start training, at a number of steps per second or as fast as possible."""
        self._pace = 0.0 if speed is None else 1 / speed
        self._next_step = self.clock()
        self._timed.clear()
        self._flat_from = len(self.training.points)
        self.again = None
        self._stop_where_it_ends()
        self.playing = not self._ended()

    def pause(self, reason: str) -> None:
        """Stop, and show the last step."""
        if self.playing:
            self.playing, self.reason = False, reason
            self._settle()

    def step(self) -> None:
        """Take one step, and stop."""
        self.playing, self.again = False, None
        if not self._ended():
            self.training.advance(show=True)
            self.reason = "step"
        self._stop_where_it_ends()

    def repeat(self) -> None:
        """Take the shown step again, and stop."""
        self.pause("again")
        self.again = self.training.again()
        if self.again is None:
            raise NotPossible("No step was done yet: take one first.")
        self.reason = "again"

    def reset(self, reason: str = "start") -> None:
        """Go back to step 0, and stop."""
        self.training = Training(self.training.spec)
        self.playing, self.reason, self.again = False, reason, None
        self._timed.clear()

    # ------------------------------------------------------------------- time

    def work(self, until: float, wants_frame: Callable[[], bool]) -> bool:
        """Play for a while.

        Returns
        -------
        bool
            Whether a step was shown. If so, there may be time left.
        """
        while self.playing:
            now = self.clock()
            if now >= until or now < self._next_step:
                return False
            self._next_step = max(self._next_step + self._pace, now - 10 * self._pace)
            last = self.training.step + 1 >= self.training.spec.training.steps
            show = last or wants_frame()
            self.training.advance(show=show)
            self._stop_where_it_ends()
            if show or not self.playing:
                return True
        return False

    def wait(self) -> float:
        """Return how many seconds there are until the next step."""
        return max(0.0, self._next_step - self.clock())

    def rate(self) -> float | None:
        """Return the recent steps per second; None if it does not play, or only just began."""
        if not self.playing:
            return None
        now = self.clock()
        self._timed.append((now, self.training.step))
        while now - self._timed[0][0] > RATE_OVER and len(self._timed) > 2:
            self._timed.popleft()
        then, step = self._timed[0]
        return (self.training.step - step) / (now - then) if now - then > LEAST_RATED else None

    def _ended(self) -> bool:
        return self.training.finished or self.training.not_finite is not None

    def _stop_where_it_ends(self) -> None:
        if self.training.not_finite is not None:
            self.playing, self.reason = False, "not_finite"
        elif self.training.finished:
            self.playing, self.reason = False, "finished"
        elif self.playing and self.training.on_plateau(self._flat_from):
            self.playing, self.reason = False, "plateau"
            self._settle()

    def _settle(self) -> None:
        """Show the last step; if it was not recorded, take one more step."""
        training = self.training
        if training.shown.step != training.step - 1 and training.step and not self._ended():
            training.advance(show=True)
            if self._ended():
                self._stop_where_it_ends()

    # ------------------------------------------------------------------ state

    def change(self, spec: Spec) -> bool:
        """Take another specification.

        Returns
        -------
        bool
            Whether training starts again. After a change of names or of the number of steps, it
            continues.
        """
        if self._goes_on(spec):
            self.training.spec = spec
            if self.reason == "finished" and not self.training.finished:
                self.reason = "user"
            return False
        playing = self.playing
        self.training = Training(spec)
        self.reset_time()
        self.reason, self.again = "edit", None
        self.playing = playing
        return True

    def reset_time(self) -> None:
        """Delete measured times and earlier losses."""
        self._timed.clear()
        self._flat_from = 0
        self._next_step = self.clock()

    def _goes_on(self, spec: Spec) -> bool:
        old = self.training.spec
        if spec.training.steps < max(1, self.training.step) or len(old.runs) != len(spec.runs):
            return False
        named = zip(spec.runs, old.runs, strict=True)
        same = replace(
            spec,
            training=replace(spec.training, steps=old.training.steps),
            runs=tuple(replace(new, name=run.name) for new, run in named),
        )
        return same.text == old.text

    def state(self, *, computing: bool) -> Message:
        """Return the state in the form for the page."""
        failed = self.training.not_finite
        if self.playing and not computing:
            return {"playing": True, "reason": None, "text": "", "run": None, "layer": None}
        reason = "job" if computing else self.reason
        if reason != "not_finite" or failed is None:
            steps = self.training.spec.training.steps
            text = TEXTS[reason].format(steps=steps, points=PLATEAU_POINTS)
            return {"playing": False, "reason": reason, "text": text, "run": None, "layer": None}
        what = "weights" if failed.weights else "values"
        text = (
            f"Paused: in run {self.training.spec.runs[failed.run].name} the {what} of "
            f"{failed.column} are not finite. Reset with a smaller learning "
            "rate."
        )
        return {
            "playing": False,
            "reason": reason,
            "text": text,
            "run": failed.run,
            "layer": failed.column,
        }
