"""Dropout as a module of `dropcore.autograd`; the function is in `tape`.

This file and `tape` compute no dropout: they pass arrays to `dropcore.functional`, which returns y
and a Mask. A new variant needs no change here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from dropcore.adapters.layer import Layer
from dropcore.adapters.tape import Call, answered, answering, dropout, on_tape
from dropcore.autograd import Module, Tensor, as_tensor
from dropcore.autograd.contexts import check_model
from dropcore.draw import Draw
from dropcore.rng import stream_of
from dropcore.stream import Stream

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from dropcore.functional import _Shard
    from dropcore.rng import RNGLike

__all__ = ["Call", "Dropout", "answered", "dropout", "on_tape", "seed"]


def __dir__() -> list[str]:  # for completion: the public names
    return sorted(__all__)


# Maps a stream to its replacement after a state was loaded.
_heirs: WeakKeyDictionary[Stream, Stream] = WeakKeyDictionary()


def _same_draws(a: Stream, b: Stream) -> bool:
    return (a.seed, a.path) == (b.seed, b.path)


class Dropout(Layer, Module):
    """Dropout as a module.

    Parameters
    ----------
    p : float
        The probability that an element is dropped. It can be set between calls.
    variant : str or Variant, default: "standard"
    rng : optional
        As for `dropcore.dropout`, with one difference: an int, a SeedSequence or a Generator
        makes a Stream once, when the module is built. Each call in training mode takes the next
        draw of this Stream. See also `seed`.
    store : {"bits", "draw"}, default: "bits"
        As for `dropcore.dropout`.
    reuse : bool, default: True
        As for `dropcore.Dropout`: keep at most two of the large arrays (values and gradients
        together), and write to such an array again when no other reference to it exists.
    **options
        The variant's own options.

    Attributes
    ----------
    mask : Mask or None
        The mask of the last call.
    rng : None, Stream or Draw
        The source of the draws. The module's state contains its Stream, with the position, or its
        Draw. With None the state contains no stream, so after the state is loaded the module
        continues with other masks. `seed` gives such a module a stream.

    Notes
    -----
    The module may be called any number of times before a backward pass: the tape holds each
    call's mask. The engine computes first derivatives only.

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.adapters.autograd import Dropout
    >>> from dropcore.autograd import Linear, ReLU, Sequential
    >>> model = Sequential(
    ...     hidden=Linear(4, 8), act=ReLU(), drop=Dropout(0.5, rng=42), out=Linear(8, 2))
    >>> y = model(np.ones((3, 4), np.float32))
    >>> model.drop.mask.shape, model.drop.rng.position
    ((3, 8), 1)
    >>> model.eval().drop
    Dropout(0.5, Standard(shared_axes=()))
    """

    def forward(
        self, x: Tensor | ArrayLike, *, shard: _Shard | None = None, **inputs: Tensor | ArrayLike
    ) -> Tensor:
        """Drop elements of `x` in training mode, apply the inference rule in inference mode.

        Parameters
        ----------
        x : Tensor or array_like
        shard : (global_shape, offsets), optional
            As for `dropcore.dropout`: set `rng` to the Draw that all blocks share.
        **inputs
            The variant's further inputs, by name.
        """
        x, answer = as_tensor(x), answering.get()
        if answer is not None:
            return answer(Call(self, x, self._p, self.training, self.variant, shard, inputs))
        y, self.mask = on_tape(
            x,
            self._p,
            self.training,
            self.rng,
            self.variant,
            self.store,
            shard,
            inputs,
            self._reusable,
        )
        return y

    def get_extra_state(self) -> dict[str, Any] | str | None:
        """Return the stream's state or the draw's text, for JSON; None if `rng` is None."""
        if isinstance(self.rng, Draw):
            return str(self.rng)
        return None if self.rng is None else self.rng.state

    def set_extra_state(self, state: dict[str, Any] | str) -> None:
        """Restore a state that `get_extra_state` returned.

        If the module's stream has the saved seed and path, this stream moves to the saved position,
        also for other modules that share the stream. Otherwise the module gets a new stream at the
        saved position. Modules that shared the old stream share the new one.

        Raises
        ------
        TypeError, ValueError
            If `state` is broken, or of another stream version.
        """
        if isinstance(state, str):
            self.rng = Draw.parse(state)
            return
        saved, own = Stream.from_state(state), self.rng
        if not isinstance(own, Stream):
            self.rng = saved
            return
        if not _same_draws(own, saved):
            heir = _heirs.get(own)
            if heir is None or not _same_draws(heir, saved):
                heir = _heirs[own] = saved
            own = self.rng = heir
        own.state = state


def seed(model: Module, rng: RNGLike) -> None:
    """Give every dropout module of a model a stream of its own, derived from its qualified name.

    The module ``encoder.drop1`` gets ``stream.child("encoder").child("drop1")``. If modules have
    names, adding or removing a module, or changing its p, does not change the masks of the other
    modules. A `Sequential` whose modules have no names numbers them, so a new module changes the
    masks of all modules after it.

    Parameters
    ----------
    model : Module
        If the model uses one dropout module in several places, this module has several names, and
        gets the stream of its first name.
    rng : Stream, int, SeedSequence, Generator or BitGenerator
        A Stream is used as it is. From any other value a new Stream is made. If draws were
        already taken from the child stream of a module, the module continues at the position of
        this stream.

    Raises
    ------
    TypeError
        If `rng` is of another type, or `model` is not a Module.

    Examples
    --------
    >>> from dropcore.adapters.autograd import Dropout, seed
    >>> from dropcore.autograd import Linear, Sequential
    >>> model = Sequential(hidden=Linear(4, 8), drop=Dropout(0.5), out=Linear(8, 2))
    >>> seed(model, 42)
    >>> model.drop.rng
    <Stream seed=42 path=('drop',) position=0>
    """
    if rng is None or isinstance(rng, Draw):
        raise TypeError(
            "rng must be a Stream, an integer >= 0, a SeedSequence, a Generator or a "
            f"BitGenerator, not {rng!r}"
        )
    check_model(model)
    stream = stream_of(rng)
    for name, module in model.named_modules():
        if isinstance(module, Dropout):
            module.rng = stream
            for part in name.split(".") if name else ():
                module.rng = module.rng.child(part)
