"""The engine: what the tape records, and how gradients flow back along the tape.

A node is the record of one result. The node has the nodes of the operands (its parents), and a rule
that turns the gradient at the result into gradients at the parents. The node does not hold the
result: a rule holds the arrays that it needs, and other arrays are freed during the forward pass.
Leaves have no rule. The tape consists of the references between nodes. There is no global list, and
the tape is freed with the last result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from operator import attrgetter
from typing import Any, Protocol
from weakref import ref

import numpy as np

from dropcore.autograd.gradients import Array, Gradient, Gradients, read_only

Rule = Callable[[Array], Any]
"""Takes the gradient at a value; returns the gradient at the parent, or a tuple for all parents."""


class Keeper(Protocol):
    """An object whose ``.grad`` receives a gradient."""

    grad: Gradient


_recording: ContextVar[bool] = ContextVar("recording", default=True)


@contextmanager
def recording(mode: bool) -> Iterator[None]:
    """Switch recording on or off in the block."""
    token = _recording.set(mode)
    try:
        yield
    finally:
        _recording.reset(token)


def no_grad() -> AbstractContextManager[None]:
    """Compute without recording: results inside the block require no gradient.

    A context manager, and a decorator too (``@no_grad()``). Recording stops only in the current
    thread or asyncio task. Blocks may be nested.

    Examples
    --------
    >>> from dropcore.autograd import Tensor, no_grad
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     y = x * 3
    >>> y.requires_grad
    False
    """
    return recording(False)


is_recording = _recording.get  # False inside `no_grad`


class Node:
    """One entry of the tape.

    Parameters
    ----------
    value : ndarray
        The result; its shape and dtype are noted.
    parents : tuple of Node or None
        The nodes of the operands; None for an operand that requires no gradient.
    rule : callable, tuple of callables or None
        One rule for all parents, or one rule for each parent; None for a leaf.
    """

    __slots__ = ("depth", "dtype", "keeper", "parents", "rule", "shape")

    def __init__(
        self,
        value: Array,
        parents: tuple[Node | None, ...] = (),
        rule: Rule | tuple[Rule, ...] | None = None,
    ) -> None:
        self.shape, self.dtype = value.shape, value.dtype
        self.parents = parents
        self.rule = rule
        self.depth = 0  # operations on the longest way from here to a leaf
        for parent in parents:
            if parent is not None and parent.depth >= self.depth:
                self.depth = parent.depth + 1
        self.keeper: ref[Keeper] | None = None  # the tensor whose .grad is set

    def backward(self, gradient: Array) -> None:
        """Add the gradient of this node, and of each ancestor with a keeper, to ``keeper.grad``."""
        gradients = Gradients(self, gradient)
        for node in _children_first(self):
            dy = gradients.pop(node)
            if dy is None:
                continue
            if node.keeper is not None:
                node._keep(dy)
            if node.rule is not None:
                gradients.add(node.parents, node._pull_back(dy))

    def _keep(self, dy: Array) -> None:
        assert self.keeper is not None
        tensor = self.keeper()
        if tensor is None:
            return
        if tensor.grad is not None:  # not in place: other references keep their values
            tensor.grad = np.asarray(tensor.grad + dy)
        else:
            owned = dy.flags.writeable and self.rule is None  # no rule will overwrite it
            tensor.grad = dy if owned else dy.copy()

    def _pull_back(self, dy: Array) -> list[Gradient]:
        """Return the gradient at each parent; None for a parent without a gradient."""
        rule, parents = self.rule, self.parents
        if isinstance(rule, tuple):
            dy = read_only(dy)  # each rule needs its values
            pairs = zip(rule, parents, strict=True)
            return [None if parent is None else one(dy) for one, parent in pairs]
        assert rule is not None
        answer = rule(dy)
        dxs = list(answer) if isinstance(answer, tuple) else [answer]
        if len(dxs) != len(parents):
            what = f"as many gradients as there are parents, {len(parents)}, not {len(dxs)}"
            raise ValueError(f"gradient rule {rule!r} must return {what}")
        return dxs

    def fit(self, dx: Array) -> Array:
        """Give the gradient `dx` the dtype and shape of the result: undo broadcasting.

        If the forward pass repeated an element along an axis, gradients are summed along the axis.
        """
        dx, shape = np.asarray(dx, dtype=self.dtype), self.shape
        if dx.shape == shape:
            return dx
        extra = dx.ndim - len(shape)
        if extra < 0 or any(n not in (1, m) for n, m in zip(shape, dx.shape[extra:], strict=True)):
            raise ValueError(
                f"a gradient rule must return shape {shape} for this parent, not {dx.shape}"
            )
        repeated = [axis + extra for axis, n in enumerate(shape) if n == 1]
        return np.asarray(dx.sum(axis=(*range(extra), *repeated))).reshape(shape)


def _children_first(root: Node) -> list[Node]:
    """Return `root` and all its ancestors, children before parents.

    A node is deeper than its parents, so nodes are sorted by depth. Nodes of equal depth keep the
    order in which they are found, so that sums are the same in every run. The search does not
    recurse, because a network of a thousand layers would reach Python's recursion limit.
    """
    found = [root]
    seen = {root}
    for node in found:  # the loop appends to the list
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                found.append(parent)
    return sorted(found, key=attrgetter("depth"), reverse=True)
