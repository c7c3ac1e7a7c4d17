"""Experiments that show what dropout does, run by ``dropcore experiment NAME``.

Each experiment is a module of this package with two functions, ``add_arguments(parser)`` and
``run(args)``; `EXPERIMENTS` has a line for each. The modules need the optional packages in
`extras.NEEDED`; importing this package imports none of them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from dropcore_lab.experiments import extras, options, output

EXPERIMENTS = {
    "rates": ("training and validation loss of one network at several rates of dropout", 30),
    "churn": ("a 2-4-1 network: one training step with every number, then whole trainings", 15),
    "ensemble": ("inference in one pass, compared with all sub-networks that dropout trains", 15),
    "placement": ("dropout at several places of a convolutional network: effects and costs", 20),
    "variants": ("the installed variants that one network can use, at the same p", 20),
    "small-data": ("dropout compared with weight decay, on fewer and fewer training rows", 40),
}
"""For each experiment: the name, which is also the name of the module; the summary; the seconds.

The seconds are those of a run with the defaults, on one core of an AMD EPYC.
"""


class _Module(Protocol):
    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


@dataclass(frozen=True)
class Experiment:
    """The entry of one experiment for the command line.

    Attributes
    ----------
    name : str
        The name on the command line.
    summary : str
        A description in one line.
    seconds : int
        The approximate time with the defaults.
    """

    name: str
    summary: str
    seconds: int
    _module: _Module

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the experiment's options to `parser`."""
        self._module.add_arguments(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Run the experiment and print the measurements; the result is the exit status.

        The picture goes to the directory `args.out`. An error is printed as one line on standard
        error, and the status is 1: packages are missing, options contradict each other, or the
        directory is not writable. After an interruption the status is 130.

        Raises
        ------
        BrokenPipeError
            If nobody reads the standard output any more. The picture is not written if it was not
            written before.
        """
        missing = extras.missing()
        if missing:
            print(extras.message(missing), file=sys.stderr)
            return 1
        try:
            return self._run(args)
        except KeyboardInterrupt:
            failure, status = "interrupted, no picture is written", 130
        except BrokenPipeError:  # the reader of the output has enough
            raise
        except (OSError, options.Refused) as error:
            failure, status = str(error), 1
        print(f"dropcore experiment {self.name}: {failure}", file=sys.stderr)
        return status

    def _run(self, args: argparse.Namespace) -> int:
        picture = f"{self.name}.png"
        output.try_out(args.out, picture)  # before the training, which may take long
        replaced = (args.out / picture).exists()
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

        # The matrices are small: several threads would be slower if other programs run.
        # A training that diverges is reported in words.
        with threadpool_limits(1), np.errstate(all="ignore"):  # type: ignore[no-untyped-call,unused-ignore]
            status = self._module.run(args)
        if replaced:
            print("The picture has replaced an earlier picture: --out DIR would keep both.")
        return status


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
        If there is no experiment of this name.

    Examples
    --------
    >>> get("rates").summary
    'training and validation loss of one network at several rates of dropout'
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"name must be one of {', '.join(EXPERIMENTS)}, not {name!r}")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return Experiment(name, *EXPERIMENTS[name], cast(_Module, module))
