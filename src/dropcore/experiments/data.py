"""The real data: scikit-learn's handwritten digits, split, scaled and given label noise.

The digits (1797 images of 8 x 8 pixels, ten classes) come inside scikit-learn, so nothing is
downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS_ROWS = 1797
DIGITS_FEATURES = 64
DIGITS_CLASSES = 10


@dataclass(frozen=True)
class Split:
    """Training rows and validation rows of one seed.

    Attributes
    ----------
    train_x, val_x : float32 arrays, shape (rows, 64)
        Pixels, scaled to [0, 1].
    train_labels, val_labels : integer arrays, shape (rows,)
        Labels, wrong in about the same share of both parts, so that the gap between the two
        losses is what was learned by heart and not a difference between two distributions.
    val_digits : integer array, shape (rows,)
        The validation rows' true digits, against which accuracy is counted.
    """

    train_x: NDArray[np.float32]
    train_labels: NDArray[np.intp]
    val_x: NDArray[np.float32]
    val_labels: NDArray[np.intp]
    val_digits: NDArray[np.intp]


def digits(rows: int, noise: float, rng: np.random.Generator) -> Split:
    """Split the digits at random: `rows` to train on, all others to validate on.

    Parameters
    ----------
    rows : int
        Training rows, 1 to 1796.
    noise : float
        Probability that a label is replaced by one of the nine others, in [0, 1].
    rng : numpy.random.Generator
        Decides the split and the noise: the same state gives the same arrays.

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        If `rows` or `noise` is out of range.
    """
    if not 1 <= rows < DIGITS_ROWS:
        raise ValueError(f"rows must be in 1 ... {DIGITS_ROWS - 1}, got {rows}")
    if not 0 <= noise <= 1:
        raise ValueError(f"noise must be in [0, 1], got {noise}")
    pixels, targets = _load()
    order = rng.permutation(len(targets))
    x = (pixels[order] / 16).astype(np.float32)
    truth = targets[order].astype(np.intp)
    labels = _with_noise(truth, noise, rng)
    return Split(x[:rows], labels[:rows], x[rows:], labels[rows:], truth[rows:])


@cache
def _load() -> tuple[NDArray[Any], NDArray[Any]]:
    """Pixels (0 to 16) and digits, parsed once."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    pixels, targets = load_digits(return_X_y=True)
    return pixels, targets


def _with_noise(truth: NDArray[Any], noise: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """Each label replaced, with probability `noise`, by another one, all others alike."""
    wrong = rng.random(len(truth)) < noise
    shift = rng.integers(1, DIGITS_CLASSES, len(truth))
    return np.where(wrong, (truth + shift) % DIGITS_CLASSES, truth)
