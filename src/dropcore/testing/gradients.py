"""Checks of backward, and of the inference rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dropcore.testing.case import STREAM, Case
from dropcore.testing.compare import close, gradients
from dropcore.testing.evidence import Evidence, finite
from dropcore.testing.moments import add_moments, normal_inputs
from dropcore.testing.subject import Skipped, Subject
from dropcore.variants.base import Array

STEP = 1e-6  # of the finite differences; inputs are about 1


def gradient(subject: Subject) -> None:
    """Backward is the derivative of forward with respect to every input, for a fixed mask.

    The gradient must lie between two difference quotients in float64, of a step up and of a step
    down. For a smooth rule the two quotients are equal; at a kink they are the two slopes. Every
    third x is 0, so a backward that treats each zero of y as a dropped element fails.
    """
    for case in subject.cases:
        for index in (0, 1):
            inputs = _with_zeros(case)
            _, mask = case.run(inputs, STREAM.at(index))
            dy = case.weights()
            _compare(case, mask.forward, inputs, gradients(mask, dy), dy)


def inference(subject: Subject) -> None:
    """Inference computes what training gives on average: `expectation`, or `kept_moments`.

    The mean is compared at the declared `mean_scope`. A variant that states `kept_moments` must
    keep the moments in inference too. For p = 1, y in training does not depend on x, so inference
    must only be finite.
    """
    cure = (
        "inference must give the stated mean: declare expectation, or override infer and "
        "infer_backward; if inference must differ from the mean, declare expected_failures"
    )
    evidence, judged = Evidence(), False
    for p in (*subject.p_values, *subject.ends()):
        for case in subject.at(p):
            inputs = case.inputs()
            y, mask = case.run(inputs, None)
            if mask.draw is not None:
                raise AssertionError(f"{case}: the mask of inference has the draw {mask.draw}")
            finite(f"{case}: y in inference", y)
            if p == 1:
                continue
            if case.variant.kept_moments(p) is not None:
                large = case.large()
                add_moments(evidence, large, large.run(normal_inputs(large, seed=0), None)[0])
            elif case.variant.mean_scope == "element":
                what = f"{case}: y in inference, and `expectation`"
                close(what, y, case.expectation(inputs), 1e-9, 1e-12, cure=cure)
            elif case.variant.mean_scope == "tensor":
                positive = tuple(np.abs(array) for array in inputs)
                mean = case.run(positive, None)[0].mean()
                stated = case.expectation(positive).mean()
                close(f"{case}: mean of y in inference", mean, stated, 1e-9, 1e-12, cure=cure)
            else:
                continue
            judged = True
    if not judged:
        raise Skipped("neither a mean nor kept moments are stated")
    evidence.judge()


def inference_gradient(subject: Subject) -> None:
    """In inference, backward is the derivative of the inference rule, for every input.

    The gradient is compared as in `gradient`. `infer_backward` gets only p and dy, so the gradient
    of a correct inference rule depends only on p and dy.
    """
    cure = "infer_backward must be the gradient of infer, which may depend on p and dy only"
    for p in (*subject.p_values, *subject.ends()):
        for case in subject.at(p):
            inputs = _with_zeros(case)
            _, mask = case.run(inputs, None)
            dy = case.weights()
            _compare(case, mask.forward, inputs, gradients(mask, dy), dy, cure)


def _with_zeros(case: Case) -> tuple[Array, ...]:
    inputs = case.inputs()
    for array in inputs:
        array.reshape(-1)[::3] = 0.0
    return inputs


def _compare(
    case: Case,
    forward: Callable[..., Array],
    inputs: Sequence[Array],
    given: Sequence[Array],
    dy: Array,
    cure: str = "",
) -> None:
    y = forward(*inputs)
    for name, array, dx in zip(case.variant.inputs, inputs, given, strict=True):
        up, down = np.empty_like(array), np.empty_like(array)
        for at in np.ndindex(array.shape):
            value = array[at]
            array[at] = value + STEP
            up[at] = ((forward(*inputs) - y) * dy).sum() / STEP
            array[at] = value - STEP
            down[at] = ((y - forward(*inputs)) * dy).sum() / STEP
            array[at] = value
        nearest = np.clip(dx, np.minimum(up, down), np.maximum(up, down))
        expected = np.where(np.isnan(dx), up, nearest)
        # A quotient is off by half the curvature times STEP, which is much beside a slope of 0.
        close(f"{case}: gradient of {name}", dx, expected, 1e-5, 1e-5, cure=cure)
