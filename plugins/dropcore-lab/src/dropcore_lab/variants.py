"""The installed variants in the form for the page, with their options in the form for JSON."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
import typing
import warnings
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

import dropcore
from dropcore.plugins import registry
from dropcore_lab.fields import (
    Boolean,
    Field,
    Integer,
    Integers,
    Number,
    Text,
    canonical_number,
)

REMEMBERED = 256

KINDS: dict[Any, Field] = {
    bool: Boolean(),
    int: Integer(low=-(2**31)),
    float: Number(low=-1e9, high=1e9),
    str: Text(),
}


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a variant.

    Attributes
    ----------
    name, type, text : str
        The annotation, and the text of the docstring.
    field : Field or None
        The field for its JSON form; None if there is no such form.
    required : bool
    """

    name: str
    type: str
    text: str
    field: Field | None
    required: bool


@dataclasses.dataclass(frozen=True)
class Offer:
    """One variant in the form for the page.

    Attributes
    ----------
    name, text, p_domain, distribution, version : str
    reason : str or None
        The reason why the variant cannot be used; None if it can.
    decides : bool
        Whether the variant has keep decisions.
    options : tuple of Option
    """

    name: str
    distribution: str
    version: str
    text: str = ""
    p_domain: str = "[0, 1]"
    reason: str | None = None
    decides: bool = True
    options: tuple[Option, ...] = ()

    def described(self) -> dict[str, Any]:
        """Return the variant in the form for the page."""
        facts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        facts["available"] = self.reason is None
        facts["options"] = [
            {
                "name": option.name,
                "type": option.type,
                "text": option.text,
                "required": option.required,
                "nullable": option.field.null,
                **option.field.described(),
                "default": option.field.default,
            }
            for option in self.options
            if option.field is not None
        ]
        return facts


@cache
def offers() -> Mapping[str, Offer]:
    """Every installed variant by name. The modules of all variants are imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dropcore.PluginWarning)  # `reason` has the same text
        return {plugin.name: _offer(plugin) for plugin in _plugins()}


def usable() -> tuple[str, ...]:
    """The names of the variants that a network of the Lab can use."""
    return tuple(name for name, offer in offers().items() if offer.reason is None)


def instance(name: str, options: Mapping[str, Any]) -> dropcore.Variant:
    """Make a variant from options in JSON; the same object for the same options.

    The core caches variant objects by their id: new objects with every edit would fill the cache.
    """
    return _instance(name, json.dumps(options))


@lru_cache(maxsize=REMEMBERED)
def _instance(name: str, options: str) -> dropcore.Variant:
    values = json.loads(options)
    return dropcore.get_variant(
        name, **{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    )


def options_of(variant: dropcore.Variant) -> dict[str, Any]:
    """All options of a variant in their JSON form."""
    return {name: as_json(value) for name, value in variant.options().items()}


def as_json(value: Any) -> Any:
    """The JSON form of an option's value: a tuple becomes a list."""
    if isinstance(value, tuple):
        return list(value)
    return canonical_number(value) if isinstance(value, float) else value


def _plugins() -> list[Any]:
    names = registry().names()
    first = {plugin.name: plugin for plugin in reversed(registry().plugins())}
    return [first[name] for name in sorted(names, key=lambda name: (name != "standard", name))]


def _offer(plugin: Any) -> Offer:
    offer = Offer(plugin.name, plugin.distribution, plugin.version)
    try:
        variant = registry().variant_class(plugin.name)
    except LookupError as error:
        return dataclasses.replace(offer, reason=str(error))
    options = tuple(_options(variant))
    reason = None
    if len(variant.inputs) > 1:
        reason = f"the variant takes further inputs: {', '.join(variant.inputs[1:])}"
    elif any(option.field is None and option.required for option in options):
        reason = "the variant needs an option that cannot be entered on this page"
    return dataclasses.replace(
        offer,
        text=(inspect.getdoc(variant) or "").partition("\n")[0],
        p_domain=variant.p_domain,
        reason=reason,
        decides=not issubclass(variant, dropcore.FreeVariant),
        options=options,
    )


def _options(variant: type[dropcore.Variant]) -> typing.Iterator[Option]:
    hints = typing.get_type_hints(variant)
    texts = documented(inspect.getdoc(variant) or "")
    for option in dataclasses.fields(variant):
        required = option.default is option.default_factory is dataclasses.MISSING
        field = _field(hints[option.name])
        if field is not None and not required:
            given = option.default
            if option.default_factory is not dataclasses.MISSING:
                given = option.default_factory()
            field = dataclasses.replace(field, default=as_json(given))
        kind = option.type if isinstance(option.type, str) else str(hints[option.name])
        yield Option(option.name, kind, texts.get(option.name, ""), field, required)


def _field(hint: Any) -> Field | None:
    """The field for an annotation: a plain type, a tuple of int, or such a type or None."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        inner = [each for each in typing.get_args(hint) if each is not types.NoneType]
        field = _field(inner[0]) if len(inner) == 1 else None
        return None if field is None else dataclasses.replace(field, null=True)
    if typing.get_origin(hint) is tuple and typing.get_args(hint) == (int, ...):
        return Integers(low=-64, high=63, default=[])
    return KINDS.get(hint)


def documented(doc: str) -> dict[str, str]:
    r"""The description of each parameter in a docstring, in one line.

    >>> documented("Do.\n\nParameters\n----------\na, b : int\n    Two\n    numbers.\n")
    {'a': 'Two numbers.', 'b': 'Two numbers.'}
    """
    section = re.search(r"^Parameters\n-+\n(.*?)(?=\n\n\S[^\n]*\n-+\n|\Z)", doc, re.DOTALL | re.M)
    texts = {}
    for names, body in re.findall(
        r"^(\S[^:\n]*?) *:[^\n]*\n((?:[ \t]+\S[^\n]*\n?|\n)*)", section[1] if section else "", re.M
    ):
        for name in names.split(","):
            texts[name.strip()] = " ".join(body.split())
    return texts
