"""Gaussian dropout: every element is multiplied by normal noise of mean 1.

    y = x * r,  dx = dy * r,  r ~ N(1, p / (1 - p)) independently for each element

Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to prevent neural
networks from overfitting", JMLR 15 (2014), section 10. The variance of the noise equals the
variance in standard dropout, whose noise is 0 or 1 / (1 - p). Nothing is dropped: p only sets the
variance of the noise, which would be infinite for p = 1. Inference is the identity.

The noise is the Box-Muller transform of the draw's raw words. In each pair of elements the first
element takes the cosine and the second element the sine:

    u = (word >> 11) * 2^-53,  r = 1 + sqrt(p / (1 - p)) * sqrt(-2 log(1 - u1)) * cos(2 pi u2)

The noise depends only on the draw, p and the element's index in C order. So the noise is not
stored: backward computes it again. The words are the same on every machine; r may differ between
machines by a few units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

import dropcore

PIECE = 1 << 14  # even; the data for one piece fits in the cache


@dataclass(frozen=True, kw_only=True)
class Gaussian(dropcore.FreeVariant):
    """Elements are multiplied by normal noise of mean 1 and variance p / (1 - p).

    An infinity stays an infinity, multiplied by the sign of the noise, and a nan stays nan.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> x = np.full(100_000, 3.0)
    >>> y, mask = dropcore.dropout(x, p=0.2, training=True, rng=0, variant="gaussian")
    >>> bool(abs(y.mean() - 3) < 0.02 and abs(y.std() - 1.5) < 0.02)
    True
    >>> bool((mask.backward(x) == y).all())
    True
    """

    name: ClassVar[str] = "gaussian"
    p_domain: ClassVar[Literal["[0, 1)"]] = "[0, 1)"

    def forward(
        self, draw: dropcore.Draw, p: float, *inputs: NDArray[Any]
    ) -> tuple[NDArray[Any], tuple[()]]:
        return _times_noise(draw, p, inputs[0]), ()

    def backward(
        self, draw: dropcore.Draw, p: float, dy: NDArray[Any], *saved: Any
    ) -> NDArray[Any]:
        return _times_noise(draw, p, dy)

    def variance(self, p: float, *inputs: NDArray[Any]) -> NDArray[Any]:
        return inputs[0] ** 2 * (p / (1 - p))


def _times_noise(draw: dropcore.Draw, p: float, x: NDArray[Any]) -> NDArray[Any]:
    # The noise is rounded to x's dtype, so that forward and backward use the same noise.
    deviation = math.sqrt(p / (1 - p))
    y = np.empty(x.size, x.dtype)
    flat = x.reshape(-1)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for start in range(0, x.size, PIECE):
            piece = y[start : start + PIECE]
            piece[:] = 1 + deviation * _normal(draw, start, piece.size)
            piece *= flat[start : start + PIECE]
    return y.reshape(x.shape)


def _normal(draw: dropcore.Draw, start: int, n: int) -> NDArray[np.float64]:
    pairs = (n + 1) // 2
    uniform = (draw.words(2 * pairs, start=start) >> 11) * 2.0**-53
    radius = np.sqrt(-2 * np.log1p(-uniform[0::2]))
    angle = 2 * math.pi * uniform[1::2]
    normal = np.empty(2 * pairs)
    normal[0::2] = radius * np.cos(angle)
    normal[1::2] = radius * np.sin(angle)
    return normal[:n]


@dropcore.hookimpl
def register_variants(register: Callable[[type[dropcore.Variant]], None]) -> None:
    register(Gaussian)
