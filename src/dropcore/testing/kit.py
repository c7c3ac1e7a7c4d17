"""check_variant: all checks of one variant, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dropcore.testing.checks import CHECKS, Check, check_names
from dropcore.testing.report import Outcome, Report
from dropcore.testing.subject import Skipped, Subject
from dropcore.variants.base import Shape, Variant


def check_variant(
    variant: str | Variant,
    *,
    p_values: Sequence[float] | None = None,
    shapes: Sequence[Shape] | None = None,
    expected_failures: dict[str, str] | None = None,
    **options: Any,
) -> Report:
    """Run every check on a variant.

    Parameters
    ----------
    variant : str or Variant
        A name, or the variant itself, which need not be registered.
    p_values : sequence of float, default: (0.1, 0.5, 0.8)
        Where it is tried, strictly between 0 and 1; the ends have checks of their own.
    shapes : sequence of tuple of int, optional
        Shapes of x, all of which it reads; some tens to hundreds of elements are enough.
        By default 1-d to 4-d ones are tried, and a ValueError from the variant says that
        it does not read one.
    expected_failures : dict of str to str, optional
        Names of checks that have to fail, and the reason for each.
    **options
        Of a variant that is given by name.

    Returns
    -------
    Report
        Its text has a line for each check.

    Raises
    ------
    AssertionError
        If a check fails that is not expected to, or passes where it should fail; the
        message lists all of them.
    ValueError, TypeError, LookupError
        If an argument is wrong, there is no such variant, or it reads no usual shape.

    Examples
    --------
    >>> import dropcore
    >>> report = dropcore.testing.check_variant("spatial", channel_axis=1)
    >>> report.names("skipped")
    ['kept_moments', 'zero_d']
    """
    expected = dict(expected_failures or {})
    check_names(expected)
    subject = Subject(variant, options, p_values, shapes)
    outcomes = tuple(
        _outcome(name, check, subject, expected.get(name)) for name, check in CHECKS.items()
    )
    title = (
        f"{subject.variant!r}, p = {', '.join(f'{p:g}' for p in subject.p_values)}, "
        f"shapes {', '.join(map(str, subject.shapes))}"
    )
    report = Report(title, outcomes)
    if not report.passed:
        wrong = "\n".join(report.lines(report.bad))
        raise AssertionError(
            f"{title}\n{wrong}\n{len(report.bad)} of {len(outcomes)} checks say that it is wrong"
        )
    return report


def _outcome(name: str, check: Check, subject: Subject, reason: str | None) -> Outcome:
    try:
        check(subject)
    except Skipped as why:
        return Outcome(name, "skipped", str(why))
    except AssertionError as error:
        message = str(error)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
    else:
        if reason is None:
            return Outcome(name, "passed")
        return Outcome(name, "passed unexpectedly", f"expected to fail: {reason}")
    if reason is None:
        return Outcome(name, "failed", message)
    return Outcome(name, "failed as expected", reason)
