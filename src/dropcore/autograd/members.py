"""The parts of an object by name: its attributes, and the contents of its containers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import Any

Kind = type | tuple[type, ...]
_CONTAINERS = (list, tuple, dict, deque, set, frozenset)


def members(owner: object, kind: Kind) -> Iterator[tuple[str, Any]]:
    """Yield the public attributes of `owner` of one kind, in order, with their names.

    Lists, tuples, deques and dicts are searched, at any depth. The name of an item consists of the
    attribute and the keys: "drops.0", "blocks.encoder.1".

    Raises
    ------
    TypeError, ValueError
        If an object of the kind has no unique name: because it is in a set; because a key is
        neither text nor an integer, is empty or has a dot; or because two keys give the same text.
    """
    for attribute, value in vars(owner).items():
        if attribute.startswith("_"):
            continue
        if isinstance(value, kind):
            yield attribute, value
        elif isinstance(value, _CONTAINERS):
            names: set[str] = set()
            for keys, member in _inside(value, kind, ()):
                name = _name(attribute, keys)
                if name in names:
                    raise ValueError(f"{name} must be the name of one item, not of two")
                names.add(name)
                yield name, member


def _inside(
    container: Any, kind: Kind, around: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the items of one kind in a container, with their keys."""
    if any(container is each for each in around):  # the container contains itself
        return
    pairs: Iterable[tuple[Any, Any]] = enumerate(container)
    if isinstance(container, dict):
        pairs = container.items()
    elif isinstance(container, set | frozenset):
        pairs = ((_InSet, each) for each in container)
    for key, value in pairs:
        if isinstance(value, kind):
            yield (key,), value
        elif isinstance(value, _CONTAINERS):
            for keys, member in _inside(value, kind, (*around, container)):
                yield (key, *keys), member


class _InSet:
    """The key of an item of a set."""


def _name(attribute: str, keys: tuple[Any, ...]) -> str:
    for key in keys:
        if key is _InSet:
            raise TypeError(
                f"{attribute} must hold parts of a module in a list, tuple or dict, not in a set, "
                "which has no order"
            )
        if not isinstance(key, str | Integral) or not str(key) or "." in str(key):
            raise ValueError(
                f"keys of {attribute} must be integers or text without dots, not {key!r}: keys "
                "become part of names; to exclude the attribute, begin its name with an underscore"
            )
    return ".".join([attribute, *map(str, keys)])
