"""The contract of a variant: what the variant states, and what the core does for it.

A variant is a frozen dataclass whose fields are its options. Its methods are pure: all
randomness comes from the Draw that is passed to them. There are three kinds of variant:

`PlannedVariant`
    ``plan(p, shape)`` states the axes along which elements share a decision, and the values that
    kept and dropped elements become. The core does the rest, with the kernels of the standard
    variant.
`DecidingVariant`
    ``decide(draw, p, shape)`` computes the keep decisions. The core applies the decisions.
`FreeVariant`
    ``forward`` and ``backward`` are the variant's own, on C-contiguous float32 or float64
    arrays. The core handles float16, bfloat16, strides, ``out=`` and all checks.
"""

from __future__ import annotations

import difflib
import inspect
import math
import sys
from abc import abstractmethod
from dataclasses import dataclass, fields
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from dropcore._core import plan as _plan

if TYPE_CHECKING:
    from dropcore.draw import Draw

Array = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, ...]

MAX_AXES = 64  # the most axes that a NumPy array can have
# The values of an option that JSON can store.
PLAIN = "None, a bool, an integer, a finite real number, a str or a tuple of such values"


@dataclass(frozen=True)
class Plan:
    """The rule by which the core computes kept and dropped elements.

    A kept element becomes ``x * scale + shift``; the product and the sum are rounded to the
    computing dtype. A dropped element becomes ``drop``. The gradient is ``dy * scale`` where kept
    and +0.0 where dropped.

    Attributes
    ----------
    scale, shift, drop : float
    shared_axes : int or tuple of int
        Axes along which all elements share one decision; a negative axis counts from the end.

    Raises
    ------
    TypeError
        If `scale`, `shift` or `drop` is not a real number. If a variant needs another value for
        each element, write a `FreeVariant`.
    """

    scale: float
    shift: float = 0.0
    drop: float = 0.0
    shared_axes: int | tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("scale", "shift", "drop"):
            value = getattr(self, name)
            if not isinstance(value, Real):
                raise TypeError(
                    f"{name} of a Plan must be a real number, the same for all elements, "
                    f"not {described(value)}; for per-element values write a FreeVariant"
                )


def own_annotations(kind: type) -> dict[str, Any]:
    """The annotations in the body of a class, unevaluated if Python supports this."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(kind, format=annotationlib.Format.STRING)
    return inspect.get_annotations(kind)


@dataclass(frozen=True)
class Variant:
    """The base of the three kinds of variant. Derive your class from one of the kinds.

    Attributes
    ----------
    name : str
        The name under which the variant is registered.
    inputs : tuple of str
        Names of the input arrays. The first is "x"; the others are passed by name. All have
        the shape and dtype of x.
    p_domain : str
        The accepted p: "[0, 1]", or with a round bracket if an end is excluded, as in "[0, 1)".
    mean_scope : {"element", "tensor", None}
        "element": the mean of each element of y over draws equals its `expectation`. "tensor": if
        the elements of x are equal, or are random with one common mean, the mean of
        ``y - expectation`` over draws and over the whole array is 0. None: nothing is stated.
    """

    # A subclass sets these attributes without an annotation, or with ClassVar. With any other
    # annotation, the dataclass would make an option of the attribute.
    name: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]] = ("x",)
    p_domain: ClassVar[Literal["[0, 1]", "[0, 1)", "(0, 1]", "(0, 1)"]] = "[0, 1]"
    mean_scope: ClassVar[Literal["element", "tensor"] | None] = "element"

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        reserved = {
            name for kind in cls.__mro__ if kind.__module__ == __name__ for name in vars(kind)
        }
        for name, annotation in own_annotations(cls).items():
            if name in reserved | {"name"} and "ClassVar" not in str(annotation):
                raise TypeError(
                    f"{name} of class {cls.__name__} must have no annotation, or ClassVar, not "
                    f"{inspect.formatannotation(annotation)!r}: with this annotation, a "
                    "dataclass would make an option of the attribute"
                )

    def options(self) -> dict[str, Any]:
        """The options and their values, in the order of declaration."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def has_default_inference(self) -> bool:
        """Whether inference returns x: neither `infer` nor `infer_backward` is overridden."""
        kind = type(self)
        return kind.infer is Variant.infer and kind.infer_backward is Variant.infer_backward

    def takes_shard(self, training: bool) -> bool:
        """Whether a block of a larger array can be computed without the rest of the array."""
        return training or self.has_default_inference

    def independent_unit(self, shape: Shape) -> Shape:
        """For each axis: its length, or 1 if elements along the axis depend on each other.

        If even one pair of elements along an axis is dependent, the result has 1 for this axis. By
        default all elements are independent, and the result is `shape`. Example: for spatial
        dropout, shape (8, 16, 32, 32) gives (8, 16, 1, 1).
        """
        return shape

    def expectation(self, p: float, *inputs: Array) -> Array:
        """The mean of y over draws, as `mean_scope` defines it. By default x, or 0 for p = 1."""
        return inputs[0] if p < 1 else np.zeros_like(inputs[0])

    def drop_rate(self, p: float, shape: Shape) -> float | None:
        """The probability that a decision is False, one number for all decisions. By default p.

        None: not stated, or not the same for all decisions.
        """
        return p

    def variance(self, p: float, *inputs: Array) -> Array | None:
        """The variance of each element of y over draws; None: not stated."""
        return None

    def kept_moments(self, p: float) -> tuple[float, float] | None:
        """(m, v) such that x ~ N(m, v) gives y the mean m and variance v; None: not stated."""
        return None

    def infer(self, p: float, *inputs: Array) -> Array:
        """The layer's value in inference. By default x."""
        return inputs[0]

    def infer_backward(self, p: float, dy: Array) -> Array | tuple[Array, ...]:
        """The gradient of `infer`: an array for one input, a tuple for several.

        By default dy, so a variant with several inputs must override this method.
        """
        return dy


