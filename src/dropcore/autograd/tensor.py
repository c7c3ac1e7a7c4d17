"""`Tensor`: NumPy's arithmetic on the tape, each operation next to its gradient rule.

In every rule ``dy`` is the gradient at the result. A rule may return a gradient of the broadcast
shape: the tape sums the gradient to the parent's shape. A tuple of rules has one rule for each
parent, and a rule is called only if its parent requires a gradient.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex
from weakref import ref

import numpy as np
from numpy.typing import ArrayLike

from dropcore.autograd.arguments import of_shape
from dropcore.autograd.gradients import Array, Gradient
from dropcore.autograd.protocols import ArrayProtocols, Number, floating, floats, operand
from dropcore.autograd.tape import Node, Rule, is_recording

Axis = int | tuple[int, ...] | None


class Tensor(ArrayProtocols):
    """An array with a record of how it was computed.

    Parameters
    ----------
    data : array_like
        float32 or float64, of any shape. An array is shared, not copied. Python numbers and lists
        of Python numbers become float64.
    requires_grad : bool, default: False
        Whether `backward` stores a gradient for this tensor in ``.grad``.

    Attributes
    ----------
    data : ndarray
        The values.
    grad : ndarray or None
        The sum of all gradients so far, of the shape and dtype of `data`. Set it to None to start a
        new sum.
    requires_grad : bool
        Whether a gradient flows to this tensor. A result requires a gradient if an operand does.

    Raises
    ------
    TypeError
        If `data` is of another dtype, or a masked array.

    Notes
    -----
    ``+ - * / @``, unary ``-`` and ``+``, `abs`, ``[...]`` and iteration follow NumPy, with arrays
    and numbers on either side; ``**`` takes a number as the exponent. A number, of Python or of
    NumPy, takes the tensor's dtype; arrays of integers and bools are promoted as NumPy does.

    Comparisons, `float`, `int`, `bool`, `len` and ``in`` look at the values, as NumPy does, and
    have no gradient. The same holds for `np.isfinite`, `np.isinf`, `np.isnan`, `np.signbit`,
    `np.shape`, `np.ndim` and `np.size`. In-place operators and hashing raise TypeError, and so do
    all other functions of NumPy, except those of the operators above.

    A leaf is a tensor that is not the result of a recorded operation, such as a parameter. A copy
    or an unpickled tensor is always a leaf.

    Examples
    --------
    >>> from dropcore.autograd import Tensor
    >>> w = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> y = (w @ w).sum()
    >>> y
    Tensor(54., requires_grad=True)
    >>> y.backward()
    >>> w.grad
    array([[ 7., 11.],
           [ 9., 13.]])
    """

    __slots__ = ("__weakref__", "_node", "data", "grad", "requires_grad")

    def __init__(self, data: ArrayLike, requires_grad: bool = False) -> None:
        self.data = floats("data", data)
        self.grad: Gradient = None
        self.requires_grad = requires_grad
        self._node: Node | None = None

    def detach(self) -> Tensor:
        """Return a tensor of the same memory that has no history and requires no gradient."""
        return Tensor(self.data)

    # The tape

    @property
    def node(self) -> Node | None:
        """The entry on the tape; None if no gradient is required."""
        if not self.requires_grad:
            return None
        node, data = self._node, self.data
        if node is None or (
            node.rule is None and (node.shape, node.dtype) != (data.shape, data.dtype)
        ):
            node = self._node = Node(data)
            node.keeper = ref(self)
        return node

    def retain_grad(self) -> None:
        """Keep the gradient at this result in ``.grad``, as leaves always do."""
        node = self.node
        if node is not None:
            node.keeper = ref(self)

    def backward(self, gradient: ArrayLike | None = None) -> None:
        """Add the gradient of this tensor to ``.grad`` of every leaf that requires it.

        Parameters
        ----------
        gradient : array, optional
            Of this tensor's shape. It may be omitted for a tensor of one element, and is 1 by
            default.

        Raises
        ------
        RuntimeError
            If the tensor requires no gradient, because none of its operands does.
        TypeError
            If `gradient` is not of real numbers.
        ValueError
            If `gradient` has another shape than the tensor, or is left out although the tensor has
            more than one element.

        Notes
        -----
        A ``.grad`` never shares memory with `gradient`, with data or with another ``.grad``.
        Gradients of intermediate results are freed on the way, except after `retain_grad`.

        Examples
        --------
        >>> from dropcore.autograd import Tensor
        >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        array([2., 4., 6.])
        """
        node = self.node
        if node is None:
            raise RuntimeError(
                "backward needs a tensor that requires a gradient: neither this tensor does, nor "
                "any tensor from which it was computed (or it was computed under no_grad)"
            )
        if gradient is None:
            if self.size != 1:
                raise ValueError(
                    f"gradient must be an array for a tensor of shape {self.shape}, not None: only "
                    "for a tensor of one element gradient may be left out"
                )
            gradient = np.ones_like(self.data)
        seed = np.asarray(gradient)
        if seed.dtype.kind not in "fiub":
            raise TypeError(f"gradient must be of real numbers, not of dtype {seed.dtype}")
        of_shape("gradient", seed.shape, self.shape)
        node.backward(seed.astype(self.dtype, copy=False))

    # Arithmetic

    def __add__(self, other: Tensor | ArrayLike) -> Tensor:
        other = as_tensor(other, like=self)
        return apply_op(self.data + other.data, (self, other), lambda dy: (dy, dy))

    def __sub__(self, other: Tensor | ArrayLike) -> Tensor:
        other = as_tensor(other, like=self)
        rules = (lambda dy: dy, lambda dy: -dy)
        return apply_op(self.data - other.data, (self, other), rules)

    def __mul__(self, other: Tensor | ArrayLike) -> Tensor:
        other = as_tensor(other, like=self)
        a, b = self.data, other.data
        return apply_op(a * b, (self, other), (lambda dy: dy * b, lambda dy: dy * a))

    def __truediv__(self, other: Tensor | ArrayLike) -> Tensor:
        other = as_tensor(other, like=self)
        b = other.data
        y = self.data / b
        return apply_op(y, (self, other), (lambda dy: dy / b, lambda dy: -dy * y / b))

    def __pow__(self, exponent: float) -> Tensor:
        if not isinstance(exponent, Number):
            raise TypeError(
                f"exponent must be a number, not {exponent!r}; for other powers write "
                "exp(exponent * log(base))"
            )
        x, n = self.data, float(exponent)
        # Without the exception x**0 would have a derivative of 0 * inf at 0.
        return apply_op(x**n, (self,), lambda dy: dy * (n * x ** (n - 1) if n else 0.0))

    def __neg__(self) -> Tensor:
        return apply_op(-self.data, (self,), lambda dy: -dy)

    def __pos__(self) -> Tensor:
        return apply_op(+self.data, (self,), lambda dy: dy)

    def __abs__(self) -> Tensor:
        x = self.data
        return apply_op(abs(x), (self,), lambda dy: dy * np.sign(x))

    def __matmul__(self, other: Tensor | ArrayLike) -> Tensor:
        other = as_tensor(other, like=self)
        if other.ndim == 1:
            return (self @ other.reshape(-1, 1))[..., 0]
        if self.ndim == 1:
            return (self.reshape(1, -1) @ other)[..., 0, :]
        a, b = self.data, other.data
        try:
            y = a @ b
        except ValueError:
            shapes = f"{a.shape} and {b.shape}"
            raise ValueError(f"operands of @ must fit, not have shapes {shapes}") from None
        rules = (lambda dy: dy @ b.swapaxes(-1, -2), lambda dy: a.swapaxes(-1, -2) @ dy)
        return apply_op(y, (self, other), rules)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: ArrayLike) -> Tensor:
        return as_tensor(other, like=self) - self

    def __rtruediv__(self, other: ArrayLike) -> Tensor:
        return as_tensor(other, like=self) / self

    def __rmatmul__(self, other: ArrayLike) -> Tensor:
        return as_tensor(other, like=self) @ self

    def __rpow__(self, base: ArrayLike) -> Tensor:
        return as_tensor(base, like=self) ** self  # type: ignore[operator]  # its error says what to write

    # Reductions

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum over `axis` (all axes if None)."""
        shape = self.data.shape

        def backward(dy: Array) -> Array:
            return np.broadcast_to(_restore_axes(dy, axis, keepdims), shape)

        return apply_op(self.data.sum(axis=axis, keepdims=keepdims), (self,), backward)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Mean over `axis` (all axes if None)."""
        total = self.sum(axis, keepdims)
        return total / (self.size // max(total.size, 1))

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Maximum over `axis` (all axes if None); ties share the gradient evenly."""
        x = self.data
        y = x.max(axis=axis, keepdims=True)

        def backward(dy: Array) -> Array:
            reached = (x == y) | (x != x)  # where there is a nan, it is the maximum
            share: Array = reached / reached.sum(axis=axis, keepdims=True, dtype=x.dtype)
            return share * _restore_axes(dy, axis, keepdims)

        return apply_op(y if keepdims else y.squeeze(axis), (self,), backward)

    # Shapes

    def reshape(self, *shape: Any) -> Tensor:
        """Give the elements another shape: integers or a tuple of integers; one may be -1."""
        before = self.data.shape
        return apply_op(self.data.reshape(*shape), (self,), lambda dy: dy.reshape(before))

    def transpose(self, *axes: Any) -> Tensor:
        """Permute the axes, given as integers or a tuple; without arguments, reverse the axes."""
        y = self.data.transpose(*axes)
        if len(axes) == 1 and not isinstance(axes[0], SupportsIndex):
            axes = axes[0] or ()
        order = [operator.index(axis) % self.ndim for axis in axes] or range(self.ndim)[::-1]
        return apply_op(y, (self,), lambda dy: dy.transpose(np.argsort(order)))

    @property
    def T(self) -> Tensor:
        """The tensor with its axes reversed."""
        return self.transpose()

    def __getitem__(self, index: Any) -> Tensor:
        x, shape, dtype = self.data, self.data.shape, self.data.dtype
        parts = index if isinstance(index, tuple) else (index,)
        if any(isinstance(part, Tensor) for part in parts):
            raise TypeError("an index must be integers, slices or bools, not a Tensor")
        repeats = not all(
            part is None or part is ... or isinstance(part, int | slice) for part in parts
        )

        def backward(dy: Array) -> Array:
            dx = np.zeros(shape, dtype)
            if repeats:  # an array of indices may name an element twice
                np.add.at(dx, index, dy)
            else:
                dx[index] = dy
            return dx

        return apply_op(x[index], (self,), backward)


