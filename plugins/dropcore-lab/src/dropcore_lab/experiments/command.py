"""The command ``dropcore experiment``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from dropcore_lab import experiments


def main(argv: Sequence[str]) -> int:
    """List the experiments, or run one; the result is the exit status."""
    top = argparse.ArgumentParser(
        prog="dropcore experiment",
        description="Experiments that show what dropout does.",
        epilog="dropcore experiment NAME --help lists the options of an experiment. The seconds "
        "are the time of a run with the defaults on one core.",
    )
    names = top.add_subparsers(metavar="NAME")
    for name in experiments.names():
        experiment = experiments.get(name)
        parser = names.add_parser(
            name,
            help=f"{experiment.summary} ({experiment.seconds} s)",
            description=f"{experiment.summary[0].upper()}{experiment.summary[1:]}. A run takes "
            f"about {experiment.seconds} seconds with the defaults, on one core.",
        )
        experiment.add_arguments(parser)
        parser.set_defaults(run=experiment.run, parser=parser)
    args, rest = top.parse_known_args(argv)
    if rest:  # the parser of the experiment reports unknown arguments
        getattr(args, "parser", top).error(f"unrecognized arguments: {' '.join(rest)}")
    if "run" not in args:
        top.print_help()
        return 0
    status: int = args.run(args)
    return status