@dataclass(frozen=True)
class PlannedVariant(Variant):
    """A variant for which the core makes the decisions and applies them."""

    @abstractmethod
    def plan(self, p: float, shape: Shape) -> Plan:
        """The axes along which elements share a decision, and the values that elements become."""

    def variance(self, p: float, *inputs: Array) -> Array:
        """The variance of the plan's two-point distribution."""
        plan = self.plan(p, inputs[0].shape)
        return p * (1 - p) * (inputs[0] * plan.scale + plan.shift - plan.drop) ** 2

    def independent_unit(self, shape: Shape) -> Shape:
        """The shape of the mask: length 1 along the axes that the plan shares."""
        shared_axes = self.plan(0.5, shape).shared_axes
        shared = normalize_axis_tuple(shared_axes, len(shape), argname="shared_axes")
        return tuple(1 if axis in shared else length for axis, length in enumerate(shape))


@dataclass(frozen=True)
class DecidingVariant(Variant):
    """A variant that computes its own keep decisions; the core applies these decisions."""

    @abstractmethod
    def decide(self, draw: Draw, p: float, shape: Shape) -> Array:
        """The keep decisions for an array of `shape`, True where kept.

        The array has as many axes as `shape`, and broadcasts to `shape`: along an axis of length 1
        all elements share a decision.
        """

    @abstractmethod
    def plan(self, p: float, shape: Shape, keep: Array) -> Plan:
        """The values that elements become, given the decisions; `shared_axes` is not used."""


@dataclass(frozen=True)
class FreeVariant(Variant):
    """A variant that computes forward and backward itself."""

    def takes_shard(self, training: bool) -> bool:
        """False: elements may depend on each other.

        Also, raw words are counted from the beginning of the array: in a block, `draw.words` would
        give the words that belong to other elements.
        """
        return False

    def drop_rate(self, p: float, shape: Shape) -> float | None:
        """None: the variant has no keep decisions."""
        return None

    @abstractmethod
    def forward(self, draw: Draw, p: float, *inputs: Array) -> tuple[Array, tuple[Any, ...]]:
        """y, a new array of x's shape and dtype, and the values to save for `backward`."""

    @abstractmethod
    def backward(self, draw: Draw, p: float, dy: Array, *saved: Any) -> Array | tuple[Array, ...]:
        """The gradient of each input: an array for one input, a tuple for several."""


# ------------------------------------------------------------ what is wrong with a class

