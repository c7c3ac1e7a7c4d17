"""Saves a model and the states of all random generators before a step, and restores them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import nn

import dropcore


class Untouched:
    """The saved state of everything that a step of a model may change.

    Copies of parameters and buffers are saved, the gradients, the attributes of the modules (with
    copies of dictionaries, lists and sets), and the states of the random generators of PyTorch,
    NumPy, Python and the modules.

    Parameters
    ----------
    model : torch.nn.Module
    """

    def __init__(self, model: nn.Module) -> None:
        tensors = {id(x): x for x in (*model.parameters(), *model.buffers())}.values()
        self.tensors = [(x, x.detach().clone(), x.grad) for x in tensors]
        self.training = [(module, module.training) for module in model.modules()]
        self.attributes = [
            (module, dict(vars(module)), [(each, each.copy()) for each in _held(module)])
            for module in model.modules()
            if not isinstance(module, torch.jit.ScriptModule)  # its attributes are not in __dict__
        ]
        self.own = [
            (own, _state(own))
            for module in model.modules()
            for own in vars(module).values()
            if isinstance(own, _GENERATORS)
        ]
        self.python_s, self.numpy_s = random.getstate(), np.random.get_state()  # noqa: NPY002
        self.torch_s = torch.get_rng_state()
        self.cuda_s = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []

    def restore(self) -> None:
        """Restore the saved state."""
        for module, attributes, held in self.attributes:
            vars(module).clear()
            vars(module).update(attributes)
            for each, saved in held:
                each.clear()
                each.extend(saved) if isinstance(each, list) else each.update(saved)
        for module, training in self.training:
            module.training = training
        with torch.no_grad():
            for x, saved, gradient in self.tensors:
                if not torch.equal(x, saved):
                    x.copy_(saved)
                if x.grad is not gradient:
                    x.grad = gradient
        for own, saved in self.own:
            _set_state(own, saved)
        random.setstate(self.python_s)
        np.random.set_state(self.numpy_s)  # noqa: NPY002
        torch.set_rng_state(self.torch_s)
        if self.cuda_s:
            torch.cuda.set_rng_state_all(self.cuda_s)


_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, dropcore.Stream)


def _state(own: Any) -> Any:
    if isinstance(own, dropcore.Stream):
        return own.state
    if isinstance(own, np.random.Generator):
        return own.bit_generator.state
    return own.get_state()


def _set_state(own: Any, saved: Any) -> None:
    if isinstance(own, dropcore.Stream):
        own.state = saved
    elif isinstance(own, np.random.Generator):
        own.bit_generator.state = saved
    else:
        own.set_state(saved)


def _held(module: nn.Module) -> list[Any]:
    return [each for each in vars(module).values() if isinstance(each, dict | list | set)]
