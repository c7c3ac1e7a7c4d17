"""All checks, by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from dropcore.testing import (
    buffers,
    declaration,
    ends,
    gradients,
    independence,
    moments,
    nonfinite,
    purity,
)
from dropcore.testing.subject import Subject

Check = Callable[[Subject], None]

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        declaration.declaration,
        moments.expectation,
        moments.variance,
        moments.kept_moments,
        moments.drop_rate,
        independence.independent_units,
        independence.independent_draws,
        gradients.gradient,
        gradients.inference,
        gradients.inference_gradient,
        ends.p_zero,
        ends.p_one,
        ends.p_domain,
        nonfinite.dropped_nonfinite,
        nonfinite.nonfinite_spread,
        buffers.dtypes,
        buffers.strides,
        buffers.empty,
        buffers.zero_d,
        buffers.out,
        buffers.own_memory,
        buffers.unchanged_inputs,
        purity.second_use,
        purity.replay,
        purity.record,
        purity.store,
        purity.pickling,
        purity.global_state,
        purity.other_layers,
        purity.threads,
    )
}
"""The checks; each raises AssertionError, or Skipped where it has nothing to judge."""


def check_names(expected_failures: dict[str, str]) -> None:
    """Fail unless all are names of checks, each with a reason."""
    for name, reason in expected_failures.items():
        if name not in CHECKS:
            raise ValueError(
                f"expected_failures has {name!r}, which is no check: {', '.join(CHECKS)}"
            )
        if not isinstance(reason, str) or not reason:
            raise TypeError(f"expected_failures[{name!r}] must be a reason, not {reason!r}")
