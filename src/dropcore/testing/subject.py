"""The variant under test, the values of p that are tried, and the shapes that it accepts."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from math import nan
from typing import Any

from dropcore.plugins import get_variant
from dropcore.testing.case import STREAM, Case
from dropcore.variants.base import DecidingVariant, PlannedVariant, Shape, Variant

P_VALUES = (0.1, 0.37, 0.8)  # 0.37 has two digits: it finds a variant that rounds p
RANGE = (0.05, 0.95)  # nearer to 0 and 1, many draws are identical
SHAPES: tuple[Shape, ...] = ((60,), (6, 10), (2, 3, 12), (2, 3, 8, 8))


class Skipped(Exception):
    """The check does not apply to this variant, for the given reason."""


class Subject:
    """A variant under test.

    Parameters
    ----------
    variant : str or Variant
    options : dict
        Options of a variant that is given by name.
    p_values : sequence of float, optional
        Values in [0.05, 0.95]. p = 0 and p = 1 have checks of their own.
    shapes : sequence of tuple of int, optional
        Shapes of x, which the variant must accept. By default the shapes of `SHAPES` for which the
        variant does not raise ValueError.

    Attributes
    ----------
    cases : tuple of Case
        One case for each p and shape.
    """

    def __init__(
        self,
        variant: str | Variant,
        options: dict[str, Any] | None = None,
        p_values: Sequence[float] | None = None,
        shapes: Sequence[Shape] | None = None,
    ) -> None:
        if isinstance(variant, Variant) and not options:  # the checks judge what it holds
            self.variant = variant
        else:
            self.variant = get_variant(variant, **(options or {}))
        self.p_values = checked_p_values(P_VALUES if p_values is None else p_values)
        self.shapes = self._default_shapes() if shapes is None else checked_shapes(shapes)
        self.cases = tuple(Case(self.variant, p, s) for s in self.shapes for p in self.p_values)

    def at(self, p: float) -> tuple[Case, ...]:
        """A case for each shape, with the given p."""
        return tuple(Case(self.variant, p, shape) for shape in self.shapes)

    def ends(self) -> tuple[float, ...]:
        """The values among 0 and 1 that the variant accepts as p."""
        domain = self.variant.p_domain
        return (0.0,) * (domain[0] == "[") + (1.0,) * (domain[-1] == "]")

    def refused(self) -> tuple[float, ...]:
        """Values that the variant must refuse as p."""
        domain = self.variant.p_domain
        return (-0.1, 1.1, nan) + (0.0,) * (domain[0] == "(") + (1.0,) * (domain[-1] == ")")

    def reads(self, shape: Shape) -> str:
        """Empty if the variant accepts arrays of this shape, otherwise the reason why not."""
        case = Case(self.variant, self.p_values[0], shape)
        try:
            case.variant.independent_unit(shape)
            if isinstance(case.variant, PlannedVariant):
                case.run(case.inputs(), STREAM.at(0))  # the core checks the axes of its plan
            elif isinstance(case.variant, DecidingVariant):
                keep = case.variant.decide(STREAM.at(0), case.p, shape)
                case.variant.plan(case.p, shape, keep)
            elif case.free is not None:
                case.free.forward(STREAM.at(0), case.p, *case.inputs())
        except ValueError as error:
            return str(error)
        except Exception:
            return ""  # the shape is accepted; the checks will report this failure
        return ""

    def _default_shapes(self) -> tuple[Shape, ...]:
        reasons = {shape: self.reads(shape) for shape in SHAPES}
        shapes = tuple(shape for shape, reason in reasons.items() if not reason)
        if not shapes:
            tried = "; ".join(f"{shape}: {reason}" for shape, reason in reasons.items())
            raise ValueError(
                f"shapes must be given, not left out: {self.variant!r} accepts none of the usual: "
                f"{tried}"
            )
        return shapes


def checked_p_values(values: Iterable[float]) -> tuple[float, ...]:
    """The p to try, as a tuple."""
    says = f"p_values must be a list of one or more p in {list(RANGE)}, not {values!r}"
    try:
        given = tuple(values)
        inside = bool(given) and all(RANGE[0] <= p <= RANGE[1] for p in given)
    except TypeError:
        raise TypeError(says) from None
    if not inside:
        raise ValueError(says)
    return given


def checked_shapes(shapes: Iterable[Shape]) -> tuple[Shape, ...]:
    """The shapes to try, as a tuple of tuples of int."""
    says = f"shapes must be one or more shapes with elements, such as [(6, 10)], not {shapes!r}"
    try:
        given = tuple(tuple(map(operator.index, shape)) for shape in shapes)
    except TypeError:
        raise TypeError(says) from None
    if not given or not all(length > 0 for shape in given for length in shape):
        raise ValueError(says)
    return given
