"""Experiments that show what dropout does, run by ``dropcore experiment NAME``.

Each experiment is a module of this package with two functions, ``add_arguments(parser)`` and
``run(args)``; a line in `EXPERIMENTS` makes it known. The modules need the optional packages of
`extras.NEEDED`; importing this package loads none of them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from dropcore_lab.experiments import extras

EXPERIMENTS = {
    "rates": "training and validation loss of one network at several rates of dropout",
    "churn": "the network of the tutorials, two inputs and four hidden units, step by step",
    "ensemble": "inference in one pass against all the sub-networks that dropout trains",
    "placement": "where dropout stands in a convolutional network, and what it costs there",
    "variants": "every installed variant of dropout, at the same p, in the same network",
    "small-data": "dropout against weight decay as the training rows get fewer",
}
"""The name of each experiment, which is its module's name, and what it measures."""


class _Module(Protocol):
    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


@dataclass(frozen=True)
class Experiment:
    """One experiment, as the command line sees it.

    Attributes
    ----------
    name : str
        As it is typed.
    summary : str
        What it measures, in one line.
    """

    name: str
    summary: str
    _module: _Module

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the experiment's options to `parser`."""
        self._module.add_arguments(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Run it and print what it measured; the result is the exit status.

        Without the optional packages nothing runs: the standard error says which are missing and
        how to install them, and the status is 1.
        """
        missing = extras.missing()
        if missing:
            print(extras.message(missing), file=sys.stderr)
            return 1
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

        # The matrices are small: more threads would slow them down where others use the machine.
        # A training that diverges is reported in words.
        with threadpool_limits(1), np.errstate(all="ignore"):  # type: ignore[no-untyped-call,unused-ignore]
            return self._module.run(args)


def names() -> tuple[str, ...]:
    """Return the names of all experiments.

    >>> names()
    ('rates', 'churn', 'ensemble', 'placement', 'variants', 'small-data')
    """
    return tuple(EXPERIMENTS)


def get(name: str) -> Experiment:
    """Return the experiment of this name.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> get("rates").summary
    'training and validation loss of one network at several rates of dropout'
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"name must be one of {', '.join(EXPERIMENTS)}, got {name!r}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return Experiment(name, EXPERIMENTS[name], cast(_Module, module))
