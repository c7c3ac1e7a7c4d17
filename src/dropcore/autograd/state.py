"""State that can be saved and loaded: the common base of modules, optimisers and batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np

from dropcore.autograd.arguments import at_least
from dropcore.autograd.gradients import Array

Setter = Callable[[Any], object]


class Stateful:
    """An object whose state consists of named arrays and other named values."""

    _numbers: tuple[str, ...] = ()  # the attributes that are such named values
    _whole: tuple[str, ...] = ()  # the attributes among `_numbers` that are integers

    def _arrays(self) -> dict[str, Array]:
        return {}

    def _values(self) -> dict[str, tuple[Stateful, Any, Setter]]:
        """For each name: the owner, the value, and the function that sets the value."""
        return {
            name: (self, getattr(self, name), partial(self._set_number, name))
            for name in self._numbers
        }

    def _set_number(self, name: str, value: Any) -> None:
        """Set one of the numbers, after a check."""
        at_least(name, value, whole=name in self._whole)
        setattr(self, name, value)

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state by name; arrays are copied.

        The state does not include the draws of a Dropout module without a stream (``rng=None``): a
        resumed training continues with other masks. First give each such module a stream, with
        `dropcore.adapters.autograd.seed`.
        """
        arrays = {name: array.copy() for name, array in self._arrays().items()}
        return arrays | {name: value for name, (_, value, _) in self._values().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned. Arrays are written in place.

        Raises
        ------
        TypeError, ValueError
            If names are missing or unknown, a number is impossible, a shape or dtype differs, or
            an array is read-only. After any error the state is as it was before.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be what state_dict returned, not {state!r}")
        arrays, values = self._arrays(), self._values()
        expected = arrays.keys() | values.keys()
        if state.keys() != expected:
            missing = sorted(expected - state.keys())
            unknown = sorted(state.keys() - expected, key=str)
            names = f"missing {missing}, unknown {unknown}"
            if any(str(name).endswith("_extra_state") for name in missing + unknown):
                names += (
                    ". _extra_state of a dropout module is its stream: before saving and before "
                    "loading, give the module a stream, with dropcore.adapters.autograd.seed"
                )
            raise ValueError(f"state must have the names of state_dict(), not other names: {names}")
        for name, array in arrays.items():
            value = np.asarray(state[name])
            if (value.shape, value.dtype) != (array.shape, array.dtype):
                found, wanted = (f"shape {a.shape}, dtype {a.dtype}" for a in (value, array))
                raise ValueError(f"{name} must have {wanted}, not {found}")
            if not array.flags.writeable:
                raise ValueError(f"{name} must be writeable in the model, not read-only")
        with ExitStack() as undo:
            for name, (owner, before, set_value) in values.items():  # setting may raise
                undo.callback(set_value, before)
                # Runs before the callback above, and restores the same objects, to which other
                # objects may refer.
                undo.callback(vars(owner).update, dict(vars(owner)))
                try:
                    set_value(state[name])
                except Exception as error:
                    error.add_note(f"in the state: {name}")
                    raise
            undo.pop_all()
        for name, array in arrays.items():
            array[...] = state[name]
