"""Common code of sampled and of enumerated sub-networks: the means of outputs, and the checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from dropcore.adapters.autograd import Call, Dropout, answered
from dropcore.autograd import Module, Tensor, as_tensor, exp, log, log_softmax, sigmoid, softmax
from dropcore.autograd.contexts import check_model, intercepted
from dropcore.variants.base import Array

Output = Literal["softmax", "sigmoid"] | None
Rule = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Means:
    """The functions by which the two means are computed from the outputs y of the sub-networks.

    ``arithmetic = mean(value(y))``, and ``geometric = back(mean(logarithm(y)))``. The geometric
    mean is normalised for "softmax" and "sigmoid".
    """

    value: Rule
    logarithm: Rule
    back: Rule


def _identity(y: Tensor) -> Tensor:
    return y


MEANS = {
    None: Means(_identity, log, exp),
    "softmax": Means(softmax, log_softmax, softmax),
    "sigmoid": Means(sigmoid, _identity, sigmoid),  # the logarithm of the odds
}


def means_of(output: Output) -> Means:
    """The functions that compute the means for `output`."""
    if output not in MEANS:
        raise ValueError(f"output must be None, 'softmax' or 'sigmoid', not {output!r}")
    return MEANS[output]


def check_drops(model: Module) -> None:
    """Raise unless `model` is a model with a dropout module."""
    check_model(model)
    if not any(isinstance(module, Dropout) for _, module in model.named_modules()):
        raise ValueError(
            "model must have a Dropout module (dropcore.adapters.autograd.Dropout), not "
            f"{model!r}: dropout that is called as a function does not count"
        )


@contextmanager
def dropout_answered(
    model: Module, answer: Callable[[str, Dropout, dict[str, Array]], Array]
) -> Iterator[None]:
    """Within the block, call `answer` in place of the model's dropout modules.

    The call is ``answer(name, module, inputs)``; `inputs` are arrays by the names of the inputs.
    Dropout that is no module of the model raises ValueError when it runs.
    """
    running = [""]  # the call stack: names of modules

    def call(
        name: str, module: Module, forward: Callable[..., Any], *args: Any, **inputs: Any
    ) -> Any:
        if isinstance(module, Dropout):
            return Tensor(answer(name, module, arrays_of(*args, **inputs)))
        running.append(name)
        try:
            return forward(*args, **inputs)
        finally:
            running.pop()

    def refuse(call: Call) -> Tensor:
        if call.p == 0:
            return call.infer()
        what = "dropout as a function" if call.module is None else f"{call.module!r}"
        caller = f"module {running[-1]!r}" if running[-1] else "the model"
        raise ValueError(
            f"dropout must be a module of the model, not {what} that {caller} calls: store a "
            "Dropout as self.drop, or in a list, tuple or dict attribute"
        )

    with intercepted(model, call), answered(refuse):
        yield


def rows_of(x: Tensor) -> Array:
    """Return the array of `x`; raise if it has no axis of rows."""
    if x.ndim == 0:
        raise ValueError("x must have rows along axis 0, not shape ()")
    return x.data


def arrays_of(x: Any, **inputs: Any) -> dict[str, Array]:
    """The arrays with which a dropout module was called, by the names of the inputs."""
    return {key: as_tensor(value).data for key, value in {"x": x, **inputs}.items()}


def check_rows(name: str, shape: tuple[int, ...], of_x: tuple[int, ...]) -> None:
    """Raise unless axis 0 of a module's input has the rows of x, which has the shape `of_x`."""
    if shape[:1] != of_x[:1]:
        raise ValueError(
            f"the input of module {name!r} must have the {of_x[0]} rows of x along axis 0, not "
            f"shape {shape}; x must have shape (rows, ...), also for one row, and has shape {of_x}"
        )
