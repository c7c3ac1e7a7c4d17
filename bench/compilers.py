"""Write COMPILERS.md: the kernels of several compilers, relative to a copy."""

from __future__ import annotations

import argparse
import sys

from cases import COMPARED_SIZES, COPYTO, ROOF_LINES, size_name
from results import Results
from run import RESULTS
from write_results import BENCH, figure, label, table


def rows(results: dict[str, Results], isa: str, dtype: str) -> list[tuple[str, ...]]:
    """A row for each operation. Each cell contains the figures of all compilers."""
    first = next(iter(results.values()))
    found = first.all(suite="kernels", isa=isa, dtype=dtype)
    names = list(dict.fromkeys(label(row) for row in found if row.name not in ROOF_LINES))
    lines = []
    for name in names:
        line = [name]
        for n in COMPARED_SIZES:
            figures = []
            for each in results.values():
                (row,) = (
                    row
                    for row in each.all(suite="kernels", isa=isa, dtype=dtype, n=n)
                    if label(row) == name
                )
                figures.append(figure(each.speed(row, each.beside(row, name=COPYTO, p=None))))
            line.append(" / ".join(figures))
        lines.append(tuple(line))
    return lines


def compared(results: dict[str, Results]) -> str:
    """The text of COMPILERS.md."""
    first = next(iter(results.values()))
    compilers = " / ".join(results)
    sections = [
        "# What the compilers make of the kernels",
        f"Each cell has a figure for each compiler: {compilers}. A figure is the speed in elements"
        "\nper second, divided by the speed of `np.copyto(y, x)` on the same buffers.",
        f"The processor is {first.facts['cpu']}; measured on {first.facts['date']}."
        "\n`make bench-compilers` measures the figures again. Compare only figures of this page,"
        "\nbecause [RESULTS.md](RESULTS.md) is from another run. It explains the operations.",
    ]
    for isa in first.isas:
        for dtype in ("float32", "float64", "float16", "bfloat16"):
            sections.append(f"## {isa}, {dtype}")
            head = ("operation", *map(size_name, COMPARED_SIZES))
            sections.append(table(head, rows(results, isa, dtype)))
    return "\n\n".join(sections) + "\n"


def main() -> int:
    """Write COMPILERS.md beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "compilers",
        nargs="+",
        help="names of folders in .benchmarks, one for each compiler, that run.py wrote",
    )
    args = parser.parse_args()
    results = {name: Results(RESULTS.parent / name) for name in args.compilers}
    path = BENCH / "COMPILERS.md"
    path.write_text(compared(results))
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