KINDS: dict[type[Variant], tuple[str, ...]] = {
    PlannedVariant: ("plan",),
    DecidingVariant: ("decide", "plan"),
    FreeVariant: ("forward", "backward"),
}
"""The kinds of variant, and the methods that a variant of each kind must define."""


def kind_of(variant: Variant) -> type[Variant]:
    """The kind of a variant; raises TypeError if the variant has no kind, or several."""
    kinds = [kind for kind in KINDS if isinstance(variant, kind)]
    if len(kinds) != 1:
        names = ", ".join(kind.__name__ for kind in KINDS)
        found = " and ".join(kind.__name__ for kind in kinds) or "none of them"
        raise TypeError(
            f"{type(variant).__name__} must derive from one of {names}, not from {found}"
        )
    return kinds[0]


def check_methods(variant: Variant) -> None:
    """Raise TypeError if a variant lacks a method of its kind."""
    own, kind = type(variant), kind_of(variant)
    missing = [name for name in KINDS[kind] if getattr(own, name) is getattr(kind, name)]
    if missing:
        added = sorted(set(dir(own)) - set(dir(kind)))
        close = [match for name in missing for match in difflib.get_close_matches(name, added, n=1)]
        hint = f"; did you misspell it as {' and '.join(close)}?" if close else ""
        raise TypeError(
            f"{own.__name__} must define {' and '.join(missing)}, as each {kind.__name__} "
            f"must{hint}"
        )


def described(value: Any) -> str:
    """A method's result as text for an error: of an array, dtype and shape without elements."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return repr(value)


# ------------------------------------------------------------ the scale of a plan


def kept_scale(p: float) -> float:
    """The scale of kept elements: 1 / (1 - p), with which y has the mean x, and 0 for p = 1.

    Parameters
    ----------
    p : float
        The probability that an element is dropped, in [0, 1].

    Returns
    -------
    float
        Computed from the probability that the core uses, ``floor(p * 2**64) / 2**64``. It is
        finite for every p, and equals the scale of standard dropout to the bit.

    Raises
    ------
    ValueError
        If p is outside [0, 1], or nan.

    Examples
    --------
    >>> import dropcore
    >>> dropcore.kept_scale(0.75), dropcore.kept_scale(1.0)
    (4.0, 0.0)
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p must be in [0, 1], not {p!r}")
    return _plan.kept_scale(p)


# ------------------------------------------------------------ options, checked


def plain(value: Any) -> Any:
    """An option in Python's own types: a NumPy scalar as a number, a list as a tuple."""
    if isinstance(value, tuple | list):
        return tuple(map(plain, value))
    return value.item() if isinstance(value, np.bool_ | np.number | np.str_) else value


def is_plain(value: Any) -> bool:
    """Whether an option can be hashed and stored in JSON, as `Mask.record` needs."""
    if isinstance(value, tuple):
        return all(map(is_plain, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int | str)


def check_plain(variant: Variant) -> None:
    """Raise TypeError if an option of the variant is not plain."""
    for name, value in variant.options().items():
        if not is_plain(value):
            raise TypeError(f"{name} of variant {variant.name!r} must be {PLAIN}, not {value!r}")


def bool_option(name: str, value: Any) -> bool:
    """Check an option that must be True or False; return a bool."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def integer_option(name: str, value: Any, *, least: int | None = None) -> int:
    """Check an option that must be an integer, at least `least`; return an int."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if least is not None and value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return int(value)


def axis_option(name: str, value: Any) -> int:
    """Check an option that must be one axis; return an int."""
    axis = integer_option(name, value)
    if not -MAX_AXES <= axis < MAX_AXES:
        raise ValueError(f"{name} must be in [-{MAX_AXES}, {MAX_AXES}), not {value}")
    return axis


def axes_option(name: str, value: Any) -> tuple[int, ...]:
    """Check an option that must be one axis or several; return a tuple of int."""
    if isinstance(value, tuple | list):
        return tuple(axis_option(f"each of {name}", axis) for axis in value)
    return (axis_option(name, value),)


def real_option(name: str, value: Any) -> float:
    """Check an option that must be a finite real number; return a float."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a real number, not {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, not {value!r}")
    return float(value)
