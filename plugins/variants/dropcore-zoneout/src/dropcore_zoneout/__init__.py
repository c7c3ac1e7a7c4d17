"""Zoneout: a dropped element of a recurrent state keeps its previous value.

    training:   y = previous where dropped, x where kept
                dx = dy where kept, else 0;  dprevious = dy where dropped, else 0
    inference:  y = p * previous + (1 - p) * x, which is the mean of y in training

Krueger, Maharaj, Kramár, Pezeshki, Ballas, Ke, Goyal, Bengio, Courville, Pal, "Zoneout:
regularizing RNNs by randomly preserving hidden activations", ICLR 2017, section 3. x is the state
that the recurrent cell proposes, `previous` is the state of the previous step. For an LSTM, call
zoneout once for the cell state and once for the hidden state, each with its own p.

Nothing is scaled, and inference is not the identity. Backward computes the decisions again from
the draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import dropcore


@dataclass(frozen=True, kw_only=True)
class Zoneout(dropcore.FreeVariant):
    """A dropped element takes its value from a second array, `previous`.

    An element is selected from one array, never multiplied. So an infinity or a nan in the array
    that is not selected has no effect.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> h0, h1 = np.zeros(6), np.ones(6)
    >>> y, mask = dropcore.dropout(
    ...     h1, p=0.5, training=True, rng=0, variant="zoneout", previous=h0)
    >>> dh1, dh0 = mask.backward(np.ones(6))
    >>> bool((dh1 + dh0 == 1).all() and (dh1 == y).all())
    True
    >>> dropcore.dropout(h1, p=0.25, training=False, variant="zoneout", previous=h0)[0]
    array([0.75, 0.75, 0.75, 0.75, 0.75, 0.75])
    """

    name: ClassVar[str] = "zoneout"
    inputs: ClassVar[tuple[str, ...]] = ("x", "previous")

    def forward(
        self, draw: dropcore.Draw, p: float, *inputs: NDArray[Any]
    ) -> tuple[NDArray[Any], tuple[()]]:
        x, previous = inputs
        keep = dropcore.keep_mask(x.shape, p, rng=draw)
        y = previous.copy()
        np.copyto(y, x, where=keep)
        return y, ()

    def backward(
        self, draw: dropcore.Draw, p: float, dy: NDArray[Any], *saved: Any
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        keep = dropcore.keep_mask(dy.shape, p, rng=draw)
        dx, dprevious = np.zeros_like(dy), dy.copy()
        np.copyto(dx, dy, where=keep)
        np.copyto(dprevious, 0, where=keep)
        return dx, dprevious

    def infer(self, p: float, *inputs: NDArray[Any]) -> NDArray[Any]:
        x, previous = inputs
        if p in (0, 1):  # 0 * inf would be nan
            return previous if p else x
        y: NDArray[Any] = np.asarray(p * previous)
        y += (1 - p) * x
        return y

    def infer_backward(self, p: float, dy: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        if p in (0, 1):
            nothing = np.zeros_like(dy)
            return (nothing, dy) if p else (dy, nothing)
        return np.asarray((1 - p) * dy), np.asarray(p * dy)

    def expectation(self, p: float, *inputs: NDArray[Any]) -> NDArray[Any]:
        return self.infer(p, *inputs)

    def variance(self, p: float, *inputs: NDArray[Any]) -> NDArray[Any]:
        x, previous = inputs
        return np.asarray(p * (1 - p) * (x - previous) ** 2)


@dropcore.hookimpl
def register_variants(register: Callable[[type[dropcore.Variant]], None]) -> None:
    register(Zoneout)
