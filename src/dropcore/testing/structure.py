"""The check that runs first: the form of results, on which all other checks depend."""

from __future__ import annotations

from typing import Any

import numpy as np

from dropcore.testing.case import STREAM, Case
from dropcore.testing.subject import Subject
from dropcore.variants.base import (
    DecidingVariant,
    FreeVariant,
    Plan,
    PlannedVariant,
    Variant,
    check_plain,
)

METHODS: dict[type[Variant], tuple[str, ...]] = {
    PlannedVariant: ("plan",),
    DecidingVariant: ("decide", "plan"),
    FreeVariant: ("forward", "backward"),
}


def structure(subject: Subject) -> None:
    """All methods of the variant's kind exist, return the right types, and write to no argument.

    If this fails, no other check is run: most would fail for the same reason.
    """
    variant = subject.variant
    check_plain(variant)
    kind = _kind(variant)
    missing = [name for name in METHODS[kind] if _is_abstract(variant, kind, name)]
    if missing:
        raise AssertionError(
            f"{type(variant).__name__} must define {' and '.join(missing)}, "
            f"as each {kind.__name__} must"
        )
    for case in subject.cases:
        if kind is FreeVariant:
            _free(case)
        else:
            _planned(case)
        _array(case, "infer", _call(case, "infer", _inputs(case)))
        _gradients(case, "infer_backward", {"dy": case.weights()})


def _kind(variant: Variant) -> type[Variant]:
    kinds = [kind for kind in METHODS if isinstance(variant, kind)]
    if len(kinds) != 1:
        names = ", ".join(kind.__name__ for kind in METHODS)
        found = " and ".join(kind.__name__ for kind in kinds) or "none of them"
        raise AssertionError(
            f"{type(variant).__name__} must derive from one of {names}, not from {found}"
        )
    return kinds[0]


def _is_abstract(variant: Variant, kind: type[Variant], name: str) -> bool:
    return getattr(type(variant), name) is getattr(kind, name)


# ------------------------------------------------------------ what each kind gives


def _planned(case: Case) -> None:
    decided = {}
    if isinstance(case.variant, DecidingVariant):
        decided["keep"] = _decisions(case)
    plan = _call(case, "plan", {"shape": case.shape, **decided})
    if not isinstance(plan, Plan):
        raise AssertionError(f"{case}: plan must give a dropcore.Plan, not {_form(plan)}")


def _decisions(case: Case) -> Any:
    keep = _call(case, "decide", {"shape": case.shape}, draw=True)
    if not isinstance(keep, np.ndarray) or keep.dtype != bool:
        raise AssertionError(f"{case}: decide must give an array of bool, not {_form(keep)}")
    if len(keep.shape) != len(case.shape) or any(
        own not in (1, whole) for own, whole in zip(keep.shape, case.shape, strict=True)
    ):
        raise AssertionError(
            f"{case}: decide must give an array of shape {case.shape}, or with 1 for a shared "
            f"axis, not {_form(keep)}"
        )
    return keep


def _free(case: Case) -> None:
    pair = _call(case, "forward", _inputs(case), draw=True)
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise AssertionError(
            f"{case}: forward must give a pair, y and a tuple of what backward needs, "
            f"not {_form(pair)}"
        )
    y, saved = pair
    _array(case, "forward", y)
    if not isinstance(saved, tuple | list):
        raise AssertionError(
            f"{case}: what forward saves must be a tuple, such as (keep,), not {_form(saved)}"
        )
    kept = {f"saved[{i}]": each for i, each in enumerate(saved)}
    _gradients(case, "backward", {"dy": case.weights(), **kept}, draw=True)


def _gradients(case: Case, name: str, arguments: dict[str, Any], *, draw: bool = False) -> None:
    result, inputs = _call(case, name, arguments, draw=draw), case.variant.inputs
    if len(inputs) == 1:
        _array(case, name, result)
        return
    if not isinstance(result, tuple) or len(result) != len(inputs):
        raise AssertionError(
            f"{case}: {name} must give a tuple of gradients, of {', '.join(inputs)}, "
            f"not {_form(result)}"
        )
    for gradient in result:
        _array(case, name, gradient)


def _array(case: Case, name: str, result: Any) -> None:
    if not isinstance(result, np.ndarray | np.generic) or result.shape != case.shape:
        raise AssertionError(
            f"{case}: {name} must give an array of shape {case.shape}, not {_form(result)}"
        )


# ------------------------------------------------------------ calls


def _inputs(case: Case) -> dict[str, Any]:
    return dict(zip(case.variant.inputs, case.inputs(), strict=True))


def _call(case: Case, name: str, arguments: dict[str, Any], *, draw: bool = False) -> Any:
    # With writeable copies, which show if the method writes to them.
    given = {
        what: each.copy() if isinstance(each, np.ndarray) else each
        for what, each in arguments.items()
    }
    before = (STREAM.at(0), case.p) if draw else (case.p,)
    try:
        result = getattr(case.variant, name)(*before, *given.values())
    except Exception as error:
        raise AssertionError(f"{case}: {name} raises {type(error).__name__}: {error}") from error
    for what, each in arguments.items():
        if isinstance(each, np.ndarray) and given[what].tobytes() != each.tobytes():
            raise AssertionError(f"{case}: {name} must not write to {what}")
    return result


def _form(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return repr(value)
