"""Modules: functions with parameters, made of other modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ParamSpec, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from dropcore.autograd.gradients import Array
from dropcore.autograd.members import members
from dropcore.autograd.state import Setter, Stateful
from dropcore.autograd.tensor import Tensor

ARRAYS_LAYER = "dropcore.adapters.numpy"  # the Python module of a class that is mistaken for one

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class _HasForward(Protocol[P, R_co]):
    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


def described(value: object) -> str:
    """Describe an object that is no Module: the layer for NumPy arrays looks like a Module."""
    if type(value).__module__ != ARRAYS_LAYER:
        return repr(value)
    return (
        f"{value!r}, the layer for NumPy arrays; dropcore.adapters.autograd has the Dropout that "
        "is a Module"
    )


class Module(Stateful):
    """A function with parameters. Subclasses write `forward`; calling the module calls `forward`.

    The parts of a module are its attributes, in the order in which they were set. If an attribute
    is a list, tuple, deque or dict, its items are parts too, at any depth, with names like
    ``drops.0`` or ``blocks.encoder.1``. Parts are looked up at each use, so later changes count.
    There are three kinds of parts:

    - a `Tensor` is a parameter, and so part of the state;
    - an ndarray is a buffer: part of the state, but not trained;
    - a `Module` is a child.

    An attribute whose name begins with an underscore is private, and not a part. Other objects and
    closures are not searched. A Module in a set raises a TypeError when parts are looked up.

    `get_extra_state` returns anything else that a checkpoint needs. The key of this extra state in
    the state of a model is the module's qualified name and ``._extra_state``.

    Attributes
    ----------
    training : bool
        Set by `train` and `eval`, for this module and all modules below it. True at first.

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
    >>> class Stack(Module):
    ...     def __init__(self, depth):
    ...         self.scales = [Scale(2) for _ in range(depth)]
    ...     def forward(self, x):
    ...         for scale in self.scales:
    ...             x = scale(x)
    ...         return x
    >>> [name for name, _ in Stack(2).named_parameters()]
    ['scales.0.factor', 'scales.1.factor']
    """

    training: bool = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, member in members(cls, (Module, Tensor)):
            raise TypeError(
                f"{cls.__name__}.{name}: a {type(member).__name__} must be set on self, in "
                "__init__, not on the class, because all instances of the class would share it"
            )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's value."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self: _HasForward[P, R_co], *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Return `forward` of the arguments."""
        return self.forward(*args, **kwargs)

    def get_extra_state(self) -> Any:
        """Return state that is neither parameter nor buffer; None: there is none."""
        return None

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned."""
        raise NotImplementedError(f"{type(self).__name__} has no extra state")

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules of which this module is made, with their names."""
        yield from members(self, Module)

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Yield this module (as "") and all modules below it, with qualified names ("block.conv").

        Parents come before children, children in order. A module that is in several places comes
        once, under its first name.
        """
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            name, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield name, module
            children = [(_join(name, child), below) for child, below in module.named_children()]
            stack.extend(reversed(children))

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield all parameters with their qualified names, a shared parameter once."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, value in members(module, Tensor):
                if id(value) not in seen:
                    seen.add(id(value))
                    yield _join(path, name), value

    def parameters(self) -> Iterator[Tensor]:
        """Yield all parameters, a shared parameter once."""
        return (parameter for _, parameter in self.named_parameters())

    def train(self, mode: bool = True) -> Self:
        """Set training mode in this module and all modules below; return the module itself."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set inference mode in this module and all modules below; return the module itself."""
        return self.train(False)

    def __repr__(self) -> str:
        parts = [
            f"{name}={value.shape if isinstance(value, Tensor) else value!r}"
            for name, value in members(self, (Tensor, Module))
        ]
        return f"{type(self).__name__}({', '.join(parts)})"

    def _arrays(self) -> dict[str, Array]:
        return {
            _join(path, name): value.data if isinstance(value, Tensor) else value
            for path, module in self.named_modules()
            for name, value in members(module, (Tensor, np.ndarray))
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
        If a name is empty or private, has a dot, is the position of another module, or is a name
        that `Sequential` uses itself.

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
                raise TypeError(f"module {name} must be a Module, not {described(module)}")
            taken = name in vars(self) or hasattr(Module, name)
            if taken or not name or name.startswith("_") or "." in name:
                raise ValueError(
                    "the name of a module must be a new one, without dots and without an "
                    f"underscore at its beginning, not {name!r}"
                )
            setattr(self, name, module)

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Pass `x` through all modules in order."""
        for module in self:
            x = module(x)
        return x  # type: ignore[return-value]  # without modules, x itself

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def __getitem__(self, position: int) -> Module:
        return list(self)[position]

    def __getattr__(self, name: str) -> Module:  # only called, and only raises, for unknown names
        raise AttributeError(
            f"Sequential has no module {name!r}; it has "
            f"{[child for child, _ in self.named_children()]}"
        )


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
