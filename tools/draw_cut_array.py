"""Draw docs/cut-array.png: one mask, made by machines that each have a block of the array.

    python tools/draw_cut_array.py

Each block is computed on its own. The three cuts differ, and the mask is the same.
"""

from itertools import pairwise, product
from pathlib import Path

import matplotlib as mpl
import numpy as np

import dropcore

mpl.use("Agg")

import matplotlib.pyplot as plt

OUT = Path(__file__).resolve().parent.parent / "docs" / "cut-array.png"
SHAPE, P = (12, 18), 0.3
DRAW = dropcore.Stream(42).at(7)
# Where the rows and the columns are cut.
CUTS = {
    "one machine": ([0, 12], [0, 18]),
    "four machines, two by two": ([0, 6, 12], [0, 9, 18]),
    "six machines, uneven": ([0, 5, 12], [0, 4, 11, 18]),
}
# Okabe and Ito's palette, for colour-blind readers, made lighter.
COLOURS = ("#cfe8f7", "#fbe3b8", "#bfe5d6", "#f3d3c1", "#efd9e7", "#f6f2bf")


def blocks(rows, columns):
    """The offsets and the shape of each block."""
    for (top, bottom), (left, right) in product(pairwise(rows), pairwise(columns)):
        yield (top, left), (bottom - top, right - left)


def draw(axes, title, cut):
    """One array with its cuts."""
    axes.set_title(title, fontsize=11)
    for colour, (offsets, shape) in zip(COLOURS, blocks(*cut), strict=False):
        keep = dropcore.keep_mask(shape, P, rng=DRAW, shard=(SHAPE, offsets))
        top, left = offsets
        axes.add_patch(
            plt.Rectangle(
                (left, top),
                shape[1],
                shape[0],
                facecolor=colour,
                edgecolor="#333333",
                linewidth=1.6,
            )
        )
        dropped = np.argwhere(~keep)
        axes.plot(dropped[:, 1] + left + 0.5, dropped[:, 0] + top + 0.5, "o", color="#333333", ms=4)
    axes.set(xlim=(-0.2, SHAPE[1] + 0.2), ylim=(SHAPE[0] + 0.2, -0.2), aspect="equal")
    axes.axis("off")


def main():
    """Draw the three arrays, side by side."""
    figure, panels = plt.subplots(1, len(CUTS), figsize=(11, 2.9), layout="constrained")
    for axes, (title, cut) in zip(panels, CUTS.items(), strict=True):
        draw(axes, title, cut)
    figure.savefig(OUT, dpi=110, metadata={"Software": None})
    print(f"wrote {OUT}")


if __name__ == "__main__":
    main()
