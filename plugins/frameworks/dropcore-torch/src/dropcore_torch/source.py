"""Where the draws of a layer come from: its key, and PyTorch's generator.

`rng` fixes the key alone. The draw index is one int64 of ``torch.randint``, taken outside the
operator: so ``torch.manual_seed`` rules, ``torch.random.fork_rng`` forks, and a recomputation
that sets PyTorch's generator back, as checkpointing does, sees the same mask. A position of
our own would have moved on by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch

import dropcore

RNG: TypeAlias = (
    dropcore.Stream
    | dropcore.Draw
    | int
    | np.integer
    | np.random.SeedSequence
    | np.random.Generator
    | np.random.BitGenerator
    | None
)

LIMIT = 2**63 - 1
CPU = torch.device("cpu")  # whatever the default device is


@dataclass(frozen=True, slots=True)
class Source:
    """The key of a layer's draws; and the index, where one is fixed."""

    key: str  # 64 hex digits
    index: int | None = None

    def draw_index(self) -> torch.Tensor:
        """The index of the next draw, int64 of no dimension."""
        if self.index is None:
            return torch.randint(LIMIT, (), device=CPU)
        return torch.tensor(self.index, device=CPU)

    def draw(self) -> dropcore.Draw:
        """The next draw."""
        return draw_at(self.key, self.draw_index())


def draw_at(key: str, index: torch.Tensor) -> dropcore.Draw:
    """The draw of a key at an index, an int64 that stands for the uint64 of the same bits."""
    return dropcore.Draw.parse(f"dc1:{key}:{int(index) % 2**64}")


# One key for all: then PyTorch's seed alone says what is dropped.
DEFAULT = Source(dropcore.Stream(0, path=("dropcore-torch",)).at(0).key.hex())


def stream_of(rng: RNG) -> dropcore.Stream:
    """The stream that `rng` names; of a generator a fresh one."""
    if isinstance(rng, np.random.BitGenerator):
        rng = np.random.Generator(rng)
    if isinstance(rng, np.random.Generator):
        return dropcore.Stream(rng.bytes(32))
    if isinstance(rng, dropcore.Stream):
        return rng
    if isinstance(rng, int | np.integer | np.random.SeedSequence) and not isinstance(rng, bool):
        return dropcore.Stream(rng)
    raise TypeError(
        "rng must be None, a Stream, a Draw, an integer >= 0 or a SeedSequence, or for a module "
        f"a Generator or a BitGenerator, not {rng!r}"
    )


def source_of_layer(rng: RNG) -> Source:
    """The source that `rng` names, once and for all calls of a layer."""
    if rng is None:
        return DEFAULT
    if isinstance(rng, dropcore.Draw):
        index = rng.index
        return Source(rng.key.hex(), index - 2**64 if index >= 2**63 else index)
    return Source(stream_of(rng).at(0).key.hex())


@torch.compiler.assume_constant_result
def source_of(rng: RNG) -> Source:
    """The source that `rng` names, the same each time it is asked for."""
    if isinstance(rng, np.random.Generator | np.random.BitGenerator):
        raise TypeError(
            f"rng must not be a {type(rng).__name__} here: it gives another key where a "
            "checkpoint computes again; build a module with it, or pass dropcore.Stream(seed)"
        )
    return source_of_layer(rng)
