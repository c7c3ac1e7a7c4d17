"""The same draws when autograd computes a function again.

A checkpoint keeps no intermediate values: for the gradient the function is computed again, and its
dropouts have to make the same masks. `checkpoint` records the draws of the forward pass. When the
function is computed again, it gives the recorded draws to the dropouts, in order.

Other functions of autograd, such as its own `checkpoint`, also compute a function again in a
gradient rule, but record no draws. autograd makes and runs gradient rules in three functions
(`_RULES`). If a dropout finds one of these functions on the call stack, the dropout is being
computed again. It raises if its `rng` would give a new draw.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from types import FrameType
from typing import Any, TypeVar

import numpy as np
from autograd.core import JVPNode, VJPNode, backward_pass, make_vjp
from autograd.extend import defvjp_argnums, primitive
from autograd.wrap_util import unary_to_nary

import dropcore

Draws = list[dropcore.Draw | None]  # of the dropouts in a function, in order; None for inference
Function = TypeVar("Function", bound=Callable[..., Any])

_REPEATED = (
    dropcore.Draw | int | np.integer | np.random.SeedSequence
)  # name the same draw each time
_RULES = {each.__code__ for each in (VJPNode.__init__, JVPNode.__init__, backward_pass)}
_make_vjp = unary_to_nary(make_vjp)

# The running checkpoints, the innermost first. In the forward pass each is a list, which records
# the draws. In the backward pass it is an iterator, which returns them.
_running: ContextVar[tuple[Draws | Iterator[dropcore.Draw | None], ...]] = ContextVar(
    "running", default=()
)


def checkpoint(fun: Function) -> Function:
    """Compute a function again for its gradient, with the same dropout masks.

    Only the arguments and the draws of `fun` are kept, no intermediate values. `fun` is called once
    in the forward pass, and once for all its gradients in the backward pass.

    Parameters
    ----------
    fun : callable
        As for `autograd.checkpoint`: arguments to differentiate are passed by position. `fun` must
        make the same calls of `dropout`, in the same order, each time. The second call of `fun`
        takes the draws of the first call, for any `rng`.

    Returns
    -------
    callable
        A function of the same signature.

    Raises
    ------
    RuntimeError
        In the backward pass, if `fun` calls `dropout` more or less often than it did before.
    NotImplementedError
        In forward mode.

    Notes
    -----
    `autograd.checkpoint` does not repeat draws: within it, `dropout` needs an `rng` that gives the
    same draw each time.

    Examples
    --------
    >>> import autograd.numpy as np
    >>> import dropcore
    >>> from autograd import value_and_grad
    >>> from dropcore_hips import checkpoint, dropout
    >>> stream = dropcore.Stream(42)
    >>> layer = checkpoint(lambda x: dropout(np.tanh(x), 0.5, training=True, rng=stream))
    >>> value, gradient = value_and_grad(lambda x: np.sum(layer(x)))(np.zeros(6))
    >>> gradient, stream.position
    (array([2., 0., 0., 2., 2., 0.]), 1)
    """

    @primitive
    def forward(draws: Draws, *args: Any, **kwargs: Any) -> Any:
        with _run(draws):
            return fun(*args, **kwargs)

    def vjp(argnums: tuple[int, ...], ans: Any, args: Any, kwargs: Any) -> Callable[[Any], Any]:
        draws, *inputs = args

        def backward(dy: Any) -> Any:
            again = iter(draws)
            with _run(again):
                pull_back, _ = _make_vjp(fun, [n - 1 for n in argnums])(*inputs, **kwargs)
            if next(again, again) is not again:
                raise RuntimeError("checkpoint: fun called dropout less often the second time")
            return pull_back(dy)

        return backward

    defvjp_argnums(forward, vjp)

    @wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        return forward([], *args, **kwargs)

    return checkpointed  # type: ignore[return-value]


def source_of(rng: dropcore.RNGLike, training: bool) -> dropcore.RNGLike:
    """Return the source of a dropout's draw: `rng`, or the draw of the forward pass."""
    for draws in _running.get():
        if isinstance(draws, Iterator):
            try:
                draw = next(draws)
            except StopIteration:
                raise RuntimeError(
                    "checkpoint: fun called dropout more often the second time"
                ) from None
            return rng if draw is None else draw
    if training and not isinstance(rng, _REPEATED) and _in_a_rule():
        raise ValueError(
            f"rng must be a Draw, an integer or a SeedSequence, not {rng!r}, if autograd "
            "computes a function again for its gradient: a new draw would be another mask. With "
            "dropcore_hips.checkpoint in place of autograd.checkpoint, any rng is accepted"
        )
    return rng


def note(draw: dropcore.Draw | None) -> None:
    """Record the draw of a dropout in all checkpoints that are in the forward pass."""
    for draws in _running.get():
        if isinstance(draws, Iterator):  # the draw came from this checkpoint
            return
        draws.append(draw)


@contextmanager
def _run(draws: Draws | Iterator[dropcore.Draw | None]) -> Iterator[None]:
    token = _running.set((draws, *_running.get()))
    try:
        yield
    finally:
        _running.reset(token)


def _in_a_rule() -> bool:
    """Whether a gradient rule of autograd is on the call stack."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code not in _RULES:
        frame = frame.f_back
    return frame is not None
