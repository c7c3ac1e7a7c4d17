"""The details of the unit or layer that is in focus on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from dropcore_lab.data import Array
from dropcore_lab.measure import finite
from dropcore_lab.passes import Pass, decides
from dropcore_lab.shapes import Column, columns
from dropcore_lab.training import Network, Training
from dropcore_lab.view import View
from dropcore_lab.wire import Arrays, Message


def message(
    training: Training, view: View, seen: Pass, weights: Mapping[str, Array], arrays: Arrays
) -> Message | None:
    """Return the details of the unit or layer in focus; None if there is no focus."""
    if view.layer is None:
        return None
    drawn = list(columns(training.spec))
    place = next(i for i, column in enumerate(drawn) if column.name == view.layer)
    column, unit = drawn[place], view.unit
    mask = seen.masks.get(column.name)
    facts: Message = {
        "layer": column.name,
        "unit": unit,
        "incoming": None,
        "bias": None,
        "outgoing": None,
        "activation": None,
        "activations": None,
        **_kept(training.networks[view.run], column.name, unit),
        "address": None if mask is None else str(mask.draw),
        "kept_now": None,
    }
    if unit is None:
        return facts
    rows = seen.activations[column.name]
    rows = rows.reshape(len(rows), *column.shape)[:, unit].reshape(len(rows), -1).mean(axis=1)
    facts["activation"] = finite(rows[view.row])
    facts["activations"] = arrays.add(rows, "f4")
    if column.name in weights:
        own = weights[column.name]
        facts["incoming"] = arrays.add(own[unit] if own.ndim == 4 else own[:, unit], "f4")
        facts["bias"] = finite(_bias(training, view, column.name)[unit])
    if place + 1 < len(drawn):
        outgoing = _outgoing(column, weights[drawn[place + 1].name], unit)
        facts["outgoing"] = None if outgoing is None else arrays.add(outgoing, "f4")
    if mask is not None and decides(mask.variant):
        facts["kept_now"] = _kept_now(mask.keep, view.row, unit)
    return facts


def _kept(network: Network, name: str, unit: int | None) -> Message:
    kept, passed = network.counted(name), network.decided.get(name, 0)
    if kept is None:
        return {"kept": None, "passes": 0}
    if unit is None:
        return {"kept": int(kept.sum()), "passes": passed * len(kept)}
    return {"kept": int(kept[unit]), "passes": passed}


def _bias(training: Training, view: View, name: str) -> Array:
    before = training.shown.before
    if view.mode == "training" and before:
        return np.asarray(before[view.run]["model"][f"{name}.bias"])
    module = getattr(training.networks[view.run].model, name)
    return np.asarray(module.bias.data)


def _outgoing(column: Column, weight: Array, unit: int) -> Array | None:
    """The weights of a unit in the next layer; None for a map that is flattened."""
    if weight.ndim == 4:
        return weight[:, unit]
    return weight[unit] if math.prod(column.shape) == column.units else None


def _kept_now(keep: Array, row: int, unit: int) -> bool | None:
    """Whether a unit is kept in a row; None if each element of its map has a decision."""
    decided = keep[min(row, keep.shape[0] - 1), min(unit, keep.shape[1] - 1)]
    return bool(decided.all()) if decided.size == 1 else None
