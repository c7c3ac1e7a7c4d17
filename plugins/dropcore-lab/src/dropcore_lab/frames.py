"""Frames: the data from which the page draws the present state of the training."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

import dropcore
from dropcore.autograd import Conv2d, Linear, Sequential
from dropcore_lab import focus, limits, measure, passes
from dropcore_lab.data import Array
from dropcore_lab.measure import finite
from dropcore_lab.passes import Pass, decides
from dropcore_lab.shapes import Column, columns
from dropcore_lab.training import Measured, Training
from dropcore_lab.view import View
from dropcore_lab.wire import Arrays, Message, finished

CURVES = ("training_on", "training_off", "validation_off")


@dataclass
class Frames:
    """Makes frames, and records which data the page already has.

    Attributes
    ----------
    number : int
        The number of the last frame.
    acknowledged : bool
        Whether the page has confirmed this frame.
    points : int
        The number of points of the curves that the page has.
    """

    number: int = 0
    acknowledged: bool = True
    points: int = 0
    _left_on: int = field(default=0, repr=False)

    def attach(self) -> None:
        """Start for a new page, which has no data yet."""
        self.acknowledged, self.points = True, 0

    def rewind(self, points: int) -> None:
        """Send the curves again from this point on."""
        self.points = min(self.points, points)

    def acknowledge(self, number: int) -> None:
        """Handle the page's confirmation of a frame; confirmations of older frames are ignored."""
        self.acknowledged = self.acknowledged or number == self.number

    def make(
        self,
        training: Training,
        view: View,
        state: Message,
        *,
        rate: float | None,
        picture: bool,
        again: dict[str, bool] | None = None,
    ) -> tuple[Message, list[bytes]]:
        """Make the next frame."""
        self.number += 1
        self.acknowledged = False
        view = view.within(training)
        arrays = Arrays()
        seen, weights = self._seen(training, view)
        spec, step = training.spec, training.step
        message = {
            "type": "frame",
            "frame": self.number,
            "state": state,
            "step": step,
            "shown": training.shown.step,
            "steps": spec.training.steps,
            "percent": round(100 * step / spec.training.steps, 1),
            "epoch": round(step / len(training.batches), 2),
            "rate": None if rate is None else round(rate, 1),
            "view": view.message(),
            "numbers": [
                {"run": run, **_numbers(training.measure(network))}
                for run, network in enumerate(training.networks)
            ],
            "curves": self._curves(training, arrays),
            "rows": arrays.add(training.shown.rows, "i4"),
            "columns": [
                _column(training, view, column, seen, weights, arrays) for column in columns(spec)
            ],
            "prediction": _prediction(training, view, seen, arrays),
            "picture": _picture(training, arrays) if picture else None,
            "focus": focus.message(training, view, seen, weights, arrays),
            "again": again,
        }
        return finished(message, arrays)

    def _seen(self, training: Training, view: View) -> tuple[Pass, dict[str, Array]]:
        """The pass that the page shows, and the weights that were used in it."""
        network, shown = training.networks[view.run], training.shown
        now = _weights(network.model)
        if view.mode == "training":
            before = shown.before[view.run]["model"] if shown.before else {}
            met = {name: before.get(f"{name}.weight", weight) for name, weight in now.items()}
            return shown.passes[view.run], met
        x = training.rows.train.x[shown.rows]
        if view.mode == "inference":
            return passes.inference(network.model, x), now
        self._left_on += 1
        seed = training.spec.training.seed
        return passes.left_on(network.model, x, seed, self._left_on), now

    def _curves(self, training: Training, arrays: Arrays) -> Message | None:
        """The points that the page does not have."""
        first, self.points = self.points, len(training.steps)
        if first == self.points:
            return None
        return {
            "from": first,
            "steps": arrays.add(np.array(training.steps[first:]), "i4"),
            "runs": [
                {name: arrays.add(training.curve(run, name)[first:], "f4") for name in CURVES}
                for run in range(len(training.networks))
            ],
        }


def _weights(model: Sequential) -> dict[str, Array]:
    return {
        name: module.weight.data
        for name, module in model.named_children()
        if isinstance(module, Linear | Conv2d)
    }


def _numbers(measured: Measured) -> dict[str, float | None]:
    numbers = {name: finite(value) for name, value in vars(measured).items()}
    gap = measured.validation_off - measured.training_off
    return numbers | {"gap": finite(gap)}


# ---------------------------------------------------------------------- columns


def _column(
    training: Training,
    view: View,
    column: Column,
    seen: Pass,
    weights: dict[str, Array],
    arrays: Arrays,
) -> Message:
    network = training.networks[view.run]
    kept = network.counted(column.name)
    passed = network.decided.get(column.name, 0)
    mask = seen.masks.get(column.name)
    drawn = 0 < column.edges <= limits.DRAWN_EDGES
    activation = seen.activations[column.name][view.row].reshape(column.shape)
    return {
        "name": column.name,
        "activation": arrays.add(activation, "f4"),
        "weights": arrays.add(weights[column.name], "f4") if drawn else None,
        "kept": None if kept is None else arrays.add(kept, "i4"),
        "passes": passed,
        "mask": None if mask is None else mask_message(mask, column.module, arrays),
    }


def mask_message(mask: dropcore.Mask, module: str | None, arrays: Arrays) -> Message:
    """Return a mask in the form for the page."""
    shape, packed = mask.shape, None
    if decides(mask.variant):
        shape, packed = mask.keep.shape, arrays.add(mask.packed, "u1")
    return {
        "module": module,
        "address": str(mask.draw),
        "p": mask.p,
        "shape": list(shape),
        "packed": packed,
        "record": mask.record(),
    }


def _prediction(training: Training, view: View, seen: Pass, arrays: Arrays) -> Message:
    row = int(training.shown.rows[view.row])
    outputs = seen.outputs[view.row : view.row + 1]
    facts, samples = measure.prediction(training, training.networks[view.run], row, outputs)
    left_on = None if samples is None else arrays.add(samples, "f4")
    return {"row": view.row, "left_on": left_on, **facts}


def _picture(training: Training, arrays: Arrays) -> Message:
    kind, drawn = measure.picture(training)
    return {"kind": kind, "runs": [arrays.add(each, measure.dtype_of(kind)) for each in drawn]}
