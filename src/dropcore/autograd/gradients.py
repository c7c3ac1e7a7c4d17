"""The gradients of a backward pass, and which gradients may be overwritten.

Two things avoid most copies in a training step: gradients are summed in place, and a rule may
overwrite its gradient argument. Neither is allowed if another reference to the array exists: a rule
may keep an array that it returned, a parameter may have got the same gradient, or the caller of
`backward` may hold the array. So each gradient is either *owned*, which means that no other
reference exists, or not owned:

- a gradient that the caller passed is not owned;
- a sum that was computed in this file is owned;
- a result of a rule is owned if it has its own memory and only the list of results refers to it.
  Python's reference count shows this. The count includes views and buffers, because they refer to
  their array. The count does not include weak references;
- a gradient that was converted or summed to fit (`Receiver.fit`) is not owned, until a second
  gradient is added.

Outside of this file, owned means writeable: `Gradients.pop` returns other gradients as read-only
views.
"""

from __future__ import annotations

from collections.abc import Sequence
from sys import getrefcount
from typing import Any, Protocol
from weakref import getweakrefcount

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Gradient = Array | None

_list = [object()]
_ALONE = getrefcount(_list[-1])  # the reference count of an object that only a list holds


class Receiver(Protocol):
    """An object for which gradients are summed."""

    def fit(self, dx: Array) -> Array:
        """Return a gradient in the receiver's shape and dtype: `dx` itself, if `dx` has both."""


class Gradients:
    """Gradients that are computed but not used yet, one for each receiver.

    Parameters
    ----------
    receiver : Receiver
    gradient : ndarray
        The first gradient. It belongs to the caller, and is not written to.
    """

    __slots__ = ("_owned", "_sums")

    def __init__(self, receiver: Receiver, gradient: Array) -> None:
        self._sums = {receiver: gradient}
        self._owned: set[Receiver] = set()

    def pop(self, receiver: Receiver) -> Gradient:
        """Remove and return a receiver's gradient, writeable if owned; None if there is none."""
        dy = self._sums.pop(receiver, None)
        return dy if dy is None or receiver in self._owned else read_only(dy)

    def add(self, receivers: Sequence[Receiver | None], dxs: list[Gradient]) -> None:
        """Add a gradient for each receiver; where one of the lists has None, nothing is added.

        `dxs` is emptied. A gradient is owned only if this list holds the only reference.
        """
        sums, owned = self._sums, self._owned
        for receiver in reversed(receivers):
            alone = getrefcount(dxs[-1]) == _ALONE  # before a variable adds a reference
            dx = dxs.pop()
            if dx is None or receiver is None:
                continue
            fitted = receiver.fit(dx)
            if receiver in owned:
                sums[receiver] += fitted
            elif receiver in sums:
                sums[receiver] = np.asarray(sums[receiver] + fitted)
                owned.add(receiver)
            else:
                sums[receiver] = fitted
                alone = alone and fitted is dx and getweakrefcount(dx) == 0
                if alone and dx.flags.owndata and dx.flags.carray:
                    owned.add(receiver)


def read_only(dy: Array) -> Array:
    """Return a view that cannot be written to."""
    view = dy.view()
    view.flags.writeable = False
    return view
