"""The command ``dropcore``, also ``python -m dropcore``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dropcore import experiments
from dropcore._core import dispatch, threads
from dropcore._version import __version__
from dropcore.plugins import registry


def info(args: argparse.Namespace) -> int:
    """Print version, instruction sets, threads and installed plugins."""
    installed = sorted(
        {f"{p.distribution} {p.version}" for p in registry().plugins() if p.distribution != "dropcore"}
    )
    print(f"dropcore {__version__}")
    print(f"instruction sets built: {', '.join(dispatch.isas_built())}")
    print(f"of this processor: {', '.join(dispatch.isas_available())}")
    print(f"chosen: {dispatch.isa}")
    print(f"threads: {threads.get_num_threads()}")
    print(f"plugins: {', '.join(installed) or 'none'}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="dropcore", description="Dropout done right on the CPU.")
    top.add_argument("--version", action="version", version=f"dropcore {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    command = commands.add_parser("info", help="version, instruction sets, threads, plugins")
    command.set_defaults(run=info)

    command = commands.add_parser("experiment", help="see for yourself what dropout does")
    names = command.add_subparsers(metavar="NAME", required=True)
    for name in experiments.names():
        experiment = experiments.get(name)
        sub = names.add_parser(name, help=experiment.summary, description=experiment.summary)
        experiment.add_arguments(sub)
        sub.set_defaults(run=experiment.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = parser().parse_args(argv)
    status: int = args.run(args)
    return status


if __name__ == "__main__":
    sys.exit(main())
