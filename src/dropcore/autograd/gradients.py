"""The gradients of a backward pass, and who holds them.

Two things save a training step most of its copies: a sum of gradients is added up in place, and a
rule may overwrite the gradient that it is given. Both are wrong if anybody else still sees the
array: a rule that keeps what it returned, a parameter that got the same gradient, the caller of
`backward`. So each gradient here is either *owned*, which means that nobody else holds it, or not:

- the one that the caller passed is not;
- a sum that was made here is;
- what a rule returned is if it is an array of its own memory, and the list that it was returned in
  held the only reference to it. Python's count of references tells, and knows of views and buffers
  too, since these hold the array that they look at. It knows nothing of weak references, which are
  counted apart;
- what was converted or summed to fit (`Receiver.fit`) is not, until a second gradient is added.

Outside of this file an owned gradient is one that is writeable: `Gradients.pop` gives the others as
read-only views.
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
_ALONE = getrefcount(_list[-1])  # what it says of something that a list alone holds


class Receiver(Protocol):
    """What gradients are added up for."""

    def fit(self, dx: Array) -> Array:
        """Return a gradient in the receiver's shape and dtype, `dx` itself if it has them."""


class Gradients:
    """The gradients that were found so far and not used yet, by their receivers.

    Parameters
    ----------
    receiver : Receiver
    gradient : ndarray
        The first one. It is the caller's, and is not written to.
    """

    __slots__ = ("_owned", "_sums")

    def __init__(self, receiver: Receiver, gradient: Array) -> None:
        self._sums = {receiver: gradient}
        self._owned: set[Receiver] = set()

    def pop(self, receiver: Receiver) -> Gradient:
        """Take the gradient of a receiver out, writeable if it is owned; None if there is none."""
        dy = self._sums.pop(receiver, None)
        return dy if dy is None or receiver in self._owned else read_only(dy)

    def add(self, receivers: Sequence[Receiver | None], dxs: list[Gradient]) -> None:
        """Add a gradient for each receiver, None standing for nothing in both.

        `dxs` is emptied. To be owned, a gradient must be held by this list alone.
        """
        sums, owned = self._sums, self._owned
        for receiver in reversed(receivers):
            alone = getrefcount(dxs[-1]) == _ALONE  # before it has a name here
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
