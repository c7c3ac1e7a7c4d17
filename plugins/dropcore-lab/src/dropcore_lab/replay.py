"""Makes masks again from a step, an address or a record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dropcore
from dropcore_lab import limits, passes, variants
from dropcore_lab.fields import Faults, parse_json
from dropcore_lab.frames import mask_message
from dropcore_lab.jobs import NotPossible, Sent, result
from dropcore_lab.passes import decides
from dropcore_lab.shapes import columns
from dropcore_lab.training import Training, same_mask
from dropcore_lab.wire import Arrays, Message


def of_step(training: Training, run: int, step: int) -> Sent:
    """Return the masks of a step, also of a future step."""
    arrays = Arrays()
    rows = training.rows_at(step)
    x = training.rows.train.x[rows]
    seen = passes.of_step(training.networks[run].model, x, step)
    found = [
        {
            "name": column.name,
            "mask": mask_message(seen.masks[column.name], column.module, arrays)
            if column.name in seen.masks
            else None,
        }
        for column in columns(training.spec)
    ]
    message = {"run": run, "step": step, "rows": arrays.add(rows, "i4"), "columns": found}
    return result("masks", message, arrays)


def moved(old: Training, new: Training, run: int) -> Message:
    """Compare the masks of the shown step before and after an edit."""
    step = old.shown.step
    before = old.shown.passes[min(run, len(old.networks) - 1)].masks
    network = new.networks[min(run, len(new.networks) - 1)]
    x = new.rows.train.x[new.rows_at(step)]
    after = passes.of_step(network.model, x, step).masks
    said = {}
    for name, mask in after.items():
        if name not in before or before[name].shape != mask.shape:
            said[name] = "new"
        else:
            said[name] = "same" if same_mask(before[name], mask) else "moved"
    return {"step": step, "columns": said}


def again(
    training: Training, run: int, text: str, p: float | None, shape: Sequence[int] | None
) -> Sent:
    """Make a mask again, from its address or its record.

    Raises
    ------
    NotPossible
        If the text is neither an address nor a record, or p or the shape is missing.
    """
    text = text.strip()
    if text.startswith("{"):
        mask, of = _of_record(text), "record"
        assert mask.draw is not None
        layer, step = _owner(training, run, mask.draw)
    else:
        draw = _parsed(text)
        layer, step = _owner(training, run, draw)
        mask, of = _of_address(training, run, draw, layer, step, p, shape), "address"
    arrays = Arrays()
    packed, kept, own = None, None, list(mask.shape)
    if decides(mask.variant):
        keep = mask.keep
        packed, kept, own = arrays.add(mask.packed, "u1"), int(keep.sum()), list(keep.shape)
    whose = f"Step {step} of {layer}." if layer else "No layer of this network has this address."
    message = {
        "of": of,
        "layer": layer,
        "step": step,
        "address": str(mask.draw),
        "p": mask.p,
        "shape": own,
        "variant": mask.variant.name,
        "options": variants.options_of(mask.variant),
        "packed": packed,
        "kept": kept,
        "decisions": math.prod(own),
        "text": whose,
    }
    return result("replay", message, arrays)


def _parsed(text: str) -> dropcore.Draw:
    try:
        return dropcore.Draw.parse(text)
    except ValueError as error:
        raise NotPossible(f"This text is no address: {error}") from None


def _owner(training: Training, run: int, draw: dropcore.Draw) -> tuple[str | None, int | None]:
    """Find the column of the network and the step that a draw belongs to."""
    for name, module in training.networks[run].drops.items():
        if isinstance(module.rng, dropcore.Stream) and module.rng.at(draw.index) == draw:
            return name, draw.index
    return None, None


def _of_record(text: str) -> dropcore.Mask:
    try:
        record: Any = parse_json(text)
        shape = record.get("shape")
        if isinstance(shape, list) and all(isinstance(n, int) for n in shape):
            _check_size(shape)
        mask = dropcore.Mask.from_record(record)
    except Faults as found:
        raise NotPossible(f"This text is no record: {found}") from None
    except NotPossible:
        raise
    except Exception as error:  # a variant may raise any exception
        raise NotPossible(f"This text is no record: {error}") from None
    if mask.draw is None:
        raise NotPossible("This is the record of an inference pass: nothing was dropped.")
    return mask


def _of_address(
    training: Training,
    run: int,
    draw: dropcore.Draw,
    layer: str | None,
    step: int | None,
    p: float | None,
    shape: Sequence[int] | None,
) -> dropcore.Mask:
    """The mask of a column of the network, or of the given p and shape."""
    options: dict[str, Any] = {"variant": "standard", "options": {}}
    if layer is not None and step is not None:
        module = training.networks[run].drops[layer]
        column = next(each for each in columns(training.spec) if each.name == layer)
        rows = len(training.rows_at(step)) if step < limits.STEPS else training.spec.training.batch
        p, shape = module.p, (rows, *column.shape)
        options = {
            "variant": module.variant.name,
            "options": variants.options_of(module.variant),
        }
    if p is None or shape is None:
        raise NotPossible(
            "No layer of this network has this address: enter the p and the shape of the mask."
        )
    _check_size(shape)
    record = {"stream_version": dropcore.STREAM_VERSION, "draw": str(draw), "p": p, **options}
    return dropcore.Mask.from_record({**record, "shape": list(shape)})


def _check_size(shape: Sequence[int]) -> None:
    if math.prod(abs(length) for length in shape) > limits.MASK:
        raise NotPossible(f"The Lab shows masks of at most {limits.MASK:,} decisions.")
