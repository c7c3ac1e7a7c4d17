"""Dropout on the tape of `dropcore.autograd`: the function and the module.

This file knows only that a variant takes arrays and returns a Mask. A new variant needs no
change here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from dropcore import functional
from dropcore._core.reuse import ReusableOutputs
from dropcore.autograd import Module, Tensor, apply_op, as_tensor
from dropcore.autograd.contexts import check_model
from dropcore.draw import Draw
from dropcore.functional import keeps_bits
from dropcore.mask import Mask, p_for
from dropcore.plugins import get_variant
from dropcore.rng import stream_of
from dropcore.stream import Stream
from dropcore.variants.base import Variant

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from dropcore.functional import _Shard
    from dropcore.rng import RNGLike

    Store = Literal["bits", "draw"]


def dropout(
    x: Tensor | ArrayLike,
    p: float,
    *,
    training: bool,
    rng: RNGLike = None,
    variant: str | Variant = "standard",
    store: Store = "bits",
    shard: _Shard | None = None,
    **options: Any,
) -> Tensor:
    """Drop elements of a tensor at random: `dropcore.dropout` on the tape.

    Parameters
    ----------
    x : Tensor or array_like
        float32 or float64, of any shape.
    p : float
        The probability that an element is dropped, in [0, 1].
    training : bool
        False gives the variant's inference rule. There is no default.
    rng : None, Stream, Draw, int, SeedSequence, Generator or BitGenerator, optional
        As for `dropcore.dropout`.
    variant : str or Variant, default: "standard"
    store : {"bits", "draw"}, default: "bits"
        What the tape keeps for the backward pass: one bit for each decision, or only the draw.
        The gradients are the same to the bit.
    shard : (global_shape, offsets), optional
        As for `dropcore.dropout`.
    **options
        The variant's own options, and its further inputs by name. These are tensors, which get
        gradients, or arrays.

    Returns
    -------
    Tensor
        New memory, in C order.

    Raises
    ------
    TypeError, ValueError, LookupError, OverflowError
        As `dropcore.dropout`. No draw is taken if it raises.

    Notes
    -----
    The engine computes first derivatives only: a variant's backward rule works on arrays,
    not on tensors.

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.adapters.autograd import dropout
    >>> from dropcore.autograd import Tensor
    >>> x = Tensor(np.ones((2, 3)), requires_grad=True)
    >>> y = dropout(x, 0.5, training=True, rng=42)
    >>> y.sum().backward()
    >>> bool((x.grad == y.data).all())
    True
    """
    x, answer = as_tensor(x), _answer.get()
    if answer is not None:
        return answer(Call(None, x, p, training, variant, shard, options))
    return on_tape(x, p, training, rng, variant, store, shard, options)[0]


def on_tape(
    x: Tensor,
    p: float,
    training: bool,
    rng: RNGLike,
    variant: str | Variant,
    store: Store,
    shard: _Shard | None,
    options: dict[str, Any],
    reusable: ReusableOutputs | None = None,
) -> tuple[Tensor, Mask]:
    """Return y and its mask: `dropout` with arguments by position, past `answered`."""
    parents: tuple[Tensor, ...] = (x,)
    arrays = options
    if options:  # the variant's options, or further inputs
        if "out" in options:
            raise TypeError("out is not taken: the tape needs x as it was")
        arrays = {name: o.data if isinstance(o, Tensor) else o for name, o in options.items()}
    out = None if reusable is None else reusable.like(x.data)
    y, mask = functional.dropout_by_position(
        x.data, p, training, rng, variant, out, store, shard, arrays
    )
    if options:
        parents += tuple(as_tensor(options[name]) for name in mask.variant.inputs[1:])
    if len(parents) > 1:
        return apply_op(y, parents, mask.backward), mask

    def backward(dy: NDArray[Any]) -> NDArray[Any]:
        if dy.flags.carray:  # writeable: the engine owns it and does not read it again
            return mask.backward(dy, out=dy)
        return mask.backward(dy, out=None if reusable is None else reusable.like(dy))

    return apply_op(y, parents, backward), mask


@dataclass(frozen=True)
class Call:
    """A call of dropout.

    Attributes
    ----------
    module : Dropout or None
        None for a call of the function `dropout`.
    x : Tensor
    p : float
    training : bool
    variant : str or Variant
    shard : (global_shape, offsets) or None
    options : dict
        As for `dropout`. For a module these are only the further inputs of the variant.
    """

    module: Dropout | None
    x: Tensor
    p: float
    training: bool
    variant: str | Variant
    shard: _Shard | None
    options: dict[str, Any]

    def infer(self) -> Tensor:
        """Return the value in inference."""
        variant, options = self.variant, self.options
        return on_tape(self.x, self.p, False, None, variant, "bits", self.shard, options)[0]


_answer: ContextVar[Callable[[Call], Tensor] | None] = ContextVar("answer", default=None)


@contextmanager
def answered(answer: Callable[[Call], Tensor]) -> Iterator[None]:
    """Within the block, call `answer` in place of every dropout, function or module.

    Examples
    --------
    >>> from dropcore.adapters.autograd import Dropout, answered, dropout
    >>> def say(call):
    ...     print(call.module, call.p)
    ...     return call.x
    >>> with answered(say):
    ...     y = dropout([1.0], 0.5, training=True)
    ...     y = Dropout(0.25)([1.0])
    None 0.5
    Dropout(0.25, Standard(shared_axes=())) 0.25
    """
    token = _answer.set(answer)
    try:
        yield
    finally:
        _answer.reset(token)


# Maps a stream to its replacement after a state was loaded.
_heirs: WeakKeyDictionary[Stream, Stream] = WeakKeyDictionary()


def _same_draws(a: Stream, b: Stream) -> bool:
    return (a.seed, a.path) == (b.seed, b.path)


class Dropout(Module):
    """Dropout as a module.

    Parameters
    ----------
    p : float
        The probability that an element is dropped. It can be set between calls.
    variant : str or Variant, default: "standard"
    rng : optional
        As for `dropcore.dropout`, but an int, a SeedSequence or a Generator makes a Stream
        once, when the module is built. Each call in training mode takes the next draw. See
        also `seed`.
    store : {"bits", "draw"}, default: "bits"
        As for `dropout`.
    reuse : bool, default: True
        Keep at most two large arrays of values and gradients, and use one again when no other
        reference to it exists. This saves the page faults of fresh memory.
    **options
        The variant's own options.

    Attributes
    ----------
    mask : Mask or None
        The mask of the last call.
    rng : None, Stream or Draw
        The source of the draws. The module's state includes a Stream, with its position, or a
        Draw. It does not include the stream of the process (None).

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

    def __init__(
        self,
        p: float,
        variant: str | Variant = "standard",
        rng: RNGLike = None,
        *,
        store: Store = "bits",
        reuse: bool = True,
        **options: Any,
    ) -> None:
        self.variant = get_variant(variant, **options)
        self.p = p
        keeps_bits(store)  # before a generator is drawn from
        self.rng: Stream | Draw | None = rng if isinstance(rng, Draw) else stream_of(rng)
        self.store: Store = store
        self.mask: Mask | None = None
        self._reusable = ReusableOutputs() if reuse else None

    @property
    def p(self) -> float:
        """The probability that an element is dropped."""
        return self._p

    @p.setter
    def p(self, value: float) -> None:
        self._p = p_for(self.variant, value)

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
        x, answer = as_tensor(x), _answer.get()
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
        """Return the stream's state or the draw's text, JSON-able; None where `rng` is None."""
        if isinstance(self.rng, Draw):
            return str(self.rng)
        return None if self.rng is None else self.rng.state

    def set_extra_state(self, state: dict[str, Any] | str) -> None:
        """Take back what `get_extra_state` returned, and draw on from there.

        If the module's stream has the saved seed and path, its position is set, for every module
        that shares it. Otherwise the module gets a new stream. Modules that shared a stream
        before share the new one.

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

    def __repr__(self) -> str:
        return f"Dropout({self.p}, {self.variant!r})"


def seed(model: Module, rng: RNGLike) -> None:
    """Give every dropout module of a model a stream of its own, by its qualified name.

    The module ``encoder.drop1`` gets ``stream.child("encoder").child("drop1")``. If modules have
    names, adding or removing one, or changing its p, changes no mask of another. A `Sequential`
    without names numbers its modules: a new one then changes the masks of those behind it.

    Parameters
    ----------
    model : Module
        A module in several places gets the stream of its first name.
    rng : Stream, int, SeedSequence, Generator or BitGenerator
        A Stream is used as it is; from anything else a Stream is made. A child that was
        already drawn from continues at its position.

    Raises
    ------
    TypeError
        If `rng` is something else, or `model` is no Module.

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
