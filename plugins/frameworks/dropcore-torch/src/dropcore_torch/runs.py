"""Places along an axis: which elements of a longer axis a tensor has, in the tensor's order.

The places are runs of neighbours, each from a start to a stop. One run is a block, as in `shard=`
of `dropcore.dropout`. Several runs come from context parallelism (a rank has the first and the last
part of a sequence, for example), or from a sampler that gives samples to the ranks in turn.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeAlias

Runs: TypeAlias = tuple[tuple[int, int], ...]  # the start and the stop of each run
Where: TypeAlias = int | range | Sequence[range]

WHERE = "an offset, a range, or a list of ranges"


class Axis(NamedTuple):
    """The place of a tensor along an axis of a larger tensor.

    Attributes
    ----------
    whole : int
        The length of the axis in the larger tensor.
    first : int or None
        The offset, if the tensor is one block. The block is as long as the tensor.
    runs : Runs
        All places, if `first` is None.
    """

    whole: int
    first: int | None
    runs: Runs

    def runs_of(self, length: int, axis: int) -> Runs:
        """The places of a tensor of `length` elements along `axis`.

        Raises
        ------
        ValueError
            If the number of elements is not the number of places, or a block ends beyond the axis.
        """
        if self.first is not None:
            if self.first + length > self.whole:
                raise ValueError(
                    f"input must lie within the global shape along axis {axis}: it has {length} "
                    f"elements from offset {self.first}, and the whole axis has {self.whole}"
                )
            return ((self.first, self.first + length),)
        if length_of(self.runs) != length:
            raise ValueError(
                f"input must have an element for each place along axis {axis}: it has {length}, "
                f"and the ranges have {length_of(self.runs)}"
            )
        return self.runs


def axis_from(name: str, whole: Any, where: Any) -> Axis:
    """Convert the value that the argument `name` has for one axis.

    Raises
    ------
    TypeError, ValueError
        If `whole` is not a length, or `where` has places outside of it.
    """
    whole = _integer(whole, f"{name} must have integers for lengths, not {whole!r}")
    if whole < 0:
        raise ValueError(f"{name} must have lengths >= 0, not {whole}")
    if isinstance(where, range):
        where = [where]
    if isinstance(where, list | tuple):
        if not all(isinstance(each, range) for each in where):
            raise TypeError(f"{name} must state places by {WHERE}, not {where!r}")
        runs = merged(_runs_of_range(each) for each in where)
        if any(not 0 <= start <= stop <= whole for start, stop in runs):
            raise ValueError(f"{name} must have places in [0, {whole}), not {where!r}")
        return Axis(whole, None, runs)
    first = _integer(where, f"{name} must state places by {WHERE}, not {where!r}")
    if not 0 <= first <= whole:
        raise ValueError(f"{name} must have offsets in [0, {whole}], not {first}")
    return Axis(whole, first, ())


def axes_from(name: str, axes: Any, none: bool = False) -> dict[int, Any]:
    """Convert a mapping from axes to (length, where); `none`: a value may also be None."""
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
    """Replace negative axis numbers, for a tensor with `rank` axes.

    Raises
    ------
    ValueError
        If the tensor has no axis of a number, or two numbers name the same axis.
    """
    found: dict[int, Axis] = {}
    for axis, each in axes.items():
        if not -rank <= axis < rank:
            raise ValueError(f"axes must name axes of input, which has {rank}, not axis {axis}")
        if axis % rank in found:
            raise ValueError(f"axes must name each axis once, not axis {axis % rank} twice")
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
    """Join runs in order: adjacent runs become one, and empty runs are left out."""
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
    """The number of places."""
    return sum(stop - start for start, stop in runs)


def between(runs: Runs, first: int, last: int) -> Runs:
    """The places with the numbers `first` to `last` - 1, in the order of the runs."""
    found, begin = [], 0
    for start, stop in runs:
        end = begin + stop - start
        if begin < last and first < end:
            found.append((start + max(first - begin, 0), stop - max(end - last, 0)))
        begin = end
    return merged([found])


def within(outer: Runs, inner: Runs) -> Runs:
    """Convert places `inner` of a part to places of the whole. The part has places `outer`."""
    return merged(between(outer, start, stop) for start, stop in inner)


def chunk(runs: Runs, parts: int, part: int) -> Runs:
    """One part of a cut by `torch.chunk`: equally long parts; the last may be shorter."""
    length = length_of(runs)
    size = -(-length // parts)
    return between(runs, min(part * size, length), min((part + 1) * size, length))


def blocks_of(axes: Sequence[Runs]) -> Iterator[tuple[tuple[slice, ...], tuple[int, ...]]]:
    """Each block of a tensor with these places: slices of the tensor, and offsets in the whole."""
    cuts = []
    for runs in axes:
        begin, cut = 0, []
        for start, stop in runs:
            cut.append((slice(begin, begin + stop - start), start))
            begin += stop - start
        cuts.append(cut)
    for block in product(*cuts):
        yield tuple(own for own, _ in block), tuple(start for _, start in block)
