"""Mini-batches in random order, with a position that can be saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dropcore.autograd.arguments import at_least
from dropcore.autograd.gradients import Array
from dropcore.autograd.nn import Seed
from dropcore.autograd.state import Stateful


class Batches(Stateful):
    """Mini-batches of row numbers, in a new random order every epoch.

    ``for rows in batches`` gives the remaining batches of the current epoch. After a ``break``, or
    in a resumed run, the next loop continues with the next batch. A batch counts as done as soon
    as the loop gets it.

    Parameters
    ----------
    n : int
        The number of rows, at least 1.
    size : int
        Rows in a batch, at least 1; the last batch of an epoch has the remaining rows.
    rng : int, SeedSequence, Generator or None
        The seed of the orders. 16 bytes are drawn from a Generator, once.

    Attributes
    ----------
    epoch : int
        The number of complete epochs.
    place : int
        The number of batches of the current epoch that a loop has got.
    seed : int
        The seed of the orders, from `rng`.

    Raises
    ------
    TypeError, ValueError
        If `n` or `size` is not an integer, or below 1.

    Notes
    -----
    The order of an epoch depends on seed, epoch and `n` alone, so the state is a few numbers.
    NumPy may change its shuffling from one version to another.

    Examples
    --------
    >>> from dropcore.autograd import Batches
    >>> batches = Batches(5, 2, rng=0)
    >>> [len(rows) for rows in batches], batches.epoch
    ([2, 2, 1], 1)
    >>> resumed = Batches(5, 2)
    >>> resumed.load_state_dict(batches.state_dict())
    >>> all((a == b).all() for a, b in zip(batches, resumed, strict=True))
    True
    """

    _numbers = ("n", "size", "seed", "epoch", "place")

    def __init__(self, n: int, size: int, *, rng: Seed = None) -> None:
        at_least("n", n, 1, whole=True)
        at_least("size", size, 1, whole=True)
        self.n, self.size = n, size
        self.epoch = self.place = 0
        self.seed = int.from_bytes(np.random.default_rng(rng).bytes(16), "little")

    def __len__(self) -> int:
        """Return how many batches an epoch has."""
        return -(-self.n // self.size)

    def __iter__(self) -> Iterator[Array]:
        """Yield the row numbers of each remaining batch of the epoch."""
        shuffled, epoch = None, self.epoch
        while self.epoch <= epoch and self.place < len(self):  # an inner loop may end the epoch
            if shuffled != (self.seed, self.epoch):  # at first, or after a state was loaded
                shuffled, epoch = (self.seed, self.epoch), self.epoch
                sequence = np.random.SeedSequence(self.seed, spawn_key=(self.epoch,))
                order = np.random.default_rng(sequence).permutation(self.n)
            self.place += 1  # before the batch is used, so a state saved after its step counts it
            yield order[(self.place - 1) * self.size : self.place * self.size]
        if self.epoch <= epoch:
            self.epoch, self.place = self.epoch + 1, 0

    def _set_number(self, name: str, value: Any) -> None:
        if name in ("n", "size") and value != getattr(self, name):
            raise ValueError(f"{name} must be {getattr(self, name)}, not {value}")
        at_least(name, value, whole=True)
        if name == "place" and value > len(self):
            raise ValueError(f"place must be {len(self)} or less, not {value}")
        setattr(self, name, value)
