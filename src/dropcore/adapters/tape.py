"""Dropout on the tape of `dropcore.autograd`: the function, and a way to intercept the calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from dropcore import functional
from dropcore._core.reuse import ReusableOutputs
from dropcore.autograd import Tensor, apply_op, as_tensor
from dropcore.mask import Mask
from dropcore.variants.base import Variant

if TYPE_CHECKING:
    from typing import Unpack

    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import deprecated

    from dropcore.adapters.autograd import Dropout
    from dropcore.adapters.layer import Store
    from dropcore.functional import _Shard
    from dropcore.rng import RNGLike
    from dropcore.variants import known


if TYPE_CHECKING:

    @overload
    def dropout(
        x: Tensor | ArrayLike,
        p: float,
        *,
        training: bool,
        rng: RNGLike = ...,
        variant: known.Standard = ...,
        store: Store = ...,
        shard: _Shard | None = ...,
        **options: Unpack[known.StandardOptions],
    ) -> Tensor: ...

    @overload
    def dropout(
        x: Tensor | ArrayLike,
        p: float,
        *,
        training: bool,
        rng: RNGLike = ...,
        variant: known.Spatial,
        store: Store = ...,
        shard: _Shard | None = ...,
        **options: Unpack[known.SpatialOptions],
    ) -> Tensor: ...

    @overload
    def dropout(  # type: ignore[overload-overlap]
        x: Tensor | ArrayLike,
        p: float,
        *,
        training: bool,
        rng: RNGLike = ...,
        variant: known.Alpha,
        store: Store = ...,
        shard: _Shard | None = ...,
        **options: Unpack[known.AlphaOptions],
    ) -> Tensor: ...

    @overload
    @deprecated("this variant has no such option, or a required option is missing")
    def dropout(
        x: Tensor | ArrayLike,
        p: float,
        *,
        training: bool,
        rng: RNGLike = ...,
        variant: known.Known = ...,
        store: Store = ...,
        shard: _Shard | None = ...,
        **options: Any,
    ) -> known.NoSuchOption: ...

    @overload
    def dropout(
        x: Tensor | ArrayLike,
        p: float,
        *,
        training: bool,
        rng: RNGLike = ...,
        variant: known.Named,
        store: Store = ...,
        shard: _Shard | None = ...,
        **options: Any,
    ) -> Tensor: ...


def dropout(  # type: ignore[misc]  # there is no result of a wrong call
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
        As for `dropcore.dropout`: what the tape keeps for the backward pass.
    shard : (global_shape, offsets), optional
        As for `dropcore.dropout`.
    **options
        The variant's own options, and its further inputs by name. An input may be a tensor, which
        gets a gradient, or an array.

    Returns
    -------
    Tensor
        y, in new memory, in C order.

    Raises
    ------
    TypeError, ValueError, LookupError, OverflowError
        As for `dropcore.dropout`. Its docstring says when an error uses up a draw.

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
    x, answer = as_tensor(x), answering.get()
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
    """Return y and its mask: `dropout` with arguments by position, not seen by `answered`."""
    parents: tuple[Tensor, ...] = (x,)
    arrays = options
    if options:  # the variant's options, or further inputs
        if "out" in options:
            given = type(options["out"]).__name__
            raise TypeError(f"out must be omitted, not {given}: the tape needs x unchanged")
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


answering: ContextVar[Callable[[Call], Tensor] | None] = ContextVar("answer", default=None)


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
    token = answering.set(answer)
    try:
        yield
    finally:
        answering.reset(token)
