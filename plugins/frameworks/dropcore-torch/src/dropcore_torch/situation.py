"""The situation of a call: what the `global_mask` or `rank_masks` block around the call states.

A checkpoint computes a part of the forward pass again, perhaps after the block has ended, and this
part needs the same situation. A checkpoint restores the state of PyTorch's generator. So the seed
of the generator names the situation. The low 32 bits of the seed come from the draw, and PyTorch's
generator uses only these bits. The high 32 bits are the number of the situation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

import dropcore
from dropcore_torch.runs import Axis

REMEMBERED = 1 << 16  # the most situations that are remembered; the oldest are forgotten

_numbered: dict[int, Situation] = {}
_open: list[Situation] = []  # the situations of the open blocks
_cuts: list[Mapping[int, Axis | None]] = []  # the arguments of the open `cut` blocks
_of_parts = False  # whether any situation so far had parts of tensors


@dataclass(frozen=True)
class Situation:
    """The settings of one block, for all calls in it."""

    axes: Mapping[int, Axis] = field(default_factory=dict)
    each_rank: bool = False  # each rank has its own mask

    def number(self) -> int:
        """A number of 32 bits, never 0."""
        return _number(f"{sorted(self.axes.items())} {self.each_rank}") | 1 << 31


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def are_known() -> bool:
    """Whether the process has been in any block so far."""
    return bool(_numbered)


def know_parts() -> bool:
    """Whether any block or cut so far had parts of tensors. A graph cannot find out more."""
    return _of_parts


def current() -> Situation | None:
    """The situation of the current call; None if the call is in no block.

    Raises
    ------
    RuntimeError
        In a block, if other code has seeded PyTorch's generator.
    """
    if not _numbered:
        return None
    found = _numbered.get(torch.initial_seed() >> 32)
    if found is None:
        if _open:
            raise RuntimeError(
                "PyTorch's generator must keep the seed that global_mask or rank_masks set, within "
                "the block: torch.manual_seed was called in the block, or a checkpoint computes "
                "code again that ran before the block"
            )
        return None
    if not _cuts:
        return found
    axes: dict[int, Axis | None] = dict(found.axes)
    for cut in _cuts:
        axes.update(cut)
    known = {axis: each for axis, each in axes.items() if each is not None}
    return Situation(known, found.each_rank)


@contextmanager
def block(draw: dropcore.Draw, name: str, situation: Situation) -> Iterator[None]:
    """Set the situation of the calls in a block, by the seed of PyTorch's generator."""
    global _of_parts
    _of_parts = _of_parts or bool(situation.axes)
    number = situation.number()
    while _numbered.get(number, situation) != situation:
        number = (number + 1) % 2**32 | 1 << 31
    _numbered.pop(number, None)
    _numbered[number] = situation
    while len(_numbered) > REMEMBERED:
        del _numbered[next(iter(_numbered))]
    generator = torch.default_generator
    before = generator.get_state()
    generator.manual_seed(number << 32 | _number(f"{draw} {name}"))
    _open.append(situation)
    try:
        yield
    finally:
        _open.pop()
        generator.set_state(before)


@contextmanager
def cut(axes: Mapping[int, Axis | None]) -> Iterator[None]:
    """Add axes to the situation of the calls in a block, or replace some axes."""
    global _of_parts
    _of_parts = True
    _cuts.append(axes)
    try:
        yield
    finally:
        _cuts.pop()


def refuse(what: str, instead: str) -> None:
    """Raise if the current call is in a situation.

    Raises
    ------
    NotImplementedError
    """
    if current() is not None:
        raise NotImplementedError(
            f"{what} must be called outside of global_mask and rank_masks, which do not support "
            f"it: {instead}"
        )


def check_draw(name: str, draw: Any) -> None:
    """Raise unless `draw` is a Draw."""
    if not isinstance(draw, dropcore.Draw):
        raise TypeError(
            f"{name} must be a Draw, not {draw!r}: pass the same Draw on all ranks, such as "
            "stream.at(step)"
        )
