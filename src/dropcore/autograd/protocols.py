"""Protocols of Python and NumPy on a tensor's values, without a gradient.

A protocol acts on a tensor as on an array, or raises. If this file does not define a protocol,
Python itself raises, for example for ``x // 2``, ``round(x)`` or ``x[0] = 1``. Some protocols have
a default in Python that differs from NumPy's behaviour: equality, truth, hashing, iteration,
``+=``. This file defines these protocols. The table in ``tests/autograd/test_protocols.py`` lists
all protocols.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NoReturn, Self

import numpy as np

from dropcore.autograd.gradients import Array

Number = int | float | np.integer | np.floating | np.bool_
"""Numbers. In an operation with a tensor, a number takes the dtype of the tensor."""

# NumPy's functions of operators: ``array + tensor`` arrives as ``np.add(array, tensor)``.
_BINARY: dict[Any, str] = {
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.true_divide: "truediv",
    np.power: "pow",
    np.matmul: "matmul",
}
_UNARY: dict[Any, str] = {np.negative: "neg", np.positive: "pos", np.absolute: "abs"}
# Comparisons return bools, which have no gradient.
_OF_VALUES: set[Any] = {
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.isfinite,
    np.isinf,
    np.isnan,
    np.signbit,
}
_OF_SHAPES: set[Any] = {np.shape, np.ndim, np.size}
_ELSEWHERE = (
    "for values without a gradient pass x.data; if you need a gradient, use a function of "
    "dropcore.autograd or a method of Tensor"
)


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def method(self: ArrayProtocols, other: Any) -> Any:
        return compare(self.data, _values(other))

    return method


class ArrayProtocols:
    """The part of `Tensor` that is not on the tape."""

    __slots__ = ()
    data: Array
    requires_grad: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self.data.dtype

    def item(self) -> float:
        """Return the only element as a Python number."""
        return float(self.data.item())

    # Text

    def __repr__(self) -> str:
        text = np.array2string(self.data, separator=", ", prefix="Tensor(")
        dtype = "" if self.data.dtype == np.float64 else f", dtype={self.data.dtype}"
        return f"Tensor({text}{dtype}{', requires_grad=True' if self.requires_grad else ''})"

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else str(self)

    # Copies: leaves of their own

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        names = ("data", "grad", "requires_grad")
        return None, {name: getattr(self, name) for name in names} | {"_node": None}

    def __copy__(self) -> Self:
        return deepcopy(self)

    # Comparisons: arrays of bools

    __eq__ = _comparison(operator.eq)
    __ne__ = _comparison(operator.ne)
    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)
    __hash__ = None  # type: ignore[assignment]  # as in an array: its values can change

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self == value))

    # Numbers

    def __bool__(self) -> bool:
        if self.data.size != 1:
            raise ValueError(
                f"a Tensor of shape {self.data.shape} is neither true nor false: use "
                "x.data.any() or x.data.all()"
            )
        return bool(self.data)

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def _number(self) -> Array:
        if self.data.ndim:
            raise TypeError(
                f"a Tensor must have shape () to become a number, not {self.data.shape}: "
                "x.item() takes any tensor of one element"
            )
        return self.data

    # Sequences

    def __len__(self) -> int:
        if not self.data.ndim:
            raise TypeError("a Tensor of shape () has no length")
        return len(self.data)

    def __iter__(self) -> Iterator[Self]:
        if not self.data.ndim:
            raise TypeError("a Tensor of shape () cannot be iterated over")
        return map(self.__getitem__, range(len(self.data)))

    def __getitem__(self, index: Any) -> Self:
        raise NotImplementedError

    # In-place operators

    def _refuse_to_change(self, other: Any) -> NoReturn:
        raise TypeError(
            "a Tensor is not changed in place, because the tape may need its old values: write "
            "x = x + y; for the values alone, x.data += y"
        )

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = __imatmul__ = _refuse_to_change

    # NumPy

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if self.requires_grad:
            raise TypeError(
                "a Tensor that requires a gradient does not become an array by itself, which "
                f"would lose the gradient: {_ELSEWHERE}; dropcore.adapters.autograd has dropout"
            )
        return np.array(self.data, dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and not options:
            if ufunc in _OF_VALUES:
                return ufunc(*map(_values, inputs))
            if ufunc in _UNARY:
                return getattr(self, f"__{_UNARY[ufunc]}__")()
            if ufunc in _BINARY:
                left, right = inputs
                if isinstance(left, ArrayProtocols):
                    return getattr(left, f"__{_BINARY[ufunc]}__")(right)
                return getattr(right, f"__r{_BINARY[ufunc]}__")(left)
        what = "".join(
            [f".{method}" if method != "__call__" else "", *[f" with {name}=" for name in options]]
        )
        raise TypeError(f"numpy.{ufunc.__name__}{what} takes no Tensor: {_ELSEWHERE}")

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _OF_SHAPES:
            return function(*map(_values, args), **kwargs)
        raise TypeError(f"numpy.{function.__name__} takes no Tensor: {_ELSEWHERE}")


def floats(name: str, data: Any) -> Array:
    """Return `data` as an array of floats; Python's integers become float64."""
    array = unmasked(name, data)
    if array.dtype.kind == "i" and not isinstance(data, np.ndarray | np.generic):
        array = array.astype(np.float64)
    return floating(name, array)


def floating(name: str, array: Array) -> Array:
    """Return `array`; raise unless it is float32 or float64."""
    if array.dtype.char not in "fd" or not array.dtype.isnative:
        raise TypeError(
            f"{name} must be float32 or float64 in native byte order, not {array.dtype}"
        )
    return array


def unmasked(name: str, x: Any) -> Array:
    """Return `x` as an array; raise for a masked array, whose mask would be lost."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must be a plain array, not a masked array: pass its .data, or fill it"
        )
    return np.asarray(x)


def operand(x: Any, dtype: np.dtype[Any]) -> Array:
    """Return `x` as an array, for an operation with a tensor of `dtype`."""
    if isinstance(x, Number):
        return np.asarray(x, dtype)
    array = unmasked("an operand", x)
    if array.dtype.kind in "biuf":
        promoted = np.result_type(dtype, array.dtype)
        if promoted.char in "fd":
            return array.astype(promoted, copy=False)
    what = f"{type(x).__name__} of dtype {array.dtype}" if array.ndim else repr(x)
    raise TypeError(
        f"an operand must be a Tensor, a real number or an array of numbers, not {what}"
    )


def _values(x: Any) -> Any:
    return x.data if isinstance(x, ArrayProtocols) else x
