"""The output on the terminal: progress during the run, a table and sentences at the end."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress
    from rich.table import Table

Job = TypeVar("Job")


def console() -> Console:
    """Return standard output without rich's colours for numbers, so that bold stands out."""
    from rich.console import Console

    class Piped(Console):
        """A console that leaves a broken pipe to the command, as `print` does."""

        def on_broken_pipe(self) -> None:
            """Raise the BrokenPipeError that rich has caught; rich would exit."""
            raise

    return Piped(highlight=False)


def count(things: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "seed"), count(3, "seed")
    ('1 seed', '3 seeds')
    """
    return f"{things} {noun}{'s' if things != 1 else ''}"


def seeds(numbers: Sequence[int]) -> str:
    """Name the seeds, which follow each other.

    >>> seeds([7]), seeds([0, 1, 2])
    ('seed 7', 'seeds 0 to 2')
    """
    first, last = numbers[0], numbers[-1]
    return f"seed {first}" if first == last else f"seeds {first} to {last}"


ROOMY = 100
"""From this width of the terminal on the progress bar has a bar and a clock."""


def progress(out: Console, *, quiet: bool, unit: str = "networks") -> Progress:
    """Return a progress bar to enter; it is silent if `quiet` or where `out` is no terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.text import Text

    class Left(ProgressColumn):
        """The time that is left, as soon as it can be known."""

        def render(self, task: Task) -> Text:
            seconds = task.time_remaining
            return Text("" if seconds is None else f"{round(seconds)} s left")

    wide = [BarColumn(), TimeElapsedColumn()] if out.width >= ROOMY else []
    return Progress(
        TextColumn("{task.description}"),
        *wide,
        MofNCompleteColumn(),
        TextColumn(unit),
        Left(),
        console=out,
        transient=True,
        disable=quiet or not out.is_terminal,
    )


def each(out: Console, jobs: Mapping[str, Job], *, quiet: bool) -> Iterator[Job]:
    """Go through the jobs, one for each network, and show the name of the running job."""
    with progress(out, quiet=quiet) as bar:
        task = bar.add_task(next(iter(jobs), ""), total=len(jobs))
        for name, job in jobs.items():
            bar.update(task, description=name)
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
    """Print a table, right-aligned except for the first `names` columns; one row may be bold.

    A line is drawn below each of the rows `sections`. In a terminal that is too narrow:

    1. heads are wrapped;
    2. if that is not enough, deviations also go below their means, and all name columns except
       the first are wrapped;
    3. a table that is still too wide is printed as it is.
    """
    rows = [list(row) for row in rows]
    wrapped = [_wrapped(head, column) for head, *column in zip(columns, *rows, strict=True)]
    below = [[cell.replace(" ±", "\n±") for cell in row] for row in rows]
    least = [_wrapped(head, column) for head, *column in zip(columns, *below, strict=True)]
    for heads, cells in ((list(columns), rows), (wrapped, rows), (least, below)):
        room = out.width - _width(heads, cells, names, wrapped=cells is below)
        if room >= 0:
            break
    grid = _grid(heads, cells, bold, names, sections)
    if room < 0:
        grid.width = out.width - room
    # A title or caption of rich's own would be wrapped to the width of the columns.
    out.print(title, style="bold")
    show(out, grid, end="", crop=False)
    for line in [*caption.splitlines(), ""]:
        whole = " " not in line  # an address, which users copy
        show(out, line, style="italic", soft_wrap=whole)


def _wrapped(head: str, cells: Sequence[str]) -> str:
    """Wrap a head to the width of its longest word or cell."""
    words = [*head.split(), *(line for cell in cells for line in cell.split("\n"))]
    return "\n".join(textwrap.wrap(head, max(map(len, words))))


def _width(
    heads: Sequence[str], rows: Sequence[Sequence[str]], names: int, *, wrapped: bool
) -> int:
    """The width of a table: its columns, three characters between columns, one at the edges.

    If `wrapped`, name columns except the first are as wide as their longest word.
    """
    widths = []
    for place, column in enumerate(zip(heads, *rows, strict=True)):
        described = wrapped and 0 < place < names
        parts = [cell.split() if described else cell.split("\n") for cell in column]
        widths.append(max(len(part) for cell in parts for part in cell))
    return sum(widths) + 3 * len(widths) - 1


def _grid(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    bold: int | None,
    names: int,
    sections: Sequence[int],
) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    grid = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, head in enumerate(heads):
        name, described = place < names, 0 < place < names
        grid.add_column(head, justify="left" if name else "right", no_wrap=not described)
    for place, row in enumerate(rows):
        style = "bold" if place == bold else None
        grid.add_row(*row, style=style, end_section=place in sections)
    return grid


def sentences(out: Console, title: str, lines: Iterable[str]) -> None:
    """Print a heading and a list, with hanging indents."""
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    for line in lines:
        grid.add_row("-", line)
    out.print(title, style="bold")
    show(out, Padding(grid, (0, 0, 1, 1), expand=False))


def show(out: Console, what: RenderableType, **options: Any) -> None:
    """Print without the blanks that fill each line up to the width."""
    with out.capture() as captured:
        out.print(what, **options)
    out.file.write(BLANKS.sub(r"\1", captured.get()))
    out.file.flush()  # as `print` of a Console does: a pipe's reader sees each line at once


BLANKS = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)
"""Blanks at the end of a line, and the code behind them that ends a style."""
