"""Checks of arrays: dtypes, strides, sizes, `out`, and shared memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dropcore.testing.case import STREAM, Case, shaped
from dropcore.testing.compare import close, gradients, same_bits
from dropcore.testing.frames import place
from dropcore.testing.subject import Skipped, Subject
from dropcore.variants.base import Array


def dtypes(subject: Subject) -> None:
    """Results have the dtype and the precision of x.

    The result for float16 or bfloat16 equals the result for float32, rounded once. Results for
    float32 and float64 agree to the precision of float32, with the same decisions. Nothing is
    computed in a type that is narrower than the type of x.
    """
    for case in subject.cases:
        inputs, dy = case.inputs(dtype=_halves()[0]), case.weights(_halves()[0])
        y32, dx32 = _results(case, inputs, dy, np.float32)
        y64, dx64 = _results(case, inputs, dy, np.float64)
        close(f"{case}: float32 y, against float64", y32, y64, 1e-5, 1e-5)
        for name, narrow, wide in zip(case.variant.inputs, dx32, dx64, strict=True):
            close(f"{case}: float32 gradient of {name}, against float64", narrow, wide, 1e-5, 1e-5)
        for half in _halves():
            inputs, dy = case.inputs(dtype=half), case.weights(half)
            y32, dx32 = _results(case, inputs, dy, np.float32)
            y, dx = _results(case, inputs, dy, half)
            name = np.dtype(half).name
            same_bits(f"{case}: {name} y, against float32", y, y32.astype(half))
            expected = tuple(each.astype(half) for each in dx32)
            same_bits(f"{case}: {name} gradient, against float32", dx, expected)
        for dtype in (np.float32, np.float64):
            _resolves(case, dtype)
        _direct_dtypes(case)


def _halves() -> list[Any]:
    try:
        import ml_dtypes  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        return [np.float16]
    return [np.float16, ml_dtypes.bfloat16]


def _results(
    case: Case, inputs: tuple[Array, ...], dy: Array, dtype: Any
) -> tuple[Array, tuple[Array, ...]]:
    y, mask = case.run(tuple(array.astype(dtype) for array in inputs), STREAM.at(0))
    dx = gradients(mask, dy.astype(dtype))
    for what, array in (("y", y), *((f"gradient {i}", each) for i, each in enumerate(dx))):
        if array.dtype != np.dtype(dtype):
            raise AssertionError(f"{case}: {what} of {np.dtype(dtype)} is {array.dtype}")
    return y, dx


def _resolves(case: Case, dtype: Any) -> None:
    # If inputs that differ little give the same y, y was computed in a narrower type.
    inputs = case.inputs(dtype=dtype)
    beside = tuple(np.asarray(x * (1 + 1024 * np.finfo(dtype).eps)) for x in inputs)
    y, mask = case.run(inputs, STREAM.at(0))
    moving = y != mask.forward(*case.inputs(seed=1, dtype=dtype))
    merged = moving & (y == mask.forward(*beside))
    if merged.any():
        raise AssertionError(
            f"{case}: {np.dtype(dtype)} inputs that differ by 1024 units in the last place give "
            f"one and the same y in {int(merged.sum())} of {int(moving.sum())} places"
        )


def _direct_dtypes(case: Case) -> None:
    # The arrays that the variant itself returns, before the core converts them.
    if case.free is None:
        return
    for dtype in (np.float32, np.float64):
        y, saved = case.free.forward(STREAM.at(0), case.p, *case.inputs(dtype=dtype))
        dx = case.free.backward(STREAM.at(0), case.p, case.weights(dtype), *saved)
        for what, array in (("forward", y), *(("backward", d) for d in _tuple(dx))):
            if array.dtype != dtype:
                raise AssertionError(f"{case}: {what} gives {array.dtype} for {np.dtype(dtype)}")


def _tuple(arrays: Any) -> tuple[Array, ...]:
    return arrays if isinstance(arrays, tuple) else (arrays,)


def strides(subject: Subject) -> None:
    """Any memory layout of the inputs and of dy gives the same bits."""
    for case in subject.cases:
        inputs, dy = case.inputs(), case.weights()
        y, mask = case.run(inputs, STREAM.at(0))
        dx = gradients(mask, dy)
        for (layout, *arrays), (_, strided_dy) in zip(
            zip(_LAYOUTS, *map(_layouts, inputs), strict=True),
            zip(_LAYOUTS, _layouts(dy), strict=True),
            strict=True,
        ):
            got, mask = case.run(arrays, STREAM.at(0))
            same_bits(f"{case}: y of {layout}", got, y)
            same_bits(f"{case}: gradient, dy being {layout}", gradients(mask, strided_dy), dx)


_LAYOUTS = ("an array in Fortran order", "a sliced array", "a reversed array")


def _layouts(array: Array) -> Iterator[Array]:
    yield array.copy(order="F")
    wide = np.full(tuple(2 * n for n in array.shape), np.nan, array.dtype)
    steps: Any = (..., *(slice(None, None, 2),) * array.ndim)
    every_second = wide[steps]
    every_second[...] = array
    yield every_second
    backwards: Any = (..., *(slice(None, None, -1),) * array.ndim)
    yield array[backwards].copy()[backwards]


def empty(subject: Subject) -> None:
    """Arrays without elements give arrays without elements, whichever axis has the length 0.

    A ValueError of the variant means that it does not accept the shape.
    """
    tried, reason = 0, "no shape has an axis"
    for full in subject.shapes:
        for axis in range(len(full)):
            shape = (*full[:axis], 0, *full[axis + 1 :])
            refusal = subject.reads(shape)
            if refusal:
                reason = f"does not accept arrays without elements: {refusal}"
                continue
            for p in subject.p_values:
                _runs(Case(subject.variant, p, shape))
            tried += 1
    if not tried:
        raise Skipped(reason)


def zero_d(subject: Subject) -> None:
    """0-d arrays give 0-d arrays, if the variant accepts them."""
    reason = subject.reads(())
    if reason:
        raise Skipped(f"does not accept 0-d arrays: {reason}")
    for p in subject.p_values:
        case = Case(subject.variant, p, ())
        try:
            _runs(case)
        except (IndexError, TypeError, ValueError) as error:
            raise AssertionError(
                f"{case}: {type(error).__name__}: {error}{place(error)}; if the variant does not "
                "accept rank 0, independent_unit, plan, decide or forward must raise ValueError"
            ) from error


def _runs(case: Case) -> None:
    for draw in (STREAM.at(0), None):
        y, mask = case.run(case.inputs(), draw)
        shaped(f"{case}: y", y, case.shape)
        for name, dx in zip(case.variant.inputs, gradients(mask, case.weights()), strict=True):
            shaped(f"{case}: gradient of {name}", dx, case.shape)


def out(subject: Subject) -> None:
    """Results have the same bits if `out` is another array, a strided array, or x itself."""
    for case in subject.cases:
        inputs, dy = case.inputs(), case.weights()
        for draw in (STREAM.at(0), None):
            y, mask = case.run(inputs, draw)
            dx = gradients(mask, dy)
            targets = [np.empty(case.shape), np.empty(case.shape[::-1]).T, inputs[0].copy()]
            for name, target in zip(
                ("an array", "a strided array", "x itself"), targets, strict=True
            ):
                x = target if name == "x itself" else inputs[0]
                what = f"{case}, {'inference' if draw is None else 'training'}, out being {name}"
                got, mask = case.run((x, *inputs[1:]), draw, out=target)
                if got is not target:
                    raise AssertionError(f"{what}: y is another array than out")
                same_bits(f"{what}: y", got, y)
                same_bits(f"{what}: gradient after it", gradients(mask, dy), dx)
                if len(inputs) == 1:
                    buffer = dy.copy()
                    same_bits(
                        f"{what}: gradient in place", mask.backward(buffer, out=buffer), dx[0]
                    )


def own_memory(subject: Subject) -> None:
    """A mask shares no memory with the caller: writing to x, y or dx does not change the mask."""
    for case in subject.cases:
        inputs, dy = case.inputs(), case.weights()
        y, mask = case.run(inputs, STREAM.at(0))
        dx = gradients(mask, dy)
        expected = tuple(each.copy() for each in dx)
        for array in (*inputs, y, *dx):
            array[...] = 7.0
        same_bits(
            f"{case}: gradient after x, y and dx were overwritten", gradients(mask, dy), expected
        )


def unchanged_inputs(subject: Subject) -> None:
    """Forward, backward and inference write to none of their arguments.

    The methods of the variant are called directly too, with writeable arrays.
    """
    for case in subject.cases:
        inputs, dy = case.inputs(), case.weights()
        _direct_calls(case, inputs, dy)
        _unchanged(f"{case}, the variant's own methods", case, inputs, dy)
        for draw in (STREAM.at(0), None):
            _, mask = case.run(inputs, draw)
            mask.forward(*inputs)
            gradients(mask, dy)
            _unchanged(f"{case}", case, inputs, dy)


def _direct_calls(case: Case, inputs: tuple[Array, ...], dy: Array) -> None:
    if case.free is not None:
        _, saved = case.free.forward(STREAM.at(0), case.p, *inputs)
        case.free.backward(STREAM.at(0), case.p, dy, *saved)
    case.variant.infer(case.p, *inputs)
    case.variant.infer_backward(case.p, dy)


def _unchanged(what: str, case: Case, inputs: tuple[Array, ...], dy: Array) -> None:
    same_bits(f"{what}: dy", dy, case.weights())
    for name, array, expected in zip(case.variant.inputs, inputs, case.inputs(), strict=True):
        same_bits(f"{what}: {name}", array, expected)
