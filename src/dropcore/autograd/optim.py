"""Optimisers: change parameters in place, by the gradients of a backward pass."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from dropcore.autograd.gradients import Array
from dropcore.autograd.state import Stateful
from dropcore.autograd.tensor import Tensor


class Optimizer(Stateful):
    """The base of optimisers.

    A subclass lists its numbers in `_numbers`, its arrays in `_slots`, and implements `_update`.

    Parameters
    ----------
    parameters : iterable of Tensor
        A parameter whose ``.grad`` is None in a step does not change.
    lr : float
        The learning rate; an attribute that may be changed between steps.
    weight_decay : float
        `step` adds ``weight_decay`` times the parameter to the gradient. An attribute too.

    Raises
    ------
    TypeError
        If a parameter is not a tensor, does not require a gradient, or was computed from other
        tensors.
    ValueError
        If there are no parameters, a parameter comes twice, or a number is out of range.
    """

    _numbers: tuple[str, ...] = ("lr", "weight_decay")
    _slots: tuple[str, ...] = ()  # attributes that are lists with an array for each parameter
    lr: float
    weight_decay: float

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError(
                "parameters must be one or more, not none (an iterator may have been used up)"
            )
        for parameter in self.parameters:
            node = parameter.node if isinstance(parameter, Tensor) else None
            if node is None or node.rule is not None:
                raise TypeError(
                    "parameters must be tensors that require a gradient and were not computed "
                    f"from others, not {parameter!r}"
                )
        if len(set(map(id, self.parameters))) < len(self.parameters):
            raise ValueError(
                "parameters must be different tensors: one that comes twice would be changed twice"
            )
        self._set_number("lr", lr)
        self._set_number("weight_decay", weight_decay)
        for slot in self._slots:
            setattr(self, slot, [np.zeros_like(parameter.data) for parameter in self.parameters])

    def zero_grad(self) -> None:
        """Set all gradients to None; otherwise a backward pass adds to them."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        for i, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                gradient = parameter.grad
                if self.weight_decay:
                    gradient = gradient + self.weight_decay * parameter.data
                self._update(i, parameter.data, gradient)

    def _update(self, i: int, data: Array, gradient: Array) -> None:
        """Change `data` of parameter `i` in place; never write to `gradient`."""
        raise NotImplementedError

    def _arrays(self) -> dict[str, Array]:
        return {
            f"{slot}.{i}": array
            for slot in self._slots
            for i, array in enumerate(getattr(self, slot))
        }


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    With g the gradient plus ``weight_decay`` times the parameter:
    velocity = momentum * velocity + g; parameter = parameter - lr * velocity. (Polyak, 1964, with
    the learning rate outside the velocity, as in PyTorch.)

    Parameters
    ----------
    parameters : iterable of Tensor
    lr : float
    momentum : float, default: 0
    weight_decay : float, default: 0

    Examples
    --------
    >>> from dropcore.autograd import SGD, Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimiser = SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimiser.step()
    >>> w.data
    array([0.8])
    """

    _numbers = ("lr", "weight_decay", "momentum")
    _slots = ("velocity",)
    velocity: list[Array]
    momentum: float

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        *,
        momentum: float = 0,
        weight_decay: float = 0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self._set_number("momentum", momentum)

    def _update(self, i: int, data: Array, gradient: Array) -> None:
        if self.momentum:
            velocity = self.velocity[i]
            velocity *= self.momentum
            velocity += gradient
            gradient = velocity
        data -= self.lr * gradient


class Adam(Optimizer):
    """Adam: steps scaled by running moments of the gradient.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1, with
    ``weight_decay`` times the parameter added to the gradient. ``t`` counts the calls of `step`.

    Parameters
    ----------
    parameters : iterable of Tensor
    lr : float, default: 0.001
    betas : (float, float), default: (0.9, 0.999)
        Decay of the first and the second moment, in [0, 1).
    eps : float, default: 1e-8
        Added to the root of the second moment.
    weight_decay : float, default: 0

    Examples
    --------
    >>> from dropcore.autograd import Adam, Tensor
    >>> w = Tensor([1.0], requires_grad=True)
    >>> optimiser = Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimiser.step()
    >>> w.data.round(6)
    array([0.9])
    """

    _numbers = ("lr", "weight_decay", "betas", "eps", "t")
    _whole = ("t",)
    _slots = ("mean", "square")
    mean: list[Array]
    square: list[Array]
    betas: tuple[float, ...]
    eps: float

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self._set_number("betas", betas)
        self._set_number("eps", eps)
        self.t = 0

    def _set_number(self, name: str, value: Any) -> None:
        if name != "betas":
            super()._set_number(name, value)
        elif np.shape(value) != (2,) or not all(0 <= beta < 1 for beta in value):
            raise ValueError(f"betas must be two numbers in [0, 1), not {value!r}")
        else:
            self.betas = tuple(value)

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        self.t += 1
        super().step()

    def _update(self, i: int, data: Array, gradient: Array) -> None:
        beta1, beta2 = self.betas
        mean, square = self.mean[i], self.square[i]
        work = np.asarray(gradient - mean)
        work *= 1 - beta1
        mean += work
        np.multiply(gradient, gradient, out=work)
        work -= square
        work *= 1 - beta2
        square += work
        # mean / (1 - beta1**t) over sqrt(square / (1 - beta2**t)) + eps, in few passes
        np.sqrt(square, out=work)
        work *= 1 / math.sqrt(1 - beta2**self.t)
        work += self.eps
        np.divide(mean, work, out=work)
        work *= self.lr / (1 - beta1**self.t)
        data -= work
