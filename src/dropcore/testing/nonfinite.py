"""Checks of inf and nan: in elements that are dropped, and in elements of other units."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np

from dropcore.mask import Mask
from dropcore.testing.case import STREAM, Case
from dropcore.testing.compare import bits, gradients, same_bits
from dropcore.testing.subject import Skipped, Subject
from dropcore.variants.base import Array, DecidingVariant, Plan, PlannedVariant

NONFINITE = np.array([np.inf, -np.inf, np.nan])


def dropped_nonfinite(subject: Subject) -> None:
    """An inf or nan in an element that is dropped changes neither y nor a gradient.

    An element of an input is dropped if y does not depend on it. The gradient of a dropped element
    is +0.0 for any dy. If the variant has keep decisions, y is exactly the plan's drop value at a
    dropped element.
    """
    dropped = 0
    with np.errstate(all="ignore"):
        for case in subject.cases:
            for index in (0, 1):
                _, mask = case.run(case.inputs(), STREAM.at(index))
                if case.free is None:
                    _drop_value(case, mask)
                dropped += _forward_ignores(case, mask) + _backward_ignores(case, mask)
    if not dropped:
        raise Skipped("y depends on all elements of every input")


def nonfinite_spread(subject: Subject) -> None:
    """An inf or nan in an element changes no element of another unit, in y and in the gradients."""
    several = False
    with np.errstate(all="ignore"):
        for case in subject.cases:
            inputs = case.inputs()
            _, mask = case.run(inputs, STREAM.at(0))
            several |= prod(case.unit) > 1
            for which, name in enumerate(case.variant.inputs):
                forward = _forward_of(mask, inputs, which)
                _stays(case, f"y, {name} being", inputs[which], forward)
            for which, name in enumerate(case.variant.inputs):
                backward = partial(_gradient, mask, which)
                _stays(case, f"gradient of {name}, dy being", case.weights(), backward)
    if not several:
        raise Skipped("one unit spans the whole array")


def _stays(case: Case, what: str, array: Array, run: Callable[[Array], Array]) -> None:
    before = run(array)
    for place in {0, array.size // 2, array.size - 1}:
        at = np.unravel_index(place, array.shape)
        own = np.zeros(case.unit, bool)
        own[tuple(i if n > 1 else 0 for i, n in zip(at, case.unit, strict=True))] = True
        for value in NONFINITE:
            changed = array.copy()
            changed[at] = value
            reached = np.argwhere((bits(before) != bits(run(changed))) & ~own)
            if len(reached):
                raise AssertionError(
                    f"{case}: {what} {value} at {tuple(map(int, at))}: changed at "
                    f"{tuple(map(int, reached[0]))}, in another unit"
                )


def _drop_value(case: Case, mask: Mask) -> None:
    keep = np.broadcast_to(mask.keep, case.shape)
    inputs = _poisoned(case.inputs()[0], ~keep)
    y = mask.forward(inputs)
    drop = np.full(case.shape, _plan(case, mask).drop)
    same_bits(f"{case}: y where dropped", y[~keep], drop[~keep])
    dx = gradients(mask, _poisoned(case.weights(), ~keep))[0]
    same_bits(f"{case}: gradient where dropped", dx[~keep], np.zeros(case.shape)[~keep])


def _plan(case: Case, mask: Mask) -> Plan:
    if isinstance(case.variant, DecidingVariant):
        return case.variant.plan(case.p, case.shape, mask.keep)
    assert isinstance(case.variant, PlannedVariant)
    return case.variant.plan(case.p, case.shape)


def _forward_ignores(case: Case, mask: Mask) -> int:
    # Returns how many elements of inputs have no effect on y. Fails if inf or nan in one of these
    # elements has an effect.
    inputs, others = case.inputs(), case.inputs(seed=1)
    y = mask.forward(*inputs)
    dropped = 0
    for which, name in enumerate(case.variant.inputs):
        forward = _forward_of(mask, inputs, which)
        unmoved = y == forward(others[which])
        got = forward(_poisoned(inputs[which], unmoved))
        if not (got == y)[unmoved].all():
            at = tuple(int(i) for i in np.argwhere(unmoved & (got != y))[0])
            raise AssertionError(
                f"{case}: {name} is dropped at {at}, and inf or nan there makes y {got[at]}"
            )
        dropped += int(unmoved.sum())
    return dropped


def _backward_ignores(case: Case, mask: Mask) -> int:
    dy, other = case.weights(), case.weights(seed=10)
    dropped = 0
    pairs = zip(gradients(mask, dy), gradients(mask, other), strict=True)
    for which, (dx, changed) in enumerate(pairs):
        unmoved = dx == changed
        got = gradients(mask, _poisoned(dy, unmoved))[which]
        what = f"{case}: gradient of {case.variant.inputs[which]} where it is dropped"
        same_bits(what, dx[unmoved], np.zeros_like(dx)[unmoved])
        same_bits(f"{what}, dy being inf or nan", got[unmoved], np.zeros_like(dx)[unmoved])
        dropped += int(unmoved.sum())
    return dropped


def _forward_of(mask: Mask, inputs: tuple[Array, ...], which: int) -> Callable[[Array], Array]:
    # y as a function of one of the inputs.
    def forward(array: Array) -> Array:
        return mask.forward(*inputs[:which], array, *inputs[which + 1 :])

    return forward


def _gradient(mask: Mask, which: int, dy: Array) -> Array:
    return gradients(mask, dy)[which]


def _poisoned(array: Array, where: Array) -> Array:
    changed = array.copy()
    changed[where] = np.resize(NONFINITE, int(where.sum()))
    return changed
