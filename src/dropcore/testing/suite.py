"""`VariantSuite`: a class to subclass in pytest, with a test for each check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from dropcore.testing.checks import CHECKS, FIRST, Check, reasons
from dropcore.testing.subject import Skipped, Subject
from dropcore.variants.base import Shape, Variant

try:
    import pytest
except ImportError as error:
    raise ImportError(
        "VariantSuite needs pytest, which is not installed: pip install 'dropcore[testing]'"
    ) from error


class VariantSuite:
    """The checks of one variant as tests: ``test_gradient`` is the check "gradient".

    If ``test_structure`` fails, the other tests are skipped.

    Attributes
    ----------
    variant : str or Variant
        A name, or the variant itself, which need not be registered.
    options : dict, default: {}
        Options of a variant that is given by name.
    p_values, shapes
        As for `check_variant`.
    expected_failures : dict of str to str, default: {}
        Names of checks that must fail, with the reason for each. These tests are strict xfails.

    Examples
    --------
    >>> from dropcore.testing import VariantSuite
    >>> class TestSpatial(VariantSuite):
    ...     variant = "spatial"
    ...     options = {"channel_axis": 1}
    """

    variant: ClassVar[str | Variant]
    options: ClassVar[dict[str, Any]] = {}
    p_values: ClassVar[Sequence[float] | None] = None
    shapes: ClassVar[Sequence[Shape] | None] = None
    expected_failures: ClassVar[dict[str, str]] = {}

    @classmethod
    def subject(cls) -> Subject:
        """The variant under test, made once for all tests of the class; it caches its samples."""
        if "_subject" not in cls.__dict__:
            reasons(cls.expected_failures)
            cls._subject = Subject(  # type: ignore[attr-defined]
                cls.variant, cls.options, cls.p_values, cls.shapes
            )
        subject: Subject = cls._subject  # type: ignore[attr-defined]
        return subject

    @classmethod
    def _misshapen(cls) -> str:
        # The message of the first check if it fails, else "". Computed once.
        if "_fault" not in cls.__dict__:
            cls._fault = ""  # type: ignore[attr-defined]
            if FIRST not in cls.expected_failures:
                try:
                    CHECKS[FIRST](cls.subject())
                except Exception as error:
                    cls._fault = str(error)  # type: ignore[attr-defined]
        return cls._fault  # type: ignore[attr-defined, no-any-return]


def _test(name: str, check: Check) -> Callable[[VariantSuite, pytest.FixtureRequest], None]:
    def test(self: VariantSuite, request: pytest.FixtureRequest) -> None:
        subject = self.subject()
        if name != FIRST and self._misshapen():
            pytest.skip(f"test_{FIRST} fails: {self._misshapen()}")
        if name in self.expected_failures:
            request.applymarker(pytest.mark.xfail(reason=self.expected_failures[name], strict=True))
        try:
            check(subject)
        except Skipped as why:
            pytest.skip(str(why))

    test.__name__ = f"test_{name}"
    test.__qualname__ = f"VariantSuite.test_{name}"
    test.__doc__ = check.__doc__
    return test


for _name, _check in CHECKS.items():
    setattr(VariantSuite, f"test_{_name}", _test(_name, _check))
