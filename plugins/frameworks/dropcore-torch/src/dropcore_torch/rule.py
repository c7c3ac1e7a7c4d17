"""A variant with its options, and its properties that the package needs, looked up once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.lib.array_utils import normalize_axis_tuple
from torch.fx.experimental.symbolic_shapes import guard_scalar

import dropcore

# Variants with y = x at p = 0.
WHOLE_AT_0 = ("standard", "spatial", "alpha")

is_compiling = torch.compiler.is_compiling


@dataclass(frozen=True, slots=True)
class Rule:
    """A variant, and its properties that each call needs."""

    variant: dropcore.Variant
    text: str  # for `rule_from`; "" for a variant that is not registered
    inputs: tuple[str, ...]  # the names of its input tensors
    standard: bool  # standard dropout with a decision for each element
    planned: bool  # a planned variant that accepts every p in [0, 1]
    decides: bool  # keeps or drops elements: the gradient is linear in dy and needs only dy
    identity: bool  # whether inference is the identity
    whole_at_0: bool  # whether y is x if p is 0
    shares_axes: bool  # whether it has the option shared_axes


def rule_of(variant: str | dropcore.Variant, options: dict[str, Any]) -> Rule:
    """The rule of a variant, which is given as a name with options or as an object."""
    if is_compiling():
        # A compiler compares variants by their id, but name and options by their values.
        options = {name: _fixed(option) for name, option in options.items()}
        if isinstance(variant, dropcore.Variant):
            own = {name: _fixed(option) for name, option in variant.options().items()}
            return _rule_of_registered(type(variant), own, options)
    return _rule_of(variant, options)


def _fixed(option: Any) -> Any:
    # A number that a compiler treats as an input becomes a constant of the graph.
    if isinstance(option, tuple | list):
        return tuple([_fixed(each) for each in option])
    if isinstance(option, int | float) and not isinstance(option, bool):
        return guard_scalar(option)
    return option


@torch.compiler.assume_constant_result
def _rule_of(variant: str | dropcore.Variant, options: dict[str, Any]) -> Rule:
    if isinstance(variant, str):
        return rule_from(_text(variant, options))
    variant = dropcore.get_variant(variant, **options)
    try:
        return _rule_of_variant(variant)
    except TypeError:  # the variant has no hash
        return _rule(variant, "")


@torch.compiler.assume_constant_result
def _rule_of_registered(
    kind: type[dropcore.Variant], own: dict[str, Any], options: dict[str, Any]
) -> Rule:
    return _rule_of(kind(**own), options)


@lru_cache(maxsize=1024)
def rule_from(text: str) -> Rule:
    """The rule with this `text`."""
    name, options = json.loads(text)
    return _rule(dropcore.get_variant(name, **options), text)


@lru_cache(maxsize=1024)
def _rule_of_variant(variant: dropcore.Variant) -> Rule:
    # A variant counts as registered if its name and options give an equal variant.
    try:
        text = _text(variant.name, variant.options())
        if rule_from(text).variant == variant:
            return rule_from(text)
    except (LookupError, TypeError, ValueError):
        pass
    return _rule(variant, "")


def _rule(variant: dropcore.Variant, text: str) -> Rule:
    return Rule(
        variant=variant,
        text=text,
        inputs=variant.inputs,
        standard=variant.name == "standard" and not variant.options()["shared_axes"],
        planned=isinstance(variant, dropcore.PlannedVariant) and variant.p_domain == "[0, 1]",
        decides=isinstance(variant, dropcore.PlannedVariant | dropcore.DecidingVariant),
        identity=type(variant).infer is dropcore.Variant.infer,
        whole_at_0=variant.name in WHOLE_AT_0,
        shares_axes="shared_axes" in variant.options(),
    )


@lru_cache
def rule_of_channels(variant: str, channel: int, rank: int) -> Rule:
    """The rule that drops whole channels: one decision for all axes after axis `channel`."""
    return rule_of(variant, {"shared_axes": tuple(range(channel + 1, rank))})


@torch.compiler.assume_constant_result
def check_rank(rule: str, rank: int) -> None:
    """Raise the error of dropout for a tensor with a number of axes that the variant refuses.

    Raises
    ------
    TypeError, ValueError
    """
    plan = rule_from(rule).variant.plan(0.0, (1,) * rank)
    normalize_axis_tuple(plan.shared_axes, rank, argname="shared_axes")


def _text(name: str, options: dict[str, Any]) -> str:
    return json.dumps([str(name), options], default=_plain)


def _plain(option: object) -> Any:
    # Converts NumPy's scalars, which json cannot write. The variant refuses other types itself.
    if isinstance(option, np.generic):
        return option.item()
    raise TypeError(f"an option must be a number, a string, or a tuple of these, not {option!r}")
