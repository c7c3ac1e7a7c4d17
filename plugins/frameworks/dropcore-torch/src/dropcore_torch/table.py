"""The calls of a step as a table; calls of one kind share a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dropcore_torch.watch import Call

SHOWN = 4  # the most places that a line shows


def table(calls: Sequence[Call], seconds: float, without_backward: str, idle: Sequence[str]) -> str:
    """Calls as text, with their share of the seconds of a step."""
    passes = "forward pass" if without_backward else "forward and backward pass"
    lines = [f"{passes} of {seconds * 1e3:.3g} ms: {_totals(calls, seconds)}"]
    lines += [_line(kind, seconds) for kind in _kinds(calls)]
    if any(call.whole for call in calls):
        lines.append("# time of the whole call, of which dropout is only a part")
    if any(call.by == "other" for call in calls):
        lines.append("other: random numbers drawn by other code, for dropout or for something else")
    if without_backward:
        lines.append(f"no backward pass: {without_backward}")
    if idle:
        lines.append(
            f"did not drop, although p is above 0: {_some(_pattern(each) for each in idle)}"
        )
    return "\n".join(lines)


def _totals(calls: Sequence[Call], seconds: float) -> str:
    parts = []
    for by in ("dropcore", "PyTorch", "other"):
        own = [call for call in calls if call.by == by]
        if own:
            share = sum(call.seconds for call in own) / seconds
            parts.append(f"{by} {_count(own)}, {share:.1%}")
    return "; ".join(parts) or "nothing dropped"


def _count(calls: Sequence[Call]) -> str:
    return f"{len(calls)} call{'s' * (len(calls) > 1)}"


def _kinds(calls: Sequence[Call]) -> list[list[Call]]:
    kinds: dict[tuple[str, str, float | None], list[Call]] = {}
    for call in calls:
        kinds.setdefault((call.by, call.what, call.p), []).append(call)
    return list(kinds.values())


def _line(calls: list[Call], seconds: float) -> str:
    first, own = calls[0], sum(call.seconds for call in calls)
    p = "" if first.p is None else f", p = {first.p:g}"
    again = sum(call.again for call in calls)
    return (
        f"{first.by:8} {_count(calls) + ',':>10} "
        f"{sum(call.elements for call in calls):>11,} elements "
        f"{own * 1e3:9.3f} ms {own / seconds:6.1%}{'#' if first.whole else ' '} "
        f"{first.what}{p}{f', {again} of them again in backward' if again else ''}: "
        f"{_some(_place(call) for call in calls)}"
    )


def _place(call: Call) -> str:
    name = _pattern(call.module) or "the model itself"
    is_module = call.what.rpartition(".")[2][:1].isupper()
    return name if is_module or not call.where else f"{name} ({call.where})"


def _pattern(name: str) -> str:
    # The names of similar layers differ only in a number at the end of a part.
    return re.sub(r"\d+(?=\.|$)", "*", name)


def _some(places: Iterable[str]) -> str:
    different = list(dict.fromkeys(places))
    more = len(different) - SHOWN
    return ", ".join(different[:SHOWN]) + (f" and {more} more" if more > 0 else "")
