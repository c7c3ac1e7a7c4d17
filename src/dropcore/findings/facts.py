"""A model, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dropcore.adapters.autograd import Call, Dropout
from dropcore.autograd import Flatten, Module
from dropcore.findings.flow import Flow, Step, sequential_flow, traced_flow

OWN = (Module.__module__, Flatten.__module__, Dropout.__module__)
"""The Python modules whose classes never call dropout as a function."""


class Lacking(Exception):
    """Raised if information is missing."""


@dataclass(frozen=True)
class Facts:
    """The model, and the known facts about it."""

    model: Module
    x: Any
    n_samples: int | None
    predicting: bool
    resuming: bool

    @cached_property
    def dropouts(self) -> list[tuple[str, Dropout]]:
        """Dropout modules with p > 0, with their names."""
        modules = self.model.named_modules()
        return [(name, m) for name, m in modules if isinstance(m, Dropout) and m.p > 0]

    @cached_property
    def modules(self) -> dict[str, Module]:
        """All modules, by their qualified names."""
        return dict(self.model.named_modules())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of `dropouts`."""
        return tuple(name for name, _ in self.dropouts)

    @cached_property
    def _flow(self) -> Flow | None:
        if self.x is not None:
            return traced_flow(self.model, self.x)
        return sequential_flow(self.model)

    @property
    def flow(self) -> Flow:
        """The order and connections of the modules; raises `Lacking` if unknown."""
        if self._flow is None:
            raise Lacking("needs x, to see in which order the modules run")
        return self._flow

    @property
    def strays(self) -> list[tuple[str, Call]]:
        """Calls of dropout with p > 0 outside the dropout modules of the model; without x, none."""
        return [each for each in self.flow.strays if each[1].p != 0] if self.x is not None else []

    def needs_x_for_functions(self) -> None:
        """Raise `Lacking` if modules that may call dropout as a function did not run."""
        known = all(type(module).__module__ in OWN for module in self.modules.values())
        if self.x is None and not known:
            raise Lacking("needs x, to see dropout that is called as a function")

    def dropout_steps(self) -> Iterator[tuple[Step, Dropout]]:
        """Calls of dropout modules with p > 0."""
        for step in self.flow.steps:
            if isinstance(step.module, Dropout) and step.module.p > 0:
                yield step, step.module
