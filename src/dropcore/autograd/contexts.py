"""Context managers for whole models: inference mode, and intercepted calls of modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from dropcore.autograd.module import Module, described


def check_model(model: object) -> None:
    """Raise TypeError unless `model` is a Module."""
    if not isinstance(model, Module):
        raise TypeError(f"model must be a dropcore.autograd.Module, not {described(model)}")


@contextmanager
def inference_mode(model: Module) -> Iterator[Module]:
    """Set inference mode within the block; restore the mode of every module afterwards.

    Examples
    --------
    >>> from dropcore.autograd import ReLU, Sequential
    >>> from dropcore.autograd.contexts import inference_mode
    >>> model = Sequential(act=ReLU())
    >>> with inference_mode(model):
    ...     model.act.training
    False
    >>> model.act.training
    True
    """
    modes = [(module, module.training) for _, module in model.named_modules()]
    try:
        yield model.eval()
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def intercepted(model: Module, call: Callable[..., Any]) -> Iterator[Module]:
    """Within the block, call a function in place of every module of a model.

    Parameters
    ----------
    model : Module
    call : callable
        Called as ``call(name, module, forward, *args, **kwargs)`` in place of every module's
        `forward`, with the module's qualified name. The result of `call` is the module's value.

    Examples
    --------
    >>> from dropcore.autograd import Flatten, ReLU, Sequential
    >>> from dropcore.autograd.contexts import intercepted
    >>> def say(name, module, forward, *args):
    ...     print(name, type(module).__name__)
    ...     return forward(*args)
    >>> with intercepted(Sequential(flat=Flatten(), act=ReLU()), say) as model:
    ...     y = model([[1.0]])
     Sequential
    flat Flatten
    act ReLU
    """
    modules = list(model.named_modules())
    before = [vars(module).get("forward") for _, module in modules]
    for name, module in modules:  # an attribute of the instance hides the class's method
        vars(module)["forward"] = partial(call, name, module, module.forward)
    try:
        yield model
    finally:
        for (_, module), forward in zip(modules, before, strict=True):
            del vars(module)["forward"]
            if forward is not None:
                vars(module)["forward"] = forward
