"""A variant with its options, as the rest of the package needs it: looked up once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

import dropcore


@dataclass(frozen=True, slots=True)
class Rule:
    """A variant, and what is asked of it at each call."""

    variant: dropcore.Variant
    text: str  # from which `rule_from` makes it again; "" for a variant that is not registered
    inputs: tuple[str, ...]  # the names of the tensors it takes
    standard: bool  # a decision for each element, no more
    decides: bool  # keeps or drops elements, so that the gradient is linear in dy alone
    identity: bool  # in inference


@torch.compiler.assume_constant_result
def rule_of(variant: str | dropcore.Variant, options: dict[str, Any]) -> Rule:
    """The rule of a variant, by its name and options or itself."""
    if isinstance(variant, str):
        return rule_from(json.dumps([str(variant), options], default=_plain))
    return _rule(dropcore.get_variant(variant, **options), "")


@lru_cache(maxsize=1024)
def rule_from(text: str) -> Rule:
    """The rule whose `text` this is."""
    name, options = json.loads(text)
    return _rule(dropcore.get_variant(name, **options), text)


def _rule(variant: dropcore.Variant, text: str) -> Rule:
    return Rule(
        variant=variant,
        text=text,
        inputs=variant.inputs,
        standard=variant.name == "standard" and not variant.options()["shared_axes"],
        decides=isinstance(variant, dropcore.PlannedVariant | dropcore.DecidingVariant),
        identity=type(variant).infer is dropcore.Variant.infer,
    )


def _plain(option: object) -> Any:
    # What json cannot write: NumPy's scalars; all else is for the variant to refuse.
    if hasattr(option, "item"):
        return option.item()
    raise TypeError(f"an option must be a number, a string, or a tuple of them, not {option!r}")
