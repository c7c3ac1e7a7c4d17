"""The command ``dropcore``, also ``python -m dropcore``."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import difflib
import inspect
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import entry_points

from dropcore import feed
from dropcore._core import checks_on, dispatch, nontemporal, threads
from dropcore._version import __version__
from dropcore.plugins import BUILT_IN, PluginWarning, Registry, registry
from dropcore.variants.base import Variant

# Commands of other distributions, by name: a summary, and the name of the distribution. A command
# is an entry point in the group "dropcore.commands": a function that takes the remaining arguments.
ELSEWHERE = {
    "experiment": ("experiments that show what dropout does", "dropcore-lab"),
    "lab": ("a page in the browser: build a network, train it, see its masks", "dropcore-lab"),
}


IN_A_CLONE = "make wheel && pip install --find-links dist './plugins/dropcore-lab[experiments]'"

# The environment variables that dropcore reads.
SETTINGS = (
    "DROPCORE_CHECKS",
    "DROPCORE_ISA",
    "DROPCORE_NONTEMPORAL",
    "DROPCORE_NUM_THREADS",
    "DROPCORE_PLUGINS",
)


def unread_settings() -> list[str]:
    """A line for each environment variable with a name similar to, but not among, `SETTINGS`."""
    lines = []
    for name in sorted(set(os.environ) - set(SETTINGS)):
        close = difflib.get_close_matches(name, SETTINGS, n=1, cutoff=0.8)
        if close:
            lines.append(f"{name} is set, but never read: did you mean {close[0]}?")
    return lines


def info(args: argparse.Namespace) -> int:
    """Print version, compiler, instruction sets, threads, checks and installed plugins."""
    installed = {f"{p.distribution} {p.version}" for p in registry().plugins()}
    installed.discard(f"dropcore {__version__}")
    print(f"dropcore {__version__}")
    print(f"compiled by: {dispatch.compiler}")
    print(f"instruction sets built: {', '.join(dispatch.isas_built())}")
    print(f"instruction sets of this processor: {', '.join(dispatch.isas_available())}")
    print(f"instruction set in use: {dispatch.isa}")
    print(f"threads: {threads.get_num_threads()}")
    print(f"non-temporal stores: {_nontemporal()}")
    print(f"checks of exported functions: {'on' if checks_on else 'off'}")
    print(f"plugins with variants: {', '.join(sorted(installed)) or 'none'}")
    for line in unread_settings():
        print(line, file=sys.stderr)
    return 0


def _nontemporal() -> str:
    first = nontemporal.get_nontemporal_from()
    if first is None:
        return "never"
    return f"from {first} bytes of input and output together (float32, one thread)"


def load_all(found: Registry) -> None:
    """Load every variant; a variant that fails is marked, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        for name in found.names():
            with contextlib.suppress(LookupError):
                found.variant_class(name)


def summary(variant: type[Variant]) -> str:
    """The first paragraph of the docstring, as one line; empty if there is no docstring."""
    text = inspect.getdoc(variant) or ""
    if text.startswith(f"{variant.__name__}("):  # a dataclass writes its signature there
        return ""
    return " ".join(text.partition("\n\n")[0].split())


def _list_variants(found: Registry) -> None:
    failed = {p.name for p in found.plugins() if p.state == "failed"} - set(BUILT_IN)
    width = max(map(len, found.names()))
    for name in found.names():
        says = "(could not be loaded: dropcore plugins says why)"
        if name not in failed:
            says = summary(found.variant_class(name))
        print(f"{name:{width}}  {says}".rstrip())


def _described_variant(found: Registry, name: str) -> type[Variant]:
    if name not in found.names():
        load_all(found)  # a module may register the name without an entry point
    return found.variant_class(name)


def variants(args: argparse.Namespace) -> int:
    """Print all variants, or one variant with its options."""
    if args.name is None:
        load_all(registry())
        _list_variants(registry())
        return 0
    try:
        variant = _described_variant(registry(), args.name)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    print(": ".join(filter(None, (variant.name, summary(variant)))))
    print(f"inputs: {', '.join(variant.inputs)}")
    print(f"p in {variant.p_domain}")
    options = dataclasses.fields(variant)
    print("options:" if options else "options: none")
    for option in options:
        kind = option.type
        kind = kind if isinstance(kind, str) else inspect.formatannotation(kind)
        required = option.default is option.default_factory is dataclasses.MISSING
        default = "required" if required else f"default {option.default!r}"
        print(f"  {option.name}: {kind}, {default}")
    return 0


