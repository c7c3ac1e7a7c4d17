"""The conformance kit: checks whether a variant is correct.

`check_variant` runs all checks and returns a report. `VariantSuite` is a class to subclass in
pytest: it has a test for each check. `CHECKS` has the checks by name; the docstring of a check
says what the check tests.

Some checks are statistical tests. They use fixed draws, so the result for a variant is the same in
each run. The probability that a correct variant fails at least one check by chance is about
`ERROR_RATE`.

The kit needs scipy, and `VariantSuite` needs pytest; ``pip install dropcore[testing]`` installs
scipy and pytest.

Examples
--------
>>> import dropcore
>>> dropcore.testing.check_variant("standard").passed
True
"""

from typing import TYPE_CHECKING, Any

from dropcore.testing.checks import CHECKS
from dropcore.testing.evidence import ERROR_RATE
from dropcore.testing.kit import check_variant
from dropcore.testing.report import Outcome, Report

if TYPE_CHECKING:
    from dropcore.testing.suite import VariantSuite

__all__ = ["CHECKS", "ERROR_RATE", "Outcome", "Report", "VariantSuite", "check_variant"]


def __getattr__(name: str) -> Any:
    if name == "VariantSuite":  # no other name needs pytest
        from dropcore.testing.suite import VariantSuite

        return VariantSuite
    raise AttributeError(f"module 'dropcore.testing' has no attribute {name!r}")


def __dir__() -> list[str]:  # for completion: the public names
    return sorted(__all__)
