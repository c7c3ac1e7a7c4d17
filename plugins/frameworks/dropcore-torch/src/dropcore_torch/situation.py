"""Whether a call is within `distributed.global_mask` or `rank_masks`, and what that says.

What they say is needed once more where a checkpoint computes a part of the forward pass again,
which may be after the block has ended. What a checkpoint puts back then is the state of PyTorch's
generator. So the generator's seed says which situation it is: its low 32 bits are those of the
draw, and PyTorch's generator uses no others; the high ones are the situation's number.
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

REMEMBERED = 1 << 16  # situations; those that were used last

_numbered: dict[int, Situation] = {}
_open: list[Situation] = []  # the blocks that the process is in
_cuts: list[Mapping[int, Axis | None]] = []  # of `cut`, within them
_of_parts = False  # whether there has been one of parts


@dataclass(frozen=True)
class Situation:
    """What one block says of all calls in it."""

    axes: Mapping[int, Axis] = field(default_factory=dict)
    each_rank: bool = False  # drops by itself

    def number(self) -> int:
        """A number of 32 bits, never 0."""
        return _number(f"{sorted(self.axes.items())} {self.each_rank}") | 1 << 31


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def are_known() -> bool:
    """Whether the process has been in one."""
    return bool(_numbered)


def know_parts() -> bool:
    """Whether the process has been in one of parts of tensors: a graph cannot ask for more."""
    return _of_parts


def current() -> Situation | None:
    """The situation of a call that is made now.

    Raises
    ------
    RuntimeError
        In a block where something else seeded PyTorch's generator.
    """
    if not _numbered:
        return None
    found = _numbered.get(torch.initial_seed() >> 32)
    if found is None:
        if _open:
            raise RuntimeError(
                "dropout within global_mask or rank_masks needs the generator as they seeded it: "
                "torch.manual_seed was called in the block, or a checkpoint computes again what "
                "was computed before the block"
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
    """Seed PyTorch's generator by a draw, and say what calls are to do; afterwards, put it back."""
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
    """Say it of further axes, within a block."""
    global _of_parts
    _of_parts = True
    _cuts.append(axes)
    try:
        yield
    finally:
        _cuts.pop()


def refuse(what: str, instead: str) -> None:
    """Raise where the call that is made now is in a situation.

    Raises
    ------
    NotImplementedError
    """
    if current() is not None:
        raise NotImplementedError(
            f"{what} has no mask of many ranks, within global_mask or rank_masks: {instead}"
        )


def check_draw(name: str, draw: Any) -> None:
    """Raise unless it is a Draw."""
    if not isinstance(draw, dropcore.Draw):
        raise TypeError(
            f"{name} must be a Draw, not {draw!r}: pass the same Draw on all ranks, such as "
            "stream.at(step)"
        )
