"""Predictions to draw: pictures, and the predictions for one row with dropout left on."""

from __future__ import annotations

from typing import Any

import numpy as np

from dropcore.ensemble import mc_predict
from dropcore_lab import build, data, passes
from dropcore_lab.data import Array
from dropcore_lab.training import Network, Training

LEFT_ON_SAMPLES = 32


def picture(training: Training) -> tuple[str, list[Array]]:
    """Return the kind of picture, and an array for each run."""
    facts = training.rows.facts
    draw = {"boundary": _over_grid, "fit": _over_grid, "confusion": _confusion, "scatter": _scatter}
    return facts.picture, [draw[facts.picture](training, each) for each in training.networks]


def dtype_of(kind: str) -> str:
    """The dtype of a picture."""
    return "i4" if kind == "confusion" else "f4"


def _over_grid(training: Training, network: Network) -> Array:
    ready = data.grid(training.rows)
    assert ready is not None, "the picture is over a grid"
    outputs = passes.outputs_of(network.model, ready[1], training.at_once)
    values = build.predicted(network.task, outputs)
    return values.reshape(data.GRID, data.GRID) if len(ready[0]) == 2 else values


def _confusion(training: Training, network: Network) -> Array:
    classes = len(training.rows.facts.classes)
    counts = np.zeros((classes, classes), np.int64)
    part = training.rows.validation
    if len(part):
        outputs = passes.outputs_of(network.model, part.x, training.at_once)
        binary = network.task == "binary"
        said = (outputs[:, 0] > 0).astype(int) if binary else outputs.argmax(axis=1)
        np.add.at(counts, (part.y, said), 1)
    return counts


def _scatter(training: Training, network: Network) -> Array:
    part = training.rows.validation
    if len(part) == 0:
        return np.zeros((0, 2), np.float32)
    outputs = passes.outputs_of(network.model, part.x, training.at_once)
    return np.stack([part.y, outputs[:, 0]], axis=1)


def what_is_said(task: str) -> str:
    """Describe the number that is shown for each row."""
    return {
        "binary": "probability of class 1",
        "classes": "probability of the true class",
        "number": "predicted number",
    }[task]


def prediction(
    training: Training, network: Network, row: int, shown: Array
) -> tuple[dict[str, Any], Array | None]:
    """Return the prediction for a training row, and predictions with dropout left on.

    Parameters
    ----------
    training : Training
    network : Network
    row : int
        A training row.
    shown : array, shape (1, units)
        The outputs of the shown pass.
    """
    task, part = network.task, training.rows.train
    x, y = part.x[row : row + 1], part.y[row : row + 1]
    outputs = passes.outputs_of(network.model, x, 1)
    facts: dict[str, Any] = {
        "what": what_is_said(task),
        "target": float(y[0]) if task == "number" else int(y[0]),
        "shown": finite(build.said(task, shown, y)[0]),
        "inference": finite(build.said(task, outputs, y)[0]),
        "low": None,
        "high": None,
    }
    samples = samples_left_on(training, network, x, y)
    if samples is not None:
        facts |= {"low": finite(samples.min()), "high": finite(samples.max())}
    return facts, samples


def samples_left_on(training: Training, network: Network, x: Array, y: Array) -> Array | None:
    """Return predictions for one row with dropout left on; None if nothing drops."""
    if not network.drops_anything:
        return None
    stream = passes.stream_left_on(training.spec.training.seed, "prediction")
    task = network.task
    try:
        found = mc_predict(network.model, x, LEFT_ON_SAMPLES, rng=stream.at(training.step))
    except TypeError:  # a variant that does not decide row by row
        return None
    return np.array([build.said(task, outputs, y)[0] for outputs in found.samples])


def finite(value: Any) -> float | None:
    """Return a number for JSON: None if it is not finite."""
    number = float(value)
    return number if np.isfinite(number) else None
