"""The engine: what the tape records, and how gradients flow back along it.

A node holds an array, the nodes it was computed from (its parents), and a rule that turns the
gradient at the node into gradients at the parents. Leaves have no rule. The tape *is* these
references: nothing global is kept, and it goes when the last result goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Gradient = Array | None
Rule = Callable[[Array], Any]
"""Takes the gradient at a value; returns the gradient at a parent, or a tuple of them."""

_recording: ContextVar[bool] = ContextVar("recording", default=True)


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: results inside the block require no gradient.

    A context manager, and a decorator too (``@no_grad()``). It holds for the current thread (or
    asyncio task) alone, and may be nested.

    Examples
    --------
    >>> from dropcore.autograd import Tensor, no_grad
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     y = x * 3
    >>> y.requires_grad
    False
    """
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


def is_recording() -> bool:
    """Whether operations are recorded here: False inside `no_grad`."""
    return _recording.get()


class Node:
    """One entry of the tape; `Tensor` adds the arithmetic."""

    __slots__ = ("_parents", "_retains", "_rule", "data", "grad", "requires_grad")

    data: Array
    grad: Gradient
    requires_grad: bool
    _parents: tuple[Node, ...]
    _rule: Rule | tuple[Rule, ...] | None  # one for all the parents, or one for each
    _retains: bool

    @property
    def parents(self) -> tuple[Node, ...]:
        """What this was computed from; empty if it requires no gradient."""
        return self._parents

    def retain_grad(self) -> None:
        """Keep the gradient at this result in ``.grad``, as leaves do anyway."""
        self._retains = True

    def backward(self, gradient: ArrayLike | None = None) -> None:
        """Add the gradient of this tensor to ``.grad`` of every leaf that requires it.

        Parameters
        ----------
        gradient : array, optional
            The gradient at this tensor, of its shape; cast to its dtype. A tensor of one element
            may leave it out: 1.

        Raises
        ------
        RuntimeError
            If the tensor requires no gradient: nothing led to it that does.
        ValueError
            If `gradient` is left out and the tensor has more than one element, or has another
            shape than the tensor.

        Notes
        -----
        A ``.grad`` is an array of the engine's own: it never shares memory with `gradient`, with
        data or with another ``.grad``. Gradients between the leaves are freed on the way.

        Examples
        --------
        >>> from dropcore.autograd import Tensor
        >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        array([2., 4., 6.])
        """
        gradients = {self: self._seed(gradient)}
        owned: set[Node] = set()  # the nodes whose gradient is a sum the engine made itself
        for node in _children_first(self):
            dy = gradients.pop(node, None)
            if dy is None:
                continue
            if node._rule is None or node._retains:
                node._keep(dy if node in owned else dy.copy())
            for parent, dx in zip(node._parents, node._pull_back(dy), strict=True):
                if dx is None or not parent.requires_grad:
                    continue
                dx = _fit(dx, parent.data)
                if parent not in gradients:
                    gradients[parent] = dx
                elif parent in owned:
                    gradients[parent] += dx
                else:
                    gradients[parent] = np.asarray(gradients[parent] + dx)
                    owned.add(parent)

    def _seed(self, gradient: ArrayLike | None) -> Array:
        if not self.requires_grad:
            raise RuntimeError(
                "backward: this tensor requires no gradient, nor does anything it "
                "was computed from (or it was computed under no_grad)"
            )
        if gradient is None:
            if self.data.size != 1:
                raise ValueError(
                    f"gradient: needed for a tensor of shape {self.data.shape}; "
                    "only one of a single element may leave it out"
                )
            return np.ones_like(self.data)
        seed = np.asarray(gradient, dtype=self.data.dtype)
        if seed.shape != self.data.shape:
            raise ValueError(f"gradient: shape {seed.shape}, expected {self.data.shape}")
        return seed

    def _keep(self, dy: Array) -> None:
        # Not in place: whoever holds the earlier .grad keeps what they saw.
        self.grad = dy if self.grad is None else np.asarray(self.grad + dy)

    def _pull_back(self, dy: Array) -> tuple[Gradient, ...]:
        """Return the gradient at each parent, None where there is none."""
        rule = self._rule
        if rule is None:
            return ()
        if isinstance(rule, tuple):
            return tuple(
                [
                    one(dy) if parent.requires_grad else None
                    for one, parent in zip(rule, self._parents, strict=True)
                ]
            )
        answer = rule(dy)
        dxs: tuple[Gradient, ...] = answer if isinstance(answer, tuple) else (answer,)
        if len(dxs) != len(self._parents):
            raise ValueError(
                f"gradient rule {rule!r}: returned {len(dxs)} gradients for "
                f"{len(self._parents)} parents"
            )
        return dxs


def _children_first(root: Node) -> list[Node]:
    """Return all that `root` needs gradients for, each node before its parents.

    Depth first with a stack of its own: a recursive walk would end at Python's recursion limit,
    which networks of a thousand layers reach.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [(root, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            for parent in node._parents:
                if parent.requires_grad and parent not in seen:
                    stack.append((parent, False))
    order.reverse()
    return order


def _fit(dx: Array, like: Array) -> Array:
    """Give the gradient `dx` the dtype and shape of `like`: broadcasting, undone.

    Where the forward pass repeated an element along an axis, its gradient is the sum along it.
    """
    dx = np.asarray(dx, dtype=like.dtype)
    shape = like.shape
    if dx.shape == shape:
        return dx
    extra = dx.ndim - len(shape)
    if extra < 0 or any(n not in (1, m) for n, m in zip(shape, dx.shape[extra:], strict=True)):
        raise ValueError(f"gradient rule: returned shape {dx.shape} for a parent of shape {shape}")
    repeated = [axis + extra for axis, n in enumerate(shape) if n == 1]
    total: Array = dx.sum(axis=(*range(extra), *repeated)).reshape(shape)
    return total
