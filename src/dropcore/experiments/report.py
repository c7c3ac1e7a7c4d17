"""What the terminal shows: progress while it runs, a table and sentences when it is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def console() -> Console:
    """Return standard output, rich's colouring of numbers off so that bold means something."""
    from rich.console import Console

    return Console(highlight=False)


def progress(out: Console, *, quiet: bool) -> Progress:
    """Return a progress bar to enter; it is silent if `quiet` or where `out` is no terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs"),
        TimeElapsedColumn(),
        TextColumn("elapsed, left"),
        TimeRemainingColumn(),
        console=out,
        transient=True,
        disable=quiet or not out.is_terminal,
    )


def table(
    out: Console,
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str,
    bold: int | None = None,
) -> None:
    """Print a table of right-aligned columns, one row of it bold."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    grid = Table(title=title, caption=caption, box=SIMPLE_HEAD, title_justify="left")
    grid.title_style = "bold"
    grid.caption_justify = "left"
    for column in columns:
        grid.add_column(column, justify="right", no_wrap=True)
    for place, row in enumerate(rows):
        grid.add_row(*row, style="bold" if place == bold else None)
    out.print(grid)


def sentences(out: Console, title: str, lines: Iterable[str]) -> None:
    """Print a heading and a list, with hanging indents."""
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    for line in lines:
        grid.add_row("-", line)
    out.print(title, style="bold")
    out.print(Padding(grid, (0, 0, 1, 1)))
