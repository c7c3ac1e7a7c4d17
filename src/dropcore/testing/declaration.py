"""Checks of what a variant declares: its attributes and its options."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from typing import Any

import numpy as np

from dropcore.testing.subject import Skipped, Subject
from dropcore.variants.base import Variant, check_plain, is_plain, kind_of

OF_DROPOUT = {"p", "training", "rng", "variant", "out", "store", "shard"}  # besides x
P_DOMAINS = ("[0, 1]", "[0, 1)", "(0, 1]", "(0, 1)")
MEAN_SCOPES = ("element", "tensor", None)


def declaration(subject: Subject) -> None:
    """The variant is a frozen, hashable dataclass, and all its attributes are valid."""
    variant = subject.variant
    _dataclass(variant)
    _class_attributes(variant)
    _misspelt(variant)


def options(subject: Subject) -> None:
    """Options are stored in types that JSON has, even if NumPy scalars are given."""
    variant = subject.variant
    as_they_are = variant.options()
    if not as_they_are:
        raise Skipped("the variant has no options")
    for given in (as_they_are, {name: _of_numpy(value) for name, value in as_they_are.items()}):
        built = type(variant)(**given)
        for name, value in built.options().items():
            _claim(
                is_plain(value),
                f"{name} was given as {given[name]!r} and is stored as {value!r}: store the "
                "value that axis_option and similar functions return, by object.__setattr__",
            )
        _claim(built == variant, f"{built!r}, built from {given}, is not equal to {variant!r}")


def _of_numpy(value: Any) -> Any:
    # The same option as NumPy scalars, as arithmetic of a caller may give it.
    if isinstance(value, tuple):
        return tuple(map(_of_numpy, value))
    kinds = {bool: np.bool_, int: np.int64, float: np.float64, str: np.str_}
    return kinds.get(type(value), lambda unchanged: unchanged)(value)


def _claim(true: bool, otherwise: str) -> None:
    if not true:
        raise AssertionError(otherwise)


def _dataclass(variant: Variant) -> None:
    kind = type(variant)
    parameters = kind.__dataclass_params__  # type: ignore[attr-defined]
    _claim(parameters.frozen, f"{kind.__name__} is not a frozen dataclass")
    fields = {field.name for field in dataclasses.fields(variant)}
    for parent in kind.__mro__:
        for name, annotation in inspect.get_annotations(parent).items():
            _claim(
                name in fields or "ClassVar" in str(annotation),
                f"{name} is annotated in {parent.__name__} but is not a field: "
                "add @dataclass(frozen=True), or ClassVar",
            )
    unlisted = sorted(set(vars(variant)) - fields)
    _claim(not unlisted, f"attributes {unlisted} are no options")
    check_plain(variant)
    again = kind(**variant.options())
    _claim(again == variant, f"{again!r}, built from options(), is not equal to {variant!r}")
    _claim(hash(again) == hash(variant), f"the hash of {variant!r} is not repeatable")


def _class_attributes(variant: Variant) -> None:
    name, inputs = getattr(variant, "name", None), variant.inputs
    _claim(isinstance(name, str) and bool(name), f"name is {name!r}, not a str")
    _claim(
        isinstance(inputs, tuple) and inputs[:1] == ("x",) and len(set(inputs)) == len(inputs),
        f"inputs is {inputs!r}, not a tuple of names of which the first is 'x'",
    )
    taken = sorted(set(inputs) & (OF_DROPOUT | set(variant.options())))
    _claim(not taken, f"inputs {taken} are names of options, or of arguments of dropout")
    taken = sorted(set(variant.options()) & (OF_DROPOUT | {"x"}))
    _claim(not taken, f"options {taken} are arguments of dropout")
    _claim(variant.p_domain in P_DOMAINS, f"p_domain is {variant.p_domain!r}, not in {P_DOMAINS}")
    _claim(
        variant.mean_scope in MEAN_SCOPES,
        f"mean_scope is {variant.mean_scope!r}, not in {MEAN_SCOPES}",
    )


def _misspelt(variant: Variant) -> None:
    # A statement under a wrong name would state nothing.
    kind, options = kind_of(variant), variant.options()
    known = [name for name in dir(kind) if not name.startswith("_")]
    for name in sorted(set(dir(variant)) - set(known) - set(options)):
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        _claim(
            name.startswith("_") or name == "name" or not close,
            f"{name} states nothing: did you mean {', '.join(close)}? If it is a helper "
            "of your own, begin its name with _",
        )
