"""State that can be saved and taken back: what modules, optimisers and batches have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from dropcore.autograd.tape import Array

Setter = Callable[[Any], object]


class Stateful:
    """Something whose future depends on arrays, and on values that are not, each with a name."""

    _numbers: tuple[str, ...] = ()  # attributes that are such values

    def _arrays(self) -> dict[str, Array]:
        return {}

    def _values(self) -> dict[str, tuple[Any, Setter]]:
        return {name: (getattr(self, name), partial(setattr, self, name)) for name in self._numbers}

    def state_dict(self) -> dict[str, Any]:
        """Return all that the future depends on, by name; arrays are copied."""
        arrays = {name: array.copy() for name, array in self._arrays().items()}
        return arrays | {name: value for name, (value, _) in self._values().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned. Arrays are written in place.

        Raises
        ------
        ValueError
            If names are missing or unknown, or a shape or dtype differs; nothing was written then.
        """
        arrays, values = self._arrays(), self._values()
        expected = arrays.keys() | values.keys()
        if state.keys() != expected:
            missing, unknown = sorted(expected - state.keys()), sorted(state.keys() - expected)
            raise ValueError(f"state: missing {missing}, unknown {unknown}")
        for name, array in arrays.items():
            value = np.asarray(state[name])
            if (value.shape, value.dtype) != (array.shape, array.dtype):
                found, wanted = (f"shape {a.shape}, dtype {a.dtype}" for a in (value, array))
                raise ValueError(f"{name}: {found}; expected {wanted}")
        for name, (_, set_value) in values.items():  # first: they may refuse what they are given
            set_value(state[name])
        for name, array in arrays.items():
            array[...] = state[name]
