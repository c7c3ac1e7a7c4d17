"""`check_variant`: runs all checks of one variant and returns a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dropcore.testing.checks import CHECKS, FIRST, Check, known, reasons
from dropcore.testing.frames import place
from dropcore.testing.report import Outcome, Report
from dropcore.testing.subject import Skipped, Subject
from dropcore.variants.base import Shape, Variant


def check_variant(
    variant: str | Variant,
    *,
    p_values: Sequence[float] | None = None,
    shapes: Sequence[Shape] | None = None,
    checks: Sequence[str] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    **options: Any,
) -> Report:
    """Run every check on a variant.

    Parameters
    ----------
    variant : str or Variant
        A name, or the variant itself, which need not be registered.
    p_values : sequence of float, default: (0.1, 0.37, 0.8)
        Values of p to try, in [0.05, 0.95]. p = 0 and p = 1 have checks of their own.
    shapes : sequence of tuple of int, optional
        Shapes of x, which the variant must accept; tens to hundreds of elements are enough. By
        default shapes of one to four axes are tried, except those that the variant refuses with a
        ValueError.
    checks : sequence of str, optional
        Names of the checks to run; by default all of `CHECKS`.
    expected_failures : dict of str to str, optional
        Names of checks that must fail, with the reason for each.
    **options
        Options of the variant, only if `variant` is a name.

    Returns
    -------
    Report
        Its text has a line for each check.

    Raises
    ------
    AssertionError
        If a check fails unexpectedly, or if a check that is expected to fail passes or is skipped.
        The message lists all these checks. If "structure" fails, no other check is run.
    ValueError, TypeError, LookupError
        If an argument is wrong, if an expected failure is not among `checks`, if no variant has the
        name `variant`, or if the variant accepts none of the default shapes.

    Examples
    --------
    >>> import dropcore
    >>> report = dropcore.testing.check_variant("spatial", channel_axis=1)
    >>> report.names("skipped")
    ['kept_moments', 'zero_d']
    """
    expected = reasons(expected_failures or {})
    known("checks", checks or ())
    names = list(CHECKS if checks is None else checks)
    for name in expected:
        if name not in names:
            raise ValueError(f"expected_failures must be among checks, {names}, not {name!r}")
    subject = Subject(variant, options, p_values, shapes)
    outcomes = _outcomes(names, subject, expected)
    title = (
        f"{subject.variant!r}, p = {', '.join(f'{p:g}' for p in subject.p_values)}, "
        f"shapes {', '.join(map(str, subject.shapes))}"
    )
    report = Report(title, outcomes)
    if not report.passed:
        wrong = "\n".join(report.folded(report.bad))
        says = f"{len(report.bad)} of {len(outcomes)} checks say that it is wrong"
        not_run = len(names) - len(outcomes)
        if not_run:
            says = f"not run, because {FIRST} failed: {not_run} more"
        raise AssertionError(f"{title}\n{wrong}\n{says}")
    return report


def _outcomes(
    names: Sequence[str], subject: Subject, expected: Mapping[str, str]
) -> tuple[Outcome, ...]:
    outcomes: list[Outcome] = []
    for name in sorted(names, key=lambda name: name != FIRST):
        outcomes.append(_outcome(name, CHECKS[name], subject, expected.get(name)))
        if name == FIRST and outcomes[0].result == "failed":
            break
    return tuple(outcomes)


def _outcome(name: str, check: Check, subject: Subject, reason: str | None) -> Outcome:
    try:
        check(subject)
    except Skipped as why:
        if reason is None:
            return Outcome(name, "skipped", str(why))
        return Outcome(name, "skipped unexpectedly", f"expected to fail: {reason}; {why}")
    except AssertionError as error:
        message = str(error)
    except Exception as error:
        message = f"{type(error).__name__}: {error}{place(error)}"
    else:
        if reason is None:
            return Outcome(name, "passed")
        return Outcome(name, "passed unexpectedly", f"expected to fail: {reason}")
    if reason is None:
        return Outcome(name, "failed", message)
    return Outcome(name, "failed as expected", reason)
