"""The real data: two sets that are part of scikit-learn, so nothing is downloaded.

The handwritten digits are 1797 images of 8 x 8 pixels in ten classes; the tumours are 569 rows of
thirty measurements in two classes (malignant 0, benign 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS_ROWS = 1797
DIGITS_FEATURES = 64
DIGITS_CLASSES = 10
TUMOURS_ROWS = 569
TUMOURS_FEATURES = 30
TUMOURS_CLASSES = 2


@dataclass(frozen=True)
class Split:
    """Training rows and validation rows of one seed.

    Attributes
    ----------
    train_x, val_x : float32 arrays, shape (rows, features)
    train_labels, val_labels : integer arrays, shape (rows,)
        The labels. About the same share of the training labels and of the validation labels is
        wrong. So the gap between the two losses shows what was learned by heart, and not a
        difference between two distributions.
    val_truth : integer array, shape (rows,)
        The true labels of the validation rows, for the accuracy.
    """

    train_x: NDArray[np.float32]
    train_labels: NDArray[np.intp]
    val_x: NDArray[np.float32]
    val_labels: NDArray[np.intp]
    val_truth: NDArray[np.intp]


def digits(rows: int, noise: float, rng: np.random.Generator) -> Split:
    """Split the digits at random: `rows` to train on, all others to validate on.

    Parameters
    ----------
    rows : int
        Training rows, 1 to 1796.
    noise : float
        The probability that a label is replaced by one of the nine other labels, in [0, 1].
    rng : numpy.random.Generator
        For the split and the noise; the same state gives the same arrays.

    Returns
    -------
    Split
        Pixels scaled to [0, 1].

    Raises
    ------
    ValueError
        If `rows` or `noise` is out of range.
    """
    if not 1 <= rows < DIGITS_ROWS:
        raise ValueError(f"rows must be in 1 ... {DIGITS_ROWS - 1}, not {rows}")
    if not 0 <= noise <= 1:
        raise ValueError(f"noise must be in [0, 1], not {noise}")
    pixels, targets = _load("digits")
    order = rng.permutation(len(targets))
    x = (pixels[order] / 16).astype(np.float32)
    truth = targets[order].astype(np.intp)
    labels = _with_noise(truth, noise, rng)
    return Split(x[:rows], labels[:rows], x[rows:], labels[rows:], truth[rows:])


def images(split: Split) -> Split:
    """Give the digits' rows the shape of images: (rows, 1, 8, 8)."""
    train_x, val_x = (x.reshape(-1, 1, 8, 8) for x in (split.train_x, split.val_x))
    return replace(split, train_x=train_x, val_x=val_x)


def tumours(rows: int, rng: np.random.Generator) -> Split:
    """Split the tumours at random: `rows` to train on, all others to validate on.

    Parameters
    ----------
    rows : int
        Training rows, 2 to 568.
    rng : numpy.random.Generator
        For the split.

    Returns
    -------
    Split
        Each measurement minus the mean of the training rows, divided by their standard deviation.

    Raises
    ------
    ValueError
        If `rows` is out of range.
    """
    if not 2 <= rows < TUMOURS_ROWS:
        raise ValueError(f"rows must be in 2 ... {TUMOURS_ROWS - 1}, not {rows}")
    measured, targets = _load("breast_cancer")
    order = rng.permutation(len(targets))
    x, truth = measured[order], targets[order].astype(np.intp)
    deviation = x[:rows].std(axis=0)
    x = ((x - x[:rows].mean(axis=0)) / np.where(deviation, deviation, 1)).astype(np.float32)
    return Split(x[:rows], truth[:rows], x[rows:], truth[rows:], truth[rows:])


def batches(rows: int, batch: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield the numbers of all rows, shuffled, in batches."""
    order = rng.permutation(rows)
    for start in range(0, rows, batch):
        yield order[start : start + batch]


def endless(rows: int, batch: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield `batches` again and again."""
    while True:
        yield from batches(rows, batch, rng)


@cache
def _load(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Features and classes, parsed once."""
    load = getattr(import_module("sklearn.datasets"), f"load_{name}")
    x, targets = load(return_X_y=True)
    return x, targets


def _with_noise(truth: NDArray[Any], noise: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """With probability `noise` replace a label by another label, each equally likely."""
    wrong = rng.random(len(truth)) < noise
    shift = rng.integers(1, DIGITS_CLASSES, len(truth))
    return np.where(wrong, (truth + shift) % DIGITS_CLASSES, truth)
