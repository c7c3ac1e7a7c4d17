"""`dropout` as a primitive of autograd.

For a variant that keeps or drops elements,

    y = f(x),  f'(x) dx = scale * dx where kept, 0 where dropped

in both modes and for derivatives of any order, since the factor does not depend on x. The core
makes the mask once, and every rule uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from autograd.extend import Box, defjvp_argnums, defvjp_argnums, primitive

import dropcore
from dropcore_hips._recompute import note, source_of


def dropout(
    x: Any,
    p: float,
    *,
    training: bool,
    rng: dropcore.RNGLike = None,
    variant: str | dropcore.Variant = "standard",
    store: Literal["bits", "draw"] = "bits",
    **options: Any,
) -> Any:
    """Drop elements of an array at random: `dropcore.dropout` as a primitive of autograd.

    Parameters
    ----------
    x : array_like
        float32, float64, float16 or bfloat16, of any shape and strides.
    p : float
        The probability that an element is dropped, in [0, 1].
    training : bool
        False gives the variant's inference rule. There is no default.
    rng : None, Stream, Draw, int, SeedSequence, Generator or BitGenerator, optional
        As for `dropcore.dropout`. If a function must be evaluated several times with one mask, as
        `autograd.test_util.check_grads` does, pass a Draw; see also `checkpoint`.
    variant : str or dropcore.Variant, default: "standard"
    store : {"bits", "draw"}, default: "bits"
        What is stored for the derivatives: one bit for each decision, or only the draw.
    **options
        The variant's own options, and its further inputs by name, which get gradients.

    Returns
    -------
    numpy.ndarray
        y, in new memory, in C order.

    Raises
    ------
    TypeError, ValueError, LookupError, OverflowError
        As for `dropcore.dropout`. ValueError also if autograd computes a function again for its
        gradient, as `autograd.checkpoint` does, and `rng` would give a new draw. A Draw, an integer
        and a SeedSequence give the same draw each time.
    NotImplementedError
        For forward mode or a second derivative, if the variant has a backward of its own.

    Examples
    --------
    >>> import autograd.numpy as np
    >>> from autograd import grad
    >>> from dropcore_hips import dropout
    >>> def loss(x):
    ...     return np.sum(dropout(x, 0.5, training=True, rng=42) ** 2)
    >>> grad(loss)(np.array([1.0, 2.0, 3.0, 4.0]))
    array([ 8.,  0.,  0., 32.])
    """
    inputs = {name: each for name, each in options.items() if isinstance(each, Box | np.ndarray)}
    for name in inputs:
        del options[name]
    kind = dropcore.get_variant(variant, **options)
    if set(inputs) != set(kind.inputs[1:]):
        raise TypeError(
            f"arrays must be {kind.inputs} for variant {kind.name!r}, not {('x', *inputs)}"
        )
    rng = source_of(rng, training)
    call = _Call(kind, {"p": p, "training": training, "rng": rng, "store": store})
    y = _forward(call, x, *[inputs[name] for name in kind.inputs[1:]])
    note(call.mask.draw)
    return y


class _Call:
    """One call of dropout, and its mask after the forward pass."""

    mask: dropcore.Mask

    def __init__(self, variant: dropcore.Variant, arguments: dict[str, Any]) -> None:
        self.variant, self.arguments = variant, arguments

    def forward(self, x: Any, *others: Any) -> Any:
        """Compute y, and the mask with it."""
        named = dict(zip(self.variant.inputs[1:], others, strict=True))
        y, self.mask = dropcore.dropout(x, variant=self.variant, **named, **self.arguments)
        return y

    def require_factor(self, what: str) -> None:
        """Raise unless the derivative is one factor per element that does not depend on x."""
        decides = dropcore.PlannedVariant | dropcore.DecidingVariant
        if not isinstance(self.variant, decides):
            raise NotImplementedError(
                f"variant {self.variant.name!r} has a backward of its own, and no {what}"
            )


@primitive
def _forward(call: _Call, *inputs: Any) -> Any:
    return call.forward(*inputs)


@primitive
def _backward(call: _Call, dy: Any) -> Any:
    return call.mask.backward(dy)


def _forward_vjp(
    argnums: tuple[int, ...], ans: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[Any], tuple[Any, ...]]:
    call, *inputs = args

    def vjp(dy: Any) -> tuple[Any, ...]:
        if any(isinstance(each, Box) for each in (dy, *inputs)):  # part of an outer derivative
            call.require_factor("second derivative")
        if len(inputs) == 1:
            return (_backward(call, dy),)
        gradients = call.mask.backward(dy)
        return tuple([gradients[argnum - 1] for argnum in argnums])

    return vjp


def _backward_vjp(
    argnums: tuple[int, ...], ans: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[Any], tuple[Any, ...]]:
    call = args[0]
    call.require_factor("second derivative")
    return lambda ddx: (_backward(call, ddx),)


def _jvp(
    argnums: tuple[int, ...],
    tangents: tuple[Any, ...],
    ans: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    call = args[0]
    call.require_factor("rule for forward mode")
    return _backward(call, tangents[0])


defvjp_argnums(_forward, _forward_vjp)
defvjp_argnums(_backward, _backward_vjp)
defjvp_argnums(_forward, _jvp)
defjvp_argnums(_backward, _jvp)
