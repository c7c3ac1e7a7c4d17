"""The check that runs first: the form of results, on which all other checks depend."""

from __future__ import annotations

from typing import Any

import numpy as np

from dropcore.testing.case import STREAM, Case
from dropcore.testing.frames import place
from dropcore.testing.subject import Subject
from dropcore.variants.base import (
    DecidingVariant,
    FreeVariant,
    Plan,
    Shape,
    check_methods,
    check_plain,
    described,
)


def structure(subject: Subject) -> None:
    """All methods of the variant's kind exist, return the right types, and write to no argument.

    If this check fails, no other check is run: most checks would fail for the same reason.
    """
    check_plain(subject.variant)
    _methods(subject)
    for case in subject.cases:
        if isinstance(case.variant, FreeVariant):
            _free(case)
        else:
            _planned(case)
        _unit(case)
        _array(case, "infer", _call(case, "infer", _inputs(case)))
        _gradients(case, "infer_backward", {"dy": case.weights()})


# ------------------------------------------------------------ what each kind gives


def _methods(subject: Subject) -> None:
    try:
        check_methods(subject.variant)
    except TypeError as error:
        raise AssertionError(str(error)) from None


def _unit(case: Case) -> None:
    unit = _call(case, "independent_unit", {"shape": case.shape}, p=False)
    if not isinstance(unit, tuple) or not _broadcasts(unit, case.shape):
        raise AssertionError(
            f"{case}: independent_unit must give a tuple with the length of each axis, or 1 for an "
            f"axis along which elements depend on each other, not {unit!r}"
        )


def _broadcasts(own: Any, shape: Shape) -> bool:
    return len(own) == len(shape) and all(
        length in (1, whole) for length, whole in zip(own, shape, strict=True)
    )


def _planned(case: Case) -> None:
    decided = {}
    if isinstance(case.variant, DecidingVariant):
        decided["keep"] = _decisions(case)
    plan = _call(case, "plan", {"shape": case.shape, **decided})
    if not isinstance(plan, Plan):
        raise AssertionError(f"{case}: plan must give a dropcore.Plan, not {described(plan)}")


def _decisions(case: Case) -> Any:
    keep = _call(case, "decide", {"shape": case.shape}, draw=True)
    if not isinstance(keep, np.ndarray) or keep.dtype != bool:
        raise AssertionError(f"{case}: decide must give an array of bool, not {described(keep)}")
    if not _broadcasts(keep.shape, case.shape):
        raise AssertionError(
            f"{case}: decide must give an array of shape {case.shape}, or with 1 for a shared "
            f"axis, not {described(keep)}"
        )
    return keep


def _free(case: Case) -> None:
    pair = _call(case, "forward", _inputs(case), draw=True)
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise AssertionError(
            f"{case}: forward must give a pair, y and a tuple of what backward needs, "
            f"not {described(pair)}"
        )
    y, saved = pair
    _array(case, "forward", y)
    if not isinstance(saved, tuple | list):
        raise AssertionError(
            f"{case}: what forward saves must be a tuple, such as (keep,), not {described(saved)}"
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
            f"not {described(result)}"
        )
    for gradient in result:
        _array(case, name, gradient)


def _array(case: Case, name: str, result: Any) -> None:
    if not isinstance(result, np.ndarray | np.generic) or result.shape != case.shape:
        raise AssertionError(
            f"{case}: {name} must give an array of shape {case.shape}, not {described(result)}"
        )


# ------------------------------------------------------------ calls


def _inputs(case: Case) -> dict[str, Any]:
    return dict(zip(case.variant.inputs, case.inputs(), strict=True))


def _call(
    case: Case, name: str, arguments: dict[str, Any], *, draw: bool = False, p: bool = True
) -> Any:
    # With writeable copies, which show if the method writes to them.
    given = {
        what: each.copy() if isinstance(each, np.ndarray) else each
        for what, each in arguments.items()
    }
    before = (STREAM.at(0),) * draw + (case.p,) * p
    called = f"{name}({', '.join([*['draw'] * draw, *['p'] * p, *given])})"
    try:
        result = getattr(case.variant, name)(*before, *given.values())
    except Exception as error:
        raise AssertionError(
            f"{case}: {called} raises {type(error).__name__}: {error}{place(error)}"
        ) from error
    for what, each in arguments.items():
        if isinstance(each, np.ndarray) and given[what].tobytes() != each.tobytes():
            raise AssertionError(f"{case}: {name} must not write to {what}")
    return result