def apply_op(
    value: ArrayLike, parents: Sequence[Tensor], backward: Rule | tuple[Rule, ...]
) -> Tensor:
    """Put an operation on the tape: its value, its operands and its gradient rule.

    All operations of this package use `apply_op`, and other packages can use it too.

    Parameters
    ----------
    value : ndarray
        The result, float32 or float64.
    parents : sequence of Tensor
        The tensors that gradients flow to.
    backward : callable or tuple of callables
        Takes ``dy``, the gradient at `value`, an ndarray with the shape and dtype of `value`. One
        callable for all parents returns an array for a single parent, and a tuple of arrays for
        several parents; None stands for no gradient. A tuple has one callable for each parent, and
        a callable is called only if its parent requires a gradient. A returned array has its
        parent's shape, or a shape to which the parent's shape broadcasts: the tape sums this array
        to the parent's shape. A returned array may be `dy` itself or a view of `dy`. `dy` may have
        any strides. If `dy` is writeable, no other reference to it exists, and the callable may
        overwrite it.

    Returns
    -------
    Tensor
        It requires a gradient if a parent does and the call is not under `no_grad`. In this case
        the tape keeps `backward`, with the arrays to which `backward` refers, and the nodes of the
        parents. The tape keeps neither `value` nor the parents themselves.

    Raises
    ------
    TypeError
        If `value` is of another dtype.
    ValueError
        If `backward` is a tuple that does not have one callable for each parent.

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.autograd import Tensor, apply_op
    >>> def sine(x):
    ...     return apply_op(np.sin(x.data), (x,), lambda dy: dy * np.cos(x.data))
    >>> x = Tensor(0.0, requires_grad=True)
    >>> sine(x).backward()
    >>> x.grad
    array(1.)
    """
    if isinstance(backward, tuple) and len(backward) != len(parents):
        counts = f"{len(parents)} parents, not {len(backward)}"
        raise ValueError(f"backward must be a rule for each of {counts}")
    result = Tensor.__new__(Tensor)  # not __init__, which checks users' arguments
    result.data = floating("value", np.asarray(value))
    result.grad = None
    nodes = tuple([parent.node for parent in parents]) if is_recording() else ()
    result.requires_grad = any(nodes)
    result._node = Node(result.data, nodes, backward) if result.requires_grad else None
    return result


def as_tensor(x: Tensor | ArrayLike, like: Tensor | None = None) -> Tensor:
    """Return `x` itself if it is a tensor, otherwise a tensor of `x` without a gradient.

    Parameters
    ----------
    x : Tensor or array_like
        As for `Tensor`.
    like : Tensor, optional
        The other operand of an operation on `x`. With `like`, a number takes the dtype of `like`.
        An array of integers, bools or other floats takes the dtype that NumPy's arithmetic would
        give for the array and `like`.

    Raises
    ------
    TypeError
        If `x` is of another kind or dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.autograd import Tensor, as_tensor
    >>> as_tensor(2, like=Tensor(np.zeros(3, np.float32)))
    Tensor(2., dtype=float32)
    >>> as_tensor(np.array([True, False]), like=Tensor([1.0, 2.0]))
    Tensor([1., 0.])
    """
    if isinstance(x, Tensor):
        return x
    if like is None:
        return Tensor(floats("x", x))
    return Tensor(operand(x, like.data.dtype))


def _restore_axes(dy: Array, axis: Axis, keepdims: bool) -> Array:
    """Give `dy` back the axes that a reduction took away, with length 1."""
    return dy if keepdims or axis is None else np.expand_dims(dy, axis)
