"""All checks, by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dropcore.testing import (
    buffers,
    declaration,
    ends,
    gradients,
    independence,
    moments,
    nonfinite,
    purity,
    structure,
)
from dropcore.testing.subject import Subject

Check = Callable[[Subject], None]

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        structure.structure,
        declaration.declaration,
        declaration.options,
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
"""The checks. A check raises AssertionError if it fails, and Skipped if it does not apply.

The first check tests the form of results. If it fails, no other check is run."""

FIRST = next(iter(CHECKS))


def known(argument: str, names: Iterable[str]) -> None:
    """Raise ValueError unless all `names` are names of checks, and TypeError for a single str."""
    if isinstance(names, str):
        raise TypeError(f"{argument} must be a list of names, such as [{names!r}], not {names!r}")
    for name in names:
        if name not in CHECKS:
            raise ValueError(
                f"{argument} must be names of checks, not {name!r}: {', '.join(CHECKS)}"
            )


def reasons(expected_failures: Mapping[str, str]) -> dict[str, str]:
    """The expected failures as a dict; raises unless each is a check with a reason."""
    if not isinstance(expected_failures, Mapping):
        raise TypeError(
            "expected_failures must be a dict, from a check's name to the reason why it fails, "
            f"not {expected_failures!r}"
        )
    known("expected_failures", expected_failures)
    for name, reason in expected_failures.items():
        if not isinstance(reason, str) or not reason:
            raise TypeError(f"expected_failures[{name!r}] must be a reason, not {reason!r}")
    return dict(expected_failures)