def plugins(args: argparse.Namespace) -> int:
    """Load every variant; print its origin and its state."""
    found = registry()
    load_all(found)
    rows = [("variant", "distribution", "version", "state")]
    for plugin in found.plugins():
        state = f"{plugin.state}: {plugin.error}" if plugin.error else plugin.state
        rows.append((plugin.name, plugin.distribution, plugin.version, state))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join([*map(str.ljust, row, widths), row[3]]))
    return 0


def stream(args: argparse.Namespace) -> int:
    """Write the stream to the standard output, unless that is a terminal."""
    if sys.stdout.isatty():
        print(
            "dropcore stream writes bytes, which a terminal cannot show: "
            f"dropcore stream {args.kind} --bytes 64 | xxd, or > FILE",
            file=sys.stderr,
        )
        return 1
    feed.write(sys.stdout.buffer, args.kind, args.seed, args.p, args.bytes)
    return 0


def whole(text: str) -> int:
    """Read a whole number >= 0."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"must be a whole number >= 0, not {text!r}")
    return int(text)


def inside(text: str) -> float:
    """Read a number above 0 and below 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and below 1, not {text!r}")
    return value


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="dropcore",
        description="Dropout done right on the CPU.",
        epilog="dropcore COMMAND --help says what a command takes.",
    )
    top.add_argument("--version", action="version", version=f"dropcore {__version__}")
    commands = top.add_subparsers(metavar="COMMAND")

    command = commands.add_parser(
        "info",
        help="version, compiler, instruction sets, threads, checks, plugins",
        description="Print the version, the compiler, the instruction sets, the threads, "
        "the checks and the plugins.",
    )
    command.set_defaults(run=info)

    command = commands.add_parser(
        "variants",
        help="list the variants, or describe one variant with its options",
        description="List the variants, or describe one variant: inputs, accepted p, options.",
    )
    command.add_argument(
        "name", nargs="?", help="the variant to describe (default: list all variants)"
    )
    command.set_defaults(run=variants)

    command = commands.add_parser(
        "plugins",
        help="where the variants come from, and their state",
        description="Load each variant; print the distribution that contains it, and its state.",
    )
    command.set_defaults(run=plugins)

    command = commands.add_parser(
        "stream",
        help="random bytes of the mask stream, for test batteries that read a pipe",
        description="Write random bytes of the mask stream, without end unless --bytes is given.",
        epilog="Example, with PractRand's RNG_test: dropcore stream raw | RNG_test stdin64. "
        "docs/randomness.md describes the kinds.",
    )
    command.add_argument(
        "kind",
        choices=feed.KINDS,
        help="raw: the raw words of one draw; masks: packed masks; draws: raw words of 1024 draws "
        "in turn; siblings: raw words of 1024 sibling streams in turn; ties: for each tie, one bit "
        "that says whether the element is kept",
    )
    command.add_argument("--seed", type=whole, default=0, help="seed of the stream (default: 0)")
    command.add_argument("--p", type=inside, default=0.5, help="p of the kind masks (default: 0.5)")
    command.add_argument(
        "--bytes", type=whole, metavar="N", help="the number of bytes to write (default: no end)"
    )
    command.set_defaults(run=stream)

    for name, (summary, distribution) in ELSEWHERE.items():
        commands.add_parser(name, help=f"{summary} (package {distribution})")
    return top


def elsewhere(name: str, argv: Sequence[str]) -> int:
    """Run a command of another distribution, or say which distribution is missing."""
    for found in entry_points(group="dropcore.commands", name=name):
        status: int = found.load()(argv)
        return status
    _, distribution = ELSEWHERE[name]
    print(
        f"dropcore {name} is part of the package {distribution}, which is not installed. In a "
        f"clone of dropcore: {IN_A_CLONE}",
        file=sys.stderr,
    )
    return 1


NOT_READ = 141  # 128 + SIGPIPE: what shells report of a program that this signal ends
INTERRUPTED = 130  # 128 + SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        status = run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # Python flushes stdout at exit
        return NOT_READ
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def run(argv: Sequence[str]) -> int:
    """Run one command."""
    if argv and argv[0] in ELSEWHERE:
        return elsewhere(argv[0], argv[1:])
    top = parser()
    args = top.parse_args(argv)
    if "run" not in args:
        top.print_help()
        return 0
    status: int = args.run(args)
    return status


if __name__ == "__main__":
    sys.exit(main())
