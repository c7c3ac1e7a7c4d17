"""The layer for training loops written by hand on NumPy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

import numpy as np

from dropcore.adapters.layer import Layer
from dropcore.functional import dropout_by_position
from dropcore.mask import Mask

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from dropcore.functional import _Shard
    from dropcore.variants.base import Array

__all__ = ["Dropout"]

T = TypeVar("T", bound=np.generic)


def __dir__() -> list[str]:  # for completion: the public names
    return sorted(__all__)


class Dropout(Layer):
    """A dropout layer: ``y = layer(x)``, and backward ``dx = layer.backward(dy)``.

    Parameters
    ----------
    p : float
        The probability that an element is dropped. It can be set between calls.
    variant : str or Variant, default: "standard"
    rng : optional
        As for `dropcore.dropout`, with one difference: an int, a SeedSequence or a Generator makes
        a Stream once, when the layer is built. Each call in training mode takes the next draw of
        this Stream.
    store : {"bits", "draw"}, default: "bits"
        As for `dropcore.dropout`.
    reuse : bool, default: True
        Keep at most two of the large arrays that the layer returned, and write the next result into
        such an array when no other reference to it exists. The layer never writes to an array while
        something else, such as a view, refers to it. Reuse saves the page faults of fresh memory.
        With False, and in free-threaded Python, the layer keeps no array.
    **options
        The variant's own options.

    Attributes
    ----------
    training : bool
        The mode: True at first; `train` sets it to True, `eval` to False.
    mask : Mask or None
        The mask of the last call.
    rng : None, Stream or Draw
        The source of the draws.

    Notes
    -----
    Each call makes one mask, and the layer expects one `backward` for each call. A call is open
    until its `backward` has run, or until `train` or `eval` is called. `backward` without `mask=`
    works only if exactly one call is open, and this call is the last. Otherwise pass the mask of
    the call as `mask=`.

    Examples
    --------
    >>> import dropcore, numpy as np
    >>> layer = dropcore.Dropout(0.5, rng=42)
    >>> x = np.ones((2, 3), np.float32)
    >>> y = layer(x)
    >>> dx = layer.backward(np.ones_like(y))
    >>> bool((dx == y).all())
    True
    >>> layer.eval()(x)
    array([[1., 1., 1.],
           [1., 1., 1.]], dtype=float32)
    """

    training = True
    _calls = 0  # calls without a backward yet
    _last_is_done = False

    @overload
    def __call__(
        self,
        x: NDArray[T],
        *,
        out: NDArray[T] | None = None,
        shard: _Shard | None = None,
        **inputs: Any,
    ) -> NDArray[T]: ...

    @overload
    def __call__(
        self, x: ArrayLike, *, out: Array | None = None, shard: _Shard | None = None, **inputs: Any
    ) -> Array: ...

    def __call__(
        self, x: ArrayLike, *, out: Array | None = None, shard: _Shard | None = None, **inputs: Any
    ) -> Array:
        """y: dropout in training mode, the variant's inference rule in inference mode.

        Parameters
        ----------
        x : array_like
        out : numpy.ndarray, optional
            As for `dropcore.dropout`.
        shard : (global_shape, offsets), optional
            As for `dropcore.dropout`: set `rng` to the Draw that all blocks share.
        **inputs
            The variant's further inputs, by name.

        Returns
        -------
        numpy.ndarray
            `out`, or an array in C order to which at most the layer itself also refers (see
            `reuse`).
        """
        if out is None and self._reusable is not None:
            out = self._reusable.like(x)
        y, self.mask = dropout_by_position(
            x, self._p, self.training, self.rng, self.variant, out, self.store, shard, inputs
        )
        self._calls += 1
        self._last_is_done = False
        return y

    @overload
    def backward(
        self, dy: NDArray[T], mask: Mask | None = None, *, out: NDArray[T] | None = None
    ) -> NDArray[T] | Any: ...

    @overload
    def backward(
        self, dy: ArrayLike, mask: Mask | None = None, *, out: Array | None = None
    ) -> Array | Any: ...

    def backward(
        self, dy: ArrayLike, mask: Mask | None = None, *, out: Array | None = None
    ) -> Array | Any:
        """The gradient of the layer's input.

        Parameters
        ----------
        dy : array_like
        mask : Mask, optional
            The layer's `mask` right after the forward call to which this backward belongs. It can
            be left out if exactly one call is open, and this call is the last.
        out : numpy.ndarray, optional
            As for `Mask.backward`.

        Returns
        -------
        numpy.ndarray or tuple of numpy.ndarray

        Raises
        ------
        RuntimeError
            If `mask` is left out, and no call is open, several calls are open, or the open call is
            not the last call.
        """
        if mask is None:
            if self._calls != 1 or self._last_is_done or self.mask is None:
                self._refuse_to_guess()
            mask = self.mask
        elif not isinstance(mask, Mask):
            raise TypeError(f"mask must be a Mask, not {mask!r}")
        if out is None and self._reusable is not None and len(mask.variant.inputs) == 1:
            out = self._reusable.like(dy)
        dx = mask.backward(dy, out=out)
        if self._calls:
            self._calls -= 1
        if mask is self.mask:
            self._last_is_done = True
        return dx

    def _refuse_to_guess(self) -> NoReturn:
        if self._calls == 0:
            raise RuntimeError(
                "backward needs a call of the layer after its last train() or eval(), or mask="
            )
        these = "an earlier call has" if self._calls == 1 else f"{self._calls} calls have"
        raise RuntimeError(
            f"backward needs mask=, because {these} had no backward yet: pass the value that "
            "layer.mask had right after the call that you want to differentiate"
        )

    def train(self) -> Dropout:
        """Set training mode, which is the initial mode; return the layer."""
        self.training, self._calls = True, 0
        return self

    def eval(self) -> Dropout:
        """Set inference mode; return the layer."""
        self.training, self._calls = False, 0
        return self
