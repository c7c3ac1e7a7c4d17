"""The conformance kit: tells a right variant from a wrong one.

`check_variant` runs every check and reports; `VariantSuite` is a class to subclass in
pytest, a test for each check. `CHECKS` has the checks by name, and the docstring of each
says what it proves.

What is judged by chance is judged by scipy.stats on fixed draws, so a variant that passes
passes always; a right one fails by bad luck with a probability of about `ERROR_RATE`, over
all of its checks together.

scipy is needed, and pytest for `VariantSuite`; both come with ``pip install dropcore[testing]``.

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
    if name == "VariantSuite":  # it alone needs pytest
        from dropcore.testing.suite import VariantSuite

        return VariantSuite
    raise AttributeError(f"module 'dropcore.testing' has no attribute {name!r}")


def __dir__() -> list[str]:  # for completion: the public names
    return sorted(__all__)
