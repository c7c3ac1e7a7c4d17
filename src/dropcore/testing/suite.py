"""`VariantSuite`: a class to subclass in pytest, with a test for each check."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from dropcore.testing.checks import CHECKS, FIRST, Check, reasons
from dropcore.testing.frames import own_frames
from dropcore.testing.subject import Skipped, Subject, checked_p_values, checked_shapes
from dropcore.variants.base import Shape, Variant

try:
    import pytest
except ImportError as error:
    raise ImportError(
        "VariantSuite needs pytest, which is not installed: pip install 'dropcore[testing]'"
    ) from error


SETTINGS = ("variant", "options", "p_values", "shapes", "expected_failures")


class VariantSuite:
    """The checks of one variant as tests: ``test_gradient`` is the check "gradient".

    If ``test_structure`` fails, the other tests are skipped.

    Attributes
    ----------
    variant : str or Variant
        A name, or the variant itself, which need not be registered.
    options : dict, default: {}
        Options of the variant, only if `variant` is a name.
    p_values, shapes
        As for `check_variant`.
    expected_failures : dict of str to str, default: {}
        Names of checks that must fail, with the reason for each. The test of such a check fails
        if the check passes or is skipped; otherwise pytest reports the test as xfailed.

    Raises
    ------
    TypeError, ValueError
        When a subclass is defined: if it has an attribute that is not listed above, or a value that
        is not accepted. Methods, fixtures and names with a leading underscore are allowed. If the
        name of the class begins with Test, so that pytest collects it, the variant is also made
        when the class is defined. Any other class may be a common base, whose subclasses set the
        missing attributes.
    LookupError
        When a subclass is defined: if no variant has the name `variant`.

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

    def __init_subclass__(cls, **arguments: Any) -> None:
        __tracebackhide__ = True
        super().__init_subclass__(**arguments)
        for name, value in vars(cls).items():
            if name not in SETTINGS and not _is_own(name, value):
                raise TypeError(_unknown(name))
        if not isinstance(cls.options, Mapping):
            raise TypeError(f"options must be a dict of options by name, not {cls.options!r}")
        reasons(cls.expected_failures)
        if cls.p_values is not None:
            checked_p_values(cls.p_values)
        if cls.shapes is not None:
            checked_shapes(cls.shapes)
        if cls.__name__.startswith("Test"):
            try:
                cls.subject()
            except Exception as error:  # told once, while pytest collects
                raise error.with_traceback(own_frames(error))  # noqa: B904

    @classmethod
    def subject(cls) -> Subject:
        """The variant under test, made once for all tests of the class; it caches its samples."""
        __tracebackhide__ = True
        if "_subject" not in cls.__dict__:
            if not hasattr(cls, "variant"):
                raise TypeError(f"{cls.__name__}.variant must be given: a name, or a Variant")
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


def _is_own(name: str, value: object) -> bool:
    return (
        name.startswith(("_", "test"))
        or name == "pytestmark"
        or callable(value)
        or hasattr(value, "__get__")
    )


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, SETTINGS, n=1)
    if close:
        hint = f"did you mean {close[0]!r}?"
    elif name == "checks":
        hint = "pytest's -k chooses tests"
    else:
        hint = "begin the name with _ if it is your own"
    return f"attributes of a VariantSuite must be among {', '.join(SETTINGS)}, not {name!r}: {hint}"


def _fail(error: Exception) -> NoReturn:
    # Without the frames of the kit, the frames of the author's own code remain, if it raised. If no
    # frame remains, pytest prints none. If all frames were hidden, pytest would print a line more.
    own = own_frames(error)
    __tracebackhide__ = own is not None
    if own is not None:
        raise error.with_traceback(own)
    kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
    raise pytest.fail.Exception(f"{kind}{error}", pytrace=False) from None


def _expect(reason: str | None, request: pytest.FixtureRequest) -> None:
    # Called after the check: a skipped check must not count as the expected failure.
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


def _test(name: str, check: Check) -> Callable[[VariantSuite, pytest.FixtureRequest], None]:
    def test(self: VariantSuite, request: pytest.FixtureRequest) -> None:
        __tracebackhide__ = True
        try:
            subject = self.subject()
        except Exception as error:
            _fail(error)
        if name != FIRST and self._misshapen():
            pytest.skip(f"test_{FIRST} fails: {self._misshapen()}")
        reason = self.expected_failures.get(name)
        try:
            check(subject)
        except Skipped as why:
            if reason is None:
                pytest.skip(str(why))
            _fail(AssertionError(f"skipped, but expected to fail ({reason}): {why}"))
        except Exception as error:
            _expect(reason, request)
            _fail(error)
        _expect(reason, request)

    test.__name__ = f"test_{name}"
    test.__qualname__ = f"VariantSuite.test_{name}"
    test.__doc__ = check.__doc__
    return test


for _name, _check in CHECKS.items():
    setattr(VariantSuite, f"test_{_name}", _test(_name, _check))
