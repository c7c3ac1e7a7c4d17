"""What the terminal shows: progress while it runs, a table and sentences when it is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def console() -> Console:
    """Return standard output, rich's colouring of numbers off so that bold means something."""
    from rich.console import Console

    return Console(highlight=False)


def count(things: int, noun: str) -> str:
    """Say how many there are.

    >>> count(1, "seed"), count(3, "seed")
    ('1 seed', '3 seeds')
    """
    return f"{things} {noun}{'s' if things != 1 else ''}"


def progress(out: Console, *, quiet: bool, unit: str = "networks") -> Progress:
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
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("elapsed, left"),
        TimeRemainingColumn(),
        console=out,
        transient=True,
        disable=quiet or not out.is_terminal,
    )


def each(
    out: Console, jobs: Sequence[tuple[Any, ...]], *, quiet: bool
) -> Iterator[tuple[Any, ...]]:
    """Go through the jobs, a network each, and show which one is at work.

    The progress bar shows a job's items with blanks between.
    """
    with progress(out, quiet=quiet) as bar:
        task = bar.add_task("", total=len(jobs))
        for job in jobs:
            bar.update(task, description=" ".join(map(str, job)))
            yield job
            bar.advance(task)


def table(
    out: Console,
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str,
    bold: int | None = None,
    names: int = 0,
    sections: Sequence[int] = (),
) -> None:
    """Print a table, right-aligned but for the first `names` columns; one row may be bold.

    A line is drawn below each of the rows `sections`.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    grid = Table(box=SIMPLE_HEAD)
    for place, column in enumerate(columns):
        grid.add_column(column, justify="left" if place < names else "right", no_wrap=True)
    for place, row in enumerate(rows):
        style = "bold" if place == bold else None
        grid.add_row(*row, style=style, end_section=place in sections)
    # A title or caption of rich's own would be wrapped to the width of the columns.
    out.print(title, style="bold")
    out.print(grid, end="")
    out.print(f"{caption}\n", style="italic")


def sentences(out: Console, title: str, lines: Iterable[str]) -> None:
    """Print a heading and a list, with hanging indents."""
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    for line in lines:
        grid.add_row("-", line)
    out.print(title, style="bold")
    out.print(Padding(grid, (0, 0, 1, 1)))
