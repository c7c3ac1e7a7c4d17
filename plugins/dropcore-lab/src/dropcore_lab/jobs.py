"""Computations on request. They run in pieces, so they can be stopped. Training waits for them.

A job is a generator: it yields None or a message after each piece, and returns its result.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

import dropcore
from dropcore.ensemble import mc_predict, subnetworks
from dropcore_lab import build, data, limits, measure, passes
from dropcore_lab.data import Array
from dropcore_lab.measure import finite
from dropcore_lab.shapes import columns, decisions
from dropcore_lab.training import Training
from dropcore_lab.wire import Arrays, Message, finished

Sent = tuple[Message, list[bytes]]
Job = Generator[Sent | None, None, Sent]

ROWS_AT_ONCE = 200
ROWS_WITHOUT_A_GRID = 100


class NotPossible(Exception):
    """Raised if a request cannot be computed; the text gives the reason."""


def result(kind: str, message: Message, arrays: Arrays | None = None) -> Sent:
    """Return a result in the form for the page."""
    return finished({"type": "result", "kind": kind, **message}, arrays or Arrays())


def monte_carlo(training: Training, run: int, samples: int) -> Job:
    """Predict with dropout left on, many times."""
    network = training.networks[run]
    if not network.drops_anything:
        raise NotPossible("This run drops nothing: all predictions would be the same.")
    ready, part = data.grid(training.rows), training.rows.validation
    if ready is None and len(part) == 0:
        part = training.rows.train
    x = part.x[:ROWS_WITHOUT_A_GRID] if ready is None else ready[1]
    y = part.y[:ROWS_WITHOUT_A_GRID]
    means, stds, ones = [], [], []
    for first in range(0, len(x), ROWS_AT_ONCE):
        piece = slice(first, first + ROWS_AT_ONCE)
        stream = passes.stream_left_on(training.spec.training.seed, "monte carlo")
        try:
            found = mc_predict(network.model, x[piece], samples, rng=stream.at(training.step))
        except TypeError as error:
            raise NotPossible(str(error)) from None
        task = network.task
        said = [_said(task, outputs, y[piece], ready) for outputs in found.samples]
        means.append(np.mean(said, axis=0))
        stds.append(np.std(said, axis=0, ddof=1))
        outputs = passes.outputs_of(network.model, x[piece], training.at_once)
        ones.append(_said(task, outputs, y[piece], ready))
        yield None
    arrays = Arrays()
    picture = "rows" if ready is None else training.rows.facts.picture
    shape = (data.GRID, data.GRID) if picture == "boundary" else (len(x),)
    named = {"mean": means, "std": stds, "one_pass": ones}
    indices = {
        name: arrays.add(np.concatenate(pieces).reshape(shape), "f4")
        for name, pieces in named.items()
    }
    return result("mc", {"run": run, "samples": samples, "picture": picture, **indices}, arrays)


def _said(task: str, outputs: Array, y: Array, ready: Any) -> Array:
    if ready is None:
        return build.said(task, outputs, y)
    return build.predicted(task, outputs)


def every_subnetwork(training: Training, run: int, row: int) -> Job:
    """Predict one row with every sub-network."""
    yield None
    network, shown = training.networks[run], training.shown
    number = int(shown.rows[min(row, len(shown.rows) - 1)])
    part = training.rows.train
    x, y = part.x[number : number + 1], part.y[number : number + 1]
    output = build.output_of(network.task)
    deciding = _deciding(training, run)
    count = sum(each["decisions"] for each in deciding)
    each = count <= limits.EACH_SUBNETWORK
    try:
        found = subnetworks(network.model, x, output=output, each=each)
    except (TypeError, ValueError) as error:
        raise NotPossible(str(error)) from None
    column = int(y[0]) if network.task == "classes" else 0
    arrays = Arrays()
    predictions, weights = None, None
    if found.outputs is not None and found.weights is not None:
        predictions = arrays.add(found.outputs[:, 0, column], "f4")
        weights = arrays.add(found.weights, "f4")
    message = {
        "run": run,
        "row": row,
        "decisions": found.decisions,
        "count": 2**found.decisions,
        "what": measure.what_is_said(network.task),
        "one_pass": finite(found.one_pass[0, column]),
        "arithmetic_mean": finite(found.arithmetic_mean[0, column]),
        "geometric_mean": finite(found.geometric_mean[0, column]),
        "each": predictions,
        "weights": weights,
        "modules": deciding,
    }
    return result("subnetworks", message, arrays)


def _deciding(training: Training, run: int) -> list[Message]:
    """The decisions of each column, in the order of the network."""
    dropping, found, first = training.spec.of_run(run), [], 0
    for column in columns(training.spec):
        if column.name in dropping:
            count = decisions(dropping[column.name], column.shape)
            found.append({"layer": column.name, "first": first, "decisions": count})
            first += count
    return [each for each in found if each["decisions"]]


# ----------------------------------------------------------------- without pieces


def advise(training: Training) -> Sent:
    """Look for frequent mistakes in every run; a finding of several runs is listed once."""
    found: dict[Any, Message] = {}
    not_checked: dict[str, str] = {}
    x = training.rows.train.x[: limits.BATCH]
    for run, network in enumerate(training.networks):
        rows = len(training.rows.train)
        advice = dropcore.advise(network.model, x, n_samples=rows, resuming=True)
        for finding in advice.findings:
            facts = {
                "mistake": finding.mistake,
                "runs": [],
                "layers": [passes.column_of(name) for name in finding.modules],
                "why": finding.why,
                "remedy": finding.remedy,
                "source": finding.source,
            }
            found.setdefault(finding, facts)["runs"].append(run)
        not_checked |= {each.mistake: each.reason for each in advice.not_checked}
    not_checked.pop(
        "training mode while predicting", None
    )  # not relevant: the Lab only trains here
    reasons = [{"mistake": name, "reason": reason} for name, reason in not_checked.items()]
    return result("advise", {"findings": list(found.values()), "not_checked": reasons})


def described_data(training: Training) -> Sent:
    """Describe the rows; send the rows that can be drawn."""
    rows, arrays = training.rows, Arrays()
    ready = data.grid(rows)
    fit = rows.facts.picture == "fit"

    def part(some: data.Part) -> Message:
        drawn = some.x.ndim == 2 and some.x.shape[1] <= 2
        return {
            "rows": len(some),
            "x": arrays.add(some.x, "f4") if drawn else None,
            "y": arrays.add(some.y, "f4"),
        }

    message = {
        "task": rows.facts.task,
        "picture": rows.facts.picture,
        "classes": list(rows.facts.classes),
        "features": list(rows.facts.features),
        "train": part(rows.train),
        "validation": part(rows.validation),
        "range": None if ready is None else ready[0],
        "grid": None if ready is None else data.FIT if fit else data.GRID,
    }
    return result("data", message, arrays)
