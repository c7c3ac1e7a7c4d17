"""Dropout as a function of tensors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import handle_torch_function

import dropcore
from dropcore_torch import _standard, eager, operator, others
from dropcore_torch.rule import Rule, rule_of
from dropcore_torch.source import RNG, Source, source_of
from dropcore_torch.transforms import (
    NO_RULE,
    PLAIN,
    function_mode_enabled,
    in_transform,
    modes,
    tracing_state,
)

# Asked at each call, so it is one name to look up.
is_compiling = torch.compiler.is_compiling


def dropout(
    input: Tensor,
    p: float,
    training: bool,
    inplace: bool = False,
    *,
    rng: RNG = None,
    shared_axes: int | tuple[int, ...] = (),
    variant: str | dropcore.Variant = "standard",
    **options: Any,
) -> Tensor:
    """Drop elements of a tensor at random, as `torch.nn.functional.dropout` does.

    Parameters
    ----------
    input : torch.Tensor
        On the CPU: float32, float64, float16 or bfloat16, of any shape and strides. The
        decision for an element depends on its place in C order alone, not on the dtype or
        the memory format. Elsewhere: PyTorch's own dropout is called.
    p : float
        The probability that an element is dropped, in [0, 1].
    training : bool
        False gives the variant's inference rule; for most it is `input` itself. There is no
        default: forgetting it is the commonest bug of its kind.
    inplace : bool, default: False
        Write to `input`, and return it. The result is computed in memory of its own first.
    rng : None, Stream, Draw, int or SeedSequence, optional
        What fixes the key of the draws. The draw index is always one ``torch.randint``, so
        ``torch.manual_seed`` rules whatever the key, and a checkpoint computes the same mask
        again. With None all calls share one key. Of a Stream no draw is taken. A Draw alone
        says all: it is used as it is, and nothing is drawn.
    shared_axes : int or tuple of int, default: ()
        Axes along which one decision holds for all elements; for a variant that has this
        option.
    variant : str or dropcore.Variant, default: "standard"
        What kind of dropout; see `dropcore.variants`.
    **options
        The variant's own, and its further inputs by name, which are tensors.

    Returns
    -------
    torch.Tensor
        With the memory format of `input`. One of 4 MiB or more lies in memory that NumPy
        allocated; up to 256 MiB that such tensors leave is kept for the next ones.
        `input` itself in inference, where the variant changes nothing then, and `inplace`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what `dropcore.dropout` accepts.
    LookupError
        If there is no such variant.
    NotImplementedError
        For a variant that PyTorch does not have, of a tensor that is not on the CPU.
    RuntimeError
        In a transform of ``torch.func``, for a batched derivative, and `inplace` where PyTorch
        allows no writing; nothing was written then.

    Notes
    -----
    Kept for backward is one bit for each element, a thirty-second of the output in float32;
    under ``torch.compile`` nothing but the draw index. Any number of derivatives can be
    taken, of a variant with a backward of its own the first only.

    Examples
    --------
    >>> import torch
    >>> from dropcore_torch.functional import dropout
    >>> _ = torch.manual_seed(0)
    >>> x = torch.ones(3, 4, requires_grad=True)
    >>> y = dropout(x, 0.5, training=True)
    >>> y.sum().backward()
    >>> torch.equal(x.grad, y)  # 2 where kept, 0 where dropped
    True
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"input must be a tensor, not {type(input).__name__}")
    try:
        in_range = bool(0 <= p <= 1)
    except (TypeError, RuntimeError):  # also of a tensor of several elements
        raise TypeError(f"p must be a number in [0, 1], not {p!r}") from None
    if not in_range:
        raise ValueError(f"p must be in [0, 1], the probability of being dropped, not {p!r}")
    if not (isinstance(shared_axes, tuple) and not shared_axes):
        options["shared_axes"] = shared_axes
    tensors = {name: each for name, each in options.items() if isinstance(each, Tensor)}
    for name in tensors:
        del options[name]
    rule = rule_of(variant, options)
    return apply((input, *in_order(rule, tensors)), p, training, inplace, rule, source_of(rng))


def in_order(rule: Rule, tensors: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """A variant's further inputs, as it declares them."""
    names = rule.inputs[1:]
    if set(tensors) != set(names):
        raise TypeError(
            f"variant {rule.variant.name!r} takes the tensors {('input', *names)}, "
            f"not {('input', *tensors)}"
        )
    return tuple([tensors[name] for name in names])


def apply(
    inputs: tuple[Tensor, ...], p: float, training: bool, inplace: bool, rule: Rule, source: Source
) -> Tensor:
    """Dropout with all that can be looked up before looked up."""
    x = inputs[0]
    if training is False and rule.identity:
        return x
    # A compiler is not shown what is compiled already.
    if not is_compiling():
        if function_mode_enabled():  # it sees this function, as it sees PyTorch's
            arguments = inputs, p, training, inplace, rule, source
            return handle_torch_function(apply, inputs, *arguments)
        y = _standard.dropout(x, p, training, inplace, rule, source)
        if y is not None:
            return y
    if not x.is_cpu or x.layout is not torch.strided:
        return others.dropout(x, p, training, inplace, rule)
    # A compiler, a tracer and a mode see operators alone.
    if is_compiling() or type(x) not in PLAIN or modes() or tracing_state() is not None:
        y = operator.dropout(list(inputs), source.draw_index(), source.key, p, training, rule.text)
    elif in_transform():
        raise RuntimeError(NO_RULE)
    elif inplace and x.is_inference() and not torch.is_inference_mode_enabled():
        raise RuntimeError("inplace must be False for a tensor of inference mode outside of it")
    else:
        y = eager.dropout(inputs, p, training, rule, source)
    # PyTorch knows when a tensor must not be written to, and who has to know that it was.
    return x.copy_(y) if inplace else y
