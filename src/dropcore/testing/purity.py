"""Checks that y and the gradients depend only on the draw and the arrays.

A mask is used again, saved and loaded, or used while other masks are made.
"""

from __future__ import annotations

import json
import pickle
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from dropcore._core import threads as core_threads
from dropcore._core.threads import num_threads
from dropcore.draw import Draw
from dropcore.mask import Mask
from dropcore.plugins import get_variant, variant_names
from dropcore.testing.case import OTHER, STREAM, Case
from dropcore.testing.compare import gradients, same_bits
from dropcore.testing.subject import Skipped, Subject
from dropcore.variants.base import Array

SPLIT = 300_000  # elements that two threads share, if pieces are small
Result = tuple[Array, tuple[Array, ...]]


def _run(case: Case, index: int = 0, kept: str = "bits") -> Result:
    y, mask = case.run(case.inputs(seed=index), STREAM.at(index), store=kept)
    return y, gradients(mask, case.weights())


def _same(what: str, got: Result, expected: Result) -> None:
    same_bits(f"{what}: y", got[0], expected[0])
    same_bits(f"{what}: gradient", got[1], expected[1])


def second_use(subject: Subject) -> None:
    """A Mask can be used again: forward and backward give the same bits each time."""
    for case in subject.cases:
        inputs, dy = case.inputs(), case.weights()
        y, mask = case.run(inputs, STREAM.at(0))
        dx = gradients(mask, dy)
        mask.forward(*case.inputs(seed=1))
        gradients(mask, case.weights(seed=10))
        same_bits(f"{case}: gradient, the second time", gradients(mask, dy), dx)
        same_bits(f"{case}: y, the second time", mask.forward(*inputs), y)


def replay(subject: Subject) -> None:
    """The same Draw gives the same y and the same gradient."""
    for case in subject.cases:
        expected = _run(case)
        _same(f"{case}, again", _run(case), expected)
        draw = Draw.parse(str(STREAM.at(0)))
        y, mask = case.run(case.inputs(), draw)
        _same(f"{case}, its draw from text", (y, gradients(mask, case.weights())), expected)


def record(subject: Subject) -> None:
    """A record, through JSON, makes the same mask again.

    A free variant that saves arrays for its backward can only run forward from a record.
    """
    variant = subject.variant
    if (
        variant.name not in variant_names()
        or get_variant(variant.name, **variant.options()) != variant
    ):
        raise Skipped(f"no variant of this class is registered as {variant.name!r}")
    for case in subject.cases:
        inputs, dy = case.inputs(), case.weights()
        for draw in (STREAM.at(0), None):
            y, mask = case.run(inputs, draw)
            again = Mask.from_record(json.loads(json.dumps(mask.record())))
            same_bits(f"{case}: y of a mask from its record", again.forward(*inputs), y)
            if draw is None or not _saves(case):
                what = f"{case}: gradient of a mask from its record"
                same_bits(what, gradients(again, dy), gradients(mask, dy))


def _saves(case: Case) -> bool:
    return case.free is not None and bool(
        case.free.forward(STREAM.at(0), case.p, *case.inputs())[1]
    )


def store(subject: Subject) -> None:
    """`store="bits"` and `store="draw"` give the same y and the same gradient."""
    for case in subject.cases:
        _same(f'{case}, store="draw"', _run(case, kept="draw"), _run(case))


def pickling(subject: Subject) -> None:
    """A pickled variant is equal; a pickled Mask runs forward and backward as before."""
    if pickle.loads(pickle.dumps(subject.variant)) != subject.variant:
        raise AssertionError(f"{subject.variant!r} is not equal to its pickled copy")
    for case in subject.cases:
        inputs, dy = case.inputs(), case.weights()
        for draw in (STREAM.at(0), None):
            y, mask = case.run(inputs, draw)
            again = pickle.loads(pickle.dumps(mask))
            same_bits(f"{case}: y of a pickled mask", again.forward(*inputs), y)
            what = f"{case}: gradient of a pickled mask"
            same_bits(what, gradients(again, dy), gradients(mask, dy))


def global_state(subject: Subject) -> None:
    """The global generators of numpy and random are neither read nor advanced."""
    for case in subject.cases:
        with _global_generators():
            _seed_global_generators(1)
            expected = _run(case)
            case.run(case.inputs(), None)
            untouched = random.getrandbits(64), np.random.bytes(8)  # noqa: NPY002
            _seed_global_generators(1)
            if untouched != (random.getrandbits(64), np.random.bytes(8)):  # noqa: NPY002
                raise AssertionError(f"{case}: a global random generator was advanced")
            _seed_global_generators(2)
            _same(f"{case}, with other global seeds", _run(case), expected)


def _seed_global_generators(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


@contextmanager
def _global_generators() -> Iterator[None]:
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def other_layers(subject: Subject) -> None:
    """Calls of other layers between forward and backward change nothing; a variant has no state."""
    before = dict(vars(subject.variant))
    for case in subject.cases:
        dy = case.weights()
        y, mask = case.run(case.inputs(), STREAM.at(0))
        expected = y.copy(), gradients(mask, dy)
        for other in subject.cases:
            _, between = other.run(other.inputs(seed=1), OTHER.at(3))
            gradients(between, other.weights())
        dx = gradients(mask, dy)  # before forward, which may restore lost state
        _same(f"{case}, after other layers", (mask.forward(*case.inputs()), dx), expected)
        _same(f"{case}, anew after other layers", _run(case), expected)
    if dict(vars(subject.variant)) != before:
        changed = sorted(set(vars(subject.variant)) ^ set(before)) or sorted(before)
        raise AssertionError(f"calls changed attributes of the variant: {', '.join(changed)}")


def threads(subject: Subject) -> None:
    """One thread, two threads and concurrent calls give the same bits."""
    for shape_case in subject.at(subject.p_values[0]):
        large = shape_case.longer(0, SPLIT)
        with num_threads(1):
            expected = _run(large)
        with num_threads(2), _small_pieces():
            _same(f"{large}, two threads", _run(large), expected)
    many = [(case, index) for case in subject.cases for index in range(8)]
    alone = [_run(case, index) for case, index in many]
    with _hasty_threads(), ThreadPoolExecutor(4) as pool:
        together = list(pool.map(_run, *zip(*many, strict=True)))
    for (case, _), got, expected in zip(many, together, alone, strict=True):
        _same(f"{case}, among concurrent calls", got, expected)


@contextmanager
def _small_pieces() -> Iterator[None]:
    # By default the core splits arrays from 2**21 elements on, which would take seconds here.
    piece = core_threads.PIECE
    core_threads.PIECE = SPLIT // 4
    try:
        yield
    finally:
        core_threads.PIECE = piece


@contextmanager
def _hasty_threads() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
