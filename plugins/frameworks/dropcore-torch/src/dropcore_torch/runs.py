"""Places along an axis: which elements of a longer axis a tensor has, in the tensor's order.

They are runs of neighbours, each from a start to a stop. One run is a block, as `shard=` of
`dropcore.dropout` has it. Several are what context parallelism gives a rank (the first and the
last part of a sequence, say), or a sampler that deals samples out one by one.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

Runs: TypeAlias = tuple[tuple[int, int], ...]  # start and stop of each
Where: TypeAlias = int | range | Sequence[range]

WHERE = "an offset, a range, or a list of ranges"


class Axis(NamedTuple):
    """Where a tensor lies along an axis of a larger one.

    Attributes
    ----------
    whole : int
        The length of the larger one.
    first : int or None
        The offset of a block, which is as long as the tensor is.
    runs : Runs
        All places, where there is no offset.
    """

    whole: int
    first: int | None
    runs: Runs

    def runs_of(self, length: int, axis: int) -> Runs:
        """The places of a tensor of `length` elements along `axis`.

        Raises
        ------
        ValueError
            If it has more or fewer elements than places.
        """
        if self.first is not None:
            if self.first + length > self.whole:
                raise ValueError(
                    f"input must lie within the global shape along axis {axis}: it has {length} "
                    f"elements from offset {self.first}, and the whole has {self.whole}"
                )
            return ((self.first, self.first + length),)
        if length_of(self.runs) != length:
            raise ValueError(
                f"input must have an element for each place along axis {axis}: it has {length}, "
                f"and the ranges have {length_of(self.runs)}"
            )
        return self.runs


def axis_from(name: str, whole: Any, where: Any) -> Axis:
    """Read what an argument says of an axis.

    Raises
    ------
    TypeError, ValueError
        If `whole` is no length, or `where` does not lie within it.
    """
    whole = _integer(whole, f"{name} must have integers for lengths, not {whole!r}")
    if whole < 0:
        raise ValueError(f"{name} must have lengths >= 0, not {whole}")
    if isinstance(where, range):
        where = [where]
    if isinstance(where, list | tuple):
        if not all(isinstance(each, range) for each in where):
            raise TypeError(f"{name} must say where by {WHERE}, not {where!r}")
        runs = merged(_runs_of_range(each) for each in where)
        if any(not 0 <= start <= stop <= whole for start, stop in runs):
            raise ValueError(f"{name} must have places in [0, {whole}), not {where!r}")
        return Axis(whole, None, runs)
    first = _integer(where, f"{name} must say where by {WHERE}, not {where!r}")
    if not 0 <= first <= whole:
        raise ValueError(f"{name} must have offsets in [0, {whole}], not {first}")
    return Axis(whole, first, ())


def axes_from(name: str, axes: Any, none: bool = False) -> dict[int, Any]:
    """Read a mapping from axes to (length, where), or to None where that is allowed."""
    if not isinstance(axes, Mapping):
        raise TypeError(f"{name} must map axes to (length, where), not {axes!r}")
    found: dict[int, Axis | None] = {}
    for axis, each in axes.items():
        number = _integer(axis, f"{name} must have integers for axes, not {axis!r}")
        if none and each is None:
            found[number] = None
            continue
        if not isinstance(each, tuple) or len(each) != 2:
            raise TypeError(f"{name} must map axes to (length, where), not {axis!r} to {each!r}")
        found[number] = axis_from(name, *each)
    return found


def of_rank(axes: Mapping[int, Axis], rank: int) -> dict[int, Axis]:
    """The axes of a tensor of `rank` axes, counted from the first.

    Raises
    ------
    ValueError
        If it has no such axis, or one is there twice.
    """
    found: dict[int, Axis] = {}
    for axis, each in axes.items():
        if not -rank <= axis < rank:
            raise ValueError(f"input must have an axis {axis}, not {rank} axes alone")
        if axis % rank in found:
            raise ValueError(f"axes must name an axis once: {axis} is {axis % rank}")
        found[axis % rank] = each
    return found


def _runs_of_range(places: range) -> Iterator[tuple[int, int]]:
    if places.step == 1:
        yield places.start, max(places.start, places.stop)
    else:
        yield from ((place, place + 1) for place in places)


def _integer(value: Any, message: str) -> int:
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise TypeError(message)


# ------------------------------------------------------------------------- arithmetic


def merged(runs: Iterable[Iterable[tuple[int, int]]]) -> Runs:
    """Runs one after the other; neighbours become one, empty ones none."""
    found: list[tuple[int, int]] = []
    for part in runs:
        for start, stop in part:
            if start == stop:
                continue
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], stop)
            else:
                found.append((start, stop))
    return tuple(found)


def length_of(runs: Runs) -> int:
    """How many places there are."""
    return sum(stop - start for start, stop in runs)


def between(runs: Runs, first: int, last: int) -> Runs:
    """The places from the one numbered `first` to the one before `last`."""
    found, begin = [], 0
    for start, stop in runs:
        end = begin + stop - start
        if begin < last and first < end:
            found.append((start + max(first - begin, 0), stop - max(end - last, 0)))
        begin = end
    return merged([found])


def within(outer: Runs, inner: Runs) -> Runs:
    """The places in the whole of what has places `inner` in a part, which has places `outer`."""
    return merged(between(outer, start, stop) for start, stop in inner)


def chunk(runs: Runs, parts: int, part: int) -> Runs:
    """One of the parts into which `torch.chunk` cuts: all as long as the first, but the last."""
    length = length_of(runs)
    size = -(-length // parts)
    return between(runs, min(part * size, length), min((part + 1) * size, length))


def blocks_of(axes: Sequence[Runs]) -> Iterator[tuple[tuple[slice, ...], tuple[int, ...]]]:
    """Each block of a tensor whose axes have these places: where it is there, and in the whole."""
    cuts = []
    for runs in axes:
        begin, cut = 0, []
        for start, stop in runs:
            cut.append((slice(begin, begin + stop - start), start))
            begin += stop - start
        cuts.append(cut)
    for block in product(*cuts):
        yield tuple(own for own, _ in block), tuple(start for _, start in block)
