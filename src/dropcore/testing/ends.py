"""Checks of p at 0 and 1, near them, and outside of the domain."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dropcore.mask import Mask
from dropcore.testing.case import STREAM, Case
from dropcore.testing.compare import close, gradients, same_bits
from dropcore.testing.evidence import Evidence, finite
from dropcore.testing.frames import place
from dropcore.testing.moments import add_means
from dropcore.testing.subject import Skipped, Subject
from dropcore.variants.base import Array


def p_zero(subject: Subject) -> None:
    """With p = 0 nothing is dropped: y is `expectation`, and gradients are as in inference."""
    if 0.0 not in subject.ends():
        raise Skipped(f"p = 0 is outside {subject.variant.p_domain}")
    stated = f"with p = 0, y must be `expectation`, by default x; or {_exclude(subject, 0)}"
    inferred = (
        f"with p = 0, gradients must equal the gradients of inference; or {_exclude(subject, 0)}"
    )
    for case in subject.at(0.0):
        inputs, dy = case.inputs(), case.weights()
        y, mask = case.run(inputs, STREAM.at(0))
        finite(f"{case}: y", y)
        if case.free is None and not mask.keep.all():
            raise AssertionError(f"{case}: p = 0 must keep all, not {_share(mask.keep)}")
        if case.variant.mean_scope is not None:
            close(f"{case}: y", y, case.expectation(inputs), 1e-12, 1e-12, cure=stated)
            expected = gradients(case.run(inputs, None)[1], dy)
            for name, dx, other in zip(
                case.variant.inputs, gradients(mask, dy), expected, strict=True
            ):
                close(f"{case}: gradient of {name}", dx, other, 1e-12, 1e-12, cure=inferred)


def p_one(subject: Subject) -> None:
    """With p = 1 everything is dropped: y does not depend on x, and all results are finite.

    The mean of y is `expectation`, as for every other p.
    """
    if 1.0 not in subject.ends():
        raise Skipped(f"p = 1 is outside {subject.variant.p_domain}")
    evidence = Evidence()
    cure = f"1 / (1 - p) is undefined; use dropcore.kept_scale(p), or {_exclude(subject, 1)}"
    for case in subject.at(1.0):
        inputs, dy = case.inputs(), case.weights()
        y, mask = _at_one(case, inputs, cure)
        finite(f"{case}: y", y, cure=cure)
        if case.free is None and mask.keep.any():
            raise AssertionError(f"{case}: p = 1 must drop all, not keep {_share(mask.keep)}")
        others = (case.inputs(seed=1)[0], *inputs[1:])
        what = f"{case}: x still comes through: y with another x"
        same_bits(what, mask.forward(*others), y)
        dx = gradients(mask, dy)
        for name, each in zip(case.variant.inputs, dx, strict=True):
            finite(f"{case}: gradient of {name}", each, cure=cure)
        same_bits(f"{case}: gradient of x", dx[0], np.zeros_like(dx[0]))
        add_means(evidence, case)
    evidence.judge()


def _at_one(case: Case, inputs: Sequence[Array], cure: str) -> tuple[Array, Mask]:
    try:
        return case.run(inputs, STREAM.at(0))
    except ZeroDivisionError as error:
        raise AssertionError(f"{case}: ZeroDivisionError{place(error)}: {cure}") from error


def _exclude(subject: Subject, end: int) -> str:
    # Only this end of the domain changes.
    domain = subject.variant.p_domain
    rest = f"({domain[1:]}" if end == 0 else f"{domain[:-1]})"
    return f'exclude p = {end} by p_domain = "{rest}"'


def _share(decisions: Array) -> str:
    return f"{int(decisions.sum())} of {decisions.size} decisions"


def p_domain(subject: Subject) -> None:
    """A p outside `p_domain` raises ValueError. For p next to 0 or 1, all results are finite."""
    for p in subject.refused():
        for case in subject.at(p):
            _refused(case)
    for p in (math.nextafter(0, 1), math.nextafter(1, 0)):
        for case in subject.at(p):
            y, mask = case.run(case.inputs(), STREAM.at(0))
            finite(f"p={p!r}, shape {case.shape}: y", y)
            for name, dx in zip(case.variant.inputs, gradients(mask, case.weights()), strict=True):
                finite(f"p={p!r}, shape {case.shape}: gradient of {name}", dx)


def _refused(case: Case) -> None:
    try:
        case.run(case.inputs(), STREAM.at(0))
    except ValueError:
        return
    raise AssertionError(f"{case}: outside {case.variant.p_domain}, and no ValueError")
