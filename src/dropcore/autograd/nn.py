"""Modules: functions with parameters, made of other modules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dropcore.autograd.checks import at_least
from dropcore.autograd.conv import conv2d
from dropcore.autograd.norm import batch_norm
from dropcore.autograd.ops import relu, selu, sigmoid, tanh
from dropcore.autograd.state import Setter, Stateful
from dropcore.autograd.tape import Array
from dropcore.autograd.tensor import Tensor, as_tensor

Seed = int | np.random.Generator | np.random.SeedSequence | None


class Module(Stateful):
    """A function with parameters. Subclasses write `forward`; calling the module calls it.

    What a module is made of is read from its attributes, in the order in which they were set:

    - a `Tensor` is a parameter, and so part of the state;
    - an ndarray is a buffer: part of the state, but not trained;
    - a `Module` is a child;
    - names that begin with an underscore are private, and none of these;
    - whatever else must survive in a checkpoint, `get_extra_state` returns; in the state of a
      model it is under the module's qualified name and ``._extra_state``.

    Modules in a list or dict are not found: put them in a `Sequential`.

    Attributes
    ----------
    training : bool
        Set by `train` and `eval`, for this module and all below it. True at first.

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.autograd import Module, Tensor
    >>> class Scale(Module):
    ...     def __init__(self, n):
    ...         self.factor = Tensor(np.ones(n), requires_grad=True)
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> dict(Scale(2).named_parameters())
    {'factor': Tensor([1., 1.], requires_grad=True)}
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's value."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return `forward` of the arguments."""
        return self.forward(*args, **kwargs)

    def get_extra_state(self) -> Any:
        """Return state that is neither parameter nor buffer; None: there is none."""
        return None

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned."""
        raise NotImplementedError(f"{type(self).__name__} has no extra state")

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules that are attributes of this one, with their names."""
        yield from self._public(Module)

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Yield this module (as "") and all below it with their qualified names ("block.conv").

        Parents come before children, children in order; a module that is in several places comes
        once, under its first name.
        """
        seen: set[Module] = set()
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            name, module = stack.pop()
            if module in seen:
                continue
            seen.add(module)
            yield name, module
            children = [(_join(name, child), below) for child, below in module.named_children()]
            stack.extend(reversed(children))

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield all parameters with their qualified names, shared ones once."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, value in module._public(Tensor):
                if id(value) not in seen:
                    seen.add(id(value))
                    yield _join(path, name), value

    def parameters(self) -> Iterator[Tensor]:
        """Yield all parameters, shared ones once."""
        return (parameter for _, parameter in self.named_parameters())

    def train(self, mode: bool = True) -> Self:
        """Set training mode here and in all modules below; return the module itself."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set inference mode here and in all modules below; return the module itself."""
        return self.train(False)

    def __repr__(self) -> str:
        parts = [
            f"{name}={value.shape if isinstance(value, Tensor) else value!r}"
            for name, value in self._public((Tensor, Module))
        ]
        return f"{type(self).__name__}({', '.join(parts)})"

    def _public(self, kind: type | tuple[type, ...]) -> list[tuple[str, Any]]:
        return [
            (name, value)
            for name, value in vars(self).items()
            if isinstance(value, kind) and not name.startswith("_")
        ]

    def _arrays(self) -> dict[str, Array]:
        return {
            _join(path, name): value.data if isinstance(value, Tensor) else value
            for path, module in self.named_modules()
            for name, value in module._public((Tensor, np.ndarray))
        }

    def _values(self) -> dict[str, tuple[Stateful, Any, Setter]]:
        return {
            _join(path, "_extra_state"): (module, extra, module.set_extra_state)
            for path, module in self.named_modules()
            if (extra := module.get_extra_state()) is not None
        }


