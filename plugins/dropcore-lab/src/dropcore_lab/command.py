"""The command ``dropcore lab``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from dropcore_lab import limits, link
from dropcore_lab.fields import Faults
from dropcore_lab.server import Server
from dropcore_lab.spec import Spec


def main(argv: Sequence[str]) -> int:
    """Serve the Lab until it is interrupted; the result is the exit status."""
    args = _parser().parse_args(argv)
    logging.basicConfig(format="dropcore lab: %(message)s", level=logging.WARNING)
    try:
        spec = None if args.spec is None else _read(args.spec)
    except (Faults, OSError, UnicodeDecodeError) as error:
        why = _said(error)
        print(f"dropcore lab: {args.spec}: {why}", file=sys.stderr)
        return 1
    try:
        asyncio.run(_serve(args.port, spec, args.browser))
    except BrokenPipeError:  # the reader of the output has enough
        raise
    except OSError as error:
        print(f"dropcore lab: port {args.port}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dropcore lab",
        description="Build a small network in the browser, train it, and see what dropout does.",
    )
    parser.add_argument("--port", type=_port, default=0, help="the port (default: any free port)")
    parser.add_argument(
        "--no-browser", dest="browser", action="store_false", help="only print the address"
    )
    parser.add_argument(
        "--spec", metavar="FILE", help="a file that the page saved, or a link that Share made"
    )
    return parser


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError(f"must be a port from 0 to 65535, not {text!r}")
    return port


def _read(name: str) -> Spec:
    if link.MARK in name and not _is_file(name):
        return link.read_text(name)
    with Path(name).open(encoding="utf-8") as file:
        return link.read_text(file.read(limits.MESSAGE + 1))


def _said(error: Faults | OSError | UnicodeDecodeError) -> str:
    """The error in words, each fault with its place in the file."""
    if isinstance(error, Faults):
        faults = (fault.message() for fault in error.faults)
        return "; ".join(f"{each['path'] or '/'}: {each['text']}" for each in faults)
    return str(error.strerror if isinstance(error, OSError) else error)


def _is_file(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # a link may be longer than the longest file name
        return False


async def _serve(port: int, spec: Spec | None, browser: bool) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl+C raises instead
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = Server(port, spec)
    try:
        print(f"The Lab is at {server.address}\nCtrl+C ends it.", flush=True)
        if browser:
            webbrowser.open(server.address)
        await stopped.wait()
    except asyncio.CancelledError:
        pass
    finally:
        await server.close()
