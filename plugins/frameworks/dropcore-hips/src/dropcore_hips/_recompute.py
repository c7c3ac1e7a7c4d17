"""The same draws where autograd computes a function again.

A checkpoint keeps no intermediate values: for the gradient the function is computed again, and its
dropouts have to make the same masks. `checkpoint` notes the draws of the forward pass and gives
them out again, in order.

Other functions of autograd, its own `checkpoint` among them, do the same in a gradient rule, and
note no draws. autograd makes and runs gradient rules in three functions (`_RULES`); a dropout below
one of them on the call stack is computed again. It raises if its `rng` would give a new draw.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from autograd.core import JVPNode, VJPNode, backward_pass, make_vjp
from autograd.extend import defvjp_argnums, primitive
from autograd.wrap_util import unary_to_nary

import dropcore

RNG = (
    dropcore.Stream
    | dropcore.Draw
    | int
    | np.integer
    | np.random.SeedSequence
    | np.random.Generator
    | np.random.BitGenerator
    | None
)
Draws = list[dropcore.Draw | None]  # of a function's dropouts, in order; None of inference
Function = TypeVar("Function", bound=Callable[..., Any])

_REPEATED = (
    dropcore.Draw | int | np.integer | np.random.SeedSequence
)  # name the same draw each time
_RULES = {each.__code__ for each in (VJPNode.__init__, JVPNode.__init__, backward_pass)}
_make_vjp = unary_to_nary(make_vjp)

# The checkpoints that are being computed, the innermost first: a list for the first time, where
# draws are noted, and an iterator for the second, which gives them out.
_running: ContextVar[tuple[Draws | Iterator[dropcore.Draw | None], ...]] = ContextVar(
    "running", default=()
)


def checkpoint(fun: Function) -> Function:
    """Compute a function again for its gradient, with the same dropout masks.

    Intermediate values of `fun` are not kept: only its arguments and its draws are. It is called
    once in the forward pass, and once for all its gradients in the backward pass.

    Parameters
    ----------
    fun : callable
        As for `autograd.checkpoint`: what is to be differentiated is passed by position. It must
        call `dropout` as often and in the same order each time; whatever `rng` is given there,
        the second time takes the draws of the first.

    Returns
    -------
    callable
        Of the same signature.

    Raises
    ------
    RuntimeError
        In the backward pass, if `fun` calls `dropout` more or less often than it did before.
    NotImplementedError
        In forward mode.

    Notes
    -----
    `autograd.checkpoint` knows nothing of draws: there `dropout` needs an `rng` that names the
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


def source_of(rng: RNG, training: bool) -> RNG:
    """Return where a dropout takes its draw from: `rng`, or the draw of the first time."""
    for draws in _running.get():
        if isinstance(draws, Iterator):
            draw = next(draws, draws)
            if draw is draws:
                raise RuntimeError("checkpoint: fun called dropout more often the second time")
            return rng if draw is None else draw
    if training and not isinstance(rng, _REPEATED) and _in_a_rule():
        raise ValueError(
            f"rng must be a Draw, an integer or a SeedSequence, not {rng!r}, where autograd "
            "computes a function again for its gradient: a new draw would be another mask. With "
            "dropcore_hips.checkpoint in place of autograd.checkpoint it may be anything"
        )
    return rng


def note(draw: dropcore.Draw | None) -> None:
    """Have the checkpoints that run for the first time keep the draw of a dropout."""
    for draws in _running.get():
        if isinstance(draws, Iterator):  # it came from there
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
    """Whether a gradient rule of autograd has led here."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code not in _RULES:
        frame = frame.f_back
    return frame is not None