class Sequential(Module):
    """Modules called one after the other.

    Parameters
    ----------
    *modules : Module
        Named "0", "1", ... by their position.
    **named : Module
        Further modules, with names; each is an attribute too.

    Raises
    ------
    TypeError
        If something is not a `Module`.
    ValueError
        If a name is empty or private, has a dot, is a position that is taken, or is one that
        `Sequential` uses itself.

    Examples
    --------
    >>> from dropcore.autograd import Linear, ReLU, Sequential
    >>> model = Sequential(hidden=Linear(4, 8), act=ReLU(), out=Linear(8, 2, bias=False))
    >>> model
    Sequential(hidden=Linear(weight=(4, 8), bias=(8,)), act=ReLU(), out=Linear(weight=(8, 2)))
    >>> model.out is model[2]
    True
    >>> [name for name, _ in model.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight']
    """

    def __init__(self, *modules: Module, **named: Module) -> None:
        by_position = [(str(position), module) for position, module in enumerate(modules)]
        for name, module in [*by_position, *named.items()]:
            if not isinstance(module, Module):
                raise TypeError(f"{name}: {module!r}, expected a Module")
            taken = name in vars(self) or hasattr(Module, name)
            if taken or not name or name.startswith("_") or "." in name:
                raise ValueError(
                    f"{name!r}: not possible as the name of a module: it is empty, private, "
                    "has a dot, is another's, or is an attribute that every module has"
                )
            setattr(self, name, module)

    def forward(self, x: Any) -> Any:
        """Pass `x` through all modules in order."""
        for module in self:
            x = module(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def __getitem__(self, position: int) -> Module:
        return list(self)[position]

    def __getattr__(self, name: str) -> Module:  # only called, and only raises, for unknown names
        raise AttributeError(
            f"Sequential has no module {name!r}; it has "
            f"{[child for child, _ in self.named_children()]}"
        )


class Linear(Module):
    """Affine map of the last axis: ``x @ weight + bias``.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool, default: True
    rng : int, SeedSequence, Generator or None
        What the initial values are drawn from: uniform in ±1/sqrt(in_features).
    dtype : float32 or float64, default: float32

    Attributes
    ----------
    weight : Tensor, shape (in_features, out_features)
    bias : Tensor, shape (out_features,), or None

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.autograd import Linear
    >>> Linear(3, 2, rng=0)(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        rng: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        at_least("in_features", in_features, 1, whole=True)
        at_least("out_features", out_features, whole=True)
        generator = np.random.default_rng(rng)
        self.weight = _uniform(generator, (in_features, out_features), in_features, dtype)
        self.bias = _uniform(generator, (out_features,), in_features, dtype) if bias else None

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Return ``x @ weight + bias`` for x of shape (..., in_features)."""
        x = as_tensor(x)
        features = self.weight.shape[0]
        if x.ndim == 0 or x.shape[-1] != features:
            raise ValueError(f"x: shape {x.shape}, expected (..., {features})")
        y = x @ self.weight
        return y if self.bias is None else y + self.bias


class Conv2d(Module):
    """Two-dimensional convolution with square windows; see `conv2d`.

    Parameters
    ----------
    in_channels, out_channels, kernel_size : int
    stride : int, default: 1
    padding : int, default: 0
    bias : bool, default: True
    rng : int, SeedSequence, Generator or None
        What the initial values are drawn from: uniform in ±1/sqrt(in_channels * kernel_size**2).
    dtype : float32 or float64, default: float32

    Attributes
    ----------
    weight : Tensor, shape (out_channels, in_channels, kernel_size, kernel_size)
    bias : Tensor, shape (out_channels,), or None
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        rng: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        at_least("in_channels", in_channels, 1, whole=True)
        at_least("out_channels", out_channels, whole=True)
        at_least("kernel_size", kernel_size, 1, whole=True)
        generator = np.random.default_rng(rng)
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        fan_in = in_channels * kernel_size**2
        self.weight = _uniform(generator, shape, fan_in, dtype)
        self.bias = _uniform(generator, (out_channels,), fan_in, dtype) if bias else None
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Return the convolution of x, shape (batch, in_channels, height, width)."""
        return conv2d(x, self.weight, self.bias, stride=self.stride, padding=self.padding)


class BatchNorm(Module):
    """Batch normalisation over all axes but 1; see `batch_norm`.

    Parameters
    ----------
    channels : int
    momentum : float, default: 0.1
    eps : float, default: 1e-5
    dtype : float32 or float64, default: float32

    Attributes
    ----------
    weight, bias : Tensor, shape (channels,)
    running_mean, running_var : ndarray, shape (channels,)
        Buffers: used in inference, moved in training.
    """

    def __init__(
        self,
        channels: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        dtype: DTypeLike = np.float32,
    ) -> None:
        at_least("channels", channels, whole=True)
        self.weight = Tensor(np.ones(channels, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(channels, dtype), requires_grad=True)
        self.running_mean = np.zeros(channels, dtype)
        self.running_var = np.ones(channels, dtype)
        self.momentum = momentum
        self.eps = eps

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Normalise x, shape (batch, channels) or (batch, channels, ...)."""
        return batch_norm(
            x,
            self.weight,
            self.bias,
            self.running_mean,
            self.running_var,
            training=self.training,
            momentum=self.momentum,
            eps=self.eps,
        )


class Flatten(Module):
    """All axes but the first made one."""

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Reshape x, shape (batch, ...), to (batch, features)."""
        x = as_tensor(x)
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


class ReLU(Module):
    """`relu` as a module."""

    forward = staticmethod(relu)


class Sigmoid(Module):
    """`sigmoid` as a module."""

    forward = staticmethod(sigmoid)


class Tanh(Module):
    """`tanh` as a module."""

    forward = staticmethod(tanh)


class SELU(Module):
    """`selu` as a module."""

    forward = staticmethod(selu)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _uniform(
    rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, dtype: DTypeLike
) -> Tensor:
    bound = 1 / math.sqrt(fan_in)
    return Tensor(rng.uniform(-bound, bound, shape).astype(dtype), requires_grad=True)
