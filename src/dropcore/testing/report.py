"""The result of each check, and the text of a report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

Result = Literal[
    "passed",
    "failed",
    "skipped",
    "failed as expected",
    "passed unexpectedly",
    "skipped unexpectedly",
]
BAD: tuple[Result, ...] = ("failed", "passed unexpectedly", "skipped unexpectedly")


@dataclass(frozen=True)
class Outcome:
    """The result of one check.

    Attributes
    ----------
    name : str
        The name of the check.
    result : str
        "passed", "failed" or "skipped". For a check that is expected to fail: "failed as expected",
        "passed unexpectedly" or "skipped unexpectedly".
    message : str
        The reason why the check failed or was skipped, or why it was expected to fail.
    """

    name: str
    result: Result
    message: str = ""


@dataclass(frozen=True, repr=False)
class Report:
    """The outcomes of the checks that were run on a variant; its text has a line for each check.

    Attributes
    ----------
    title : str
        The variant, with the p and shapes that were tried.
    outcomes : tuple of Outcome

    Examples
    --------
    >>> from dropcore.testing import Outcome, Report
    >>> Report("Mine()", (Outcome("gradient", "failed", "2.0 at (0,), expected 1.0"),))
    Mine()
    gradient  failed: 2.0 at (0,), expected 1.0
    1 check: 1 failed
    """

    title: str
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Whether the failed checks are exactly the checks that were expected to fail."""
        return not self.bad

    @property
    def bad(self) -> tuple[Outcome, ...]:
        """The outcomes because of which the variant fails."""
        return tuple(outcome for outcome in self.outcomes if outcome.result in BAD)

    def names(self, result: Result) -> list[str]:
        """The names of the checks that have the given result."""
        return [outcome.name for outcome in self.outcomes if outcome.result == result]

    def __repr__(self) -> str:
        counts = Counter(outcome.result for outcome in self.outcomes)
        total = f"{len(self.outcomes)} check{'s' * (len(self.outcomes) != 1)}"
        summary = ", ".join(f"{n} {result}" for result, n in counts.items())
        return "\n".join([self.title, *self.lines(self.outcomes), f"{total}: {summary}"])

    def lines(self, outcomes: tuple[Outcome, ...]) -> list[str]:
        """A line for each of the outcomes."""
        width = max((len(outcome.name) for outcome in self.outcomes), default=0)
        return [
            f"{outcome.name:{width}}  {outcome.result}"
            + (f": {_one_line(outcome.message)}" if outcome.message else "")
            for outcome in outcomes
        ]

    def folded(self, outcomes: tuple[Outcome, ...]) -> list[str]:
        """Lines for the outcomes; outcomes with the same message share a line."""
        alike: dict[tuple[Result, str], list[Outcome]] = {}
        for outcome in outcomes:
            alike.setdefault((outcome.result, outcome.message), []).append(outcome)
        lines = []
        for first, *others in alike.values():
            lines += self.lines((first,))
            if others:
                names = ", ".join(outcome.name for outcome in others)
                lines.append(f"  and the same for {len(others)} more: {names}")
        return lines


def _one_line(message: str) -> str:
    return " ".join(line.strip() for line in message.splitlines())
