"""Dropout as a function of tensors."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import handle_torch_function

import dropcore
from dropcore_torch import eager, operator, others, paths, pieces, situation, transforms
from dropcore_torch.attention import attend
from dropcore_torch.others import DTYPES, check_input, is_other
from dropcore_torch.private import PLAIN, function_mode_enabled, in_transform, modes, tracing_state
from dropcore_torch.rule import Rule, check_rank, rule_of
from dropcore_torch.source import (
    RNG,
    Source,
    Traced,
    draw_as_tensor,
    draw_of_seed,
    is_compiling,
    is_dynamo_compiling,
    is_input_of_graph,
    outside_of_graph,
    source_of,
    take,
)

__all__ = ["attention", "draw_as_tensor", "draw_of_seed", "dropout"]


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
        On the CPU: float32, float64, float16 or bfloat16, of any shape and strides. For a
        given draw, p and shape, the decision for an element depends only on its index, not on the
        dtype or the memory format. For a DTensor with a Draw, the shape of the whole tensor and the
        index in it count; see `distributed`. On other devices PyTorch's own dropout is called.
    p : float
        The probability that an element is dropped, in [0, 1].
    training : bool
        False applies the variant's inference rule; most variants return `input` itself. There is
        no default, because a forgotten `training` is a frequent bug.
    inplace : bool, default: False
        Write the result to `input`, and return it. The result is first computed in other memory.
    rng : None, Stream, Draw, int, SeedSequence or torch.Tensor, optional
        The source of the key; a tensor is made by `draw_as_tensor` or `draw_of_seed`. The draw
        index is one ``torch.randint``. So ``torch.manual_seed`` determines the draw index for any
        key, and checkpointing computes the same mask again. With None all calls share one key. A
        Stream gives only its key; its position does not change. A Draw or a tensor has both key and
        index, so ``torch.randint`` is not called.
    shared_axes : int or tuple of int, default: ()
        Axes along which one decision holds for all elements. Only variants that have this option
        accept it.
    variant : str or dropcore.Variant, default: "standard"
        The kind of dropout; `dropcore.variant_names` lists the names.
    **options
        The options of the variant, and its further inputs by name, which are tensors.

    Returns
    -------
    torch.Tensor
        y, with the memory format of `input`. A result of 4 MiB or more is in memory that NumPy
        allocated. Up to 256 MiB of this memory is kept for later results. With `inplace`, and in
        inference for variants whose inference is the identity, the result is `input` itself.

    Raises
    ------
    TypeError, ValueError
        If `dropcore.dropout` does not accept an argument.
    LookupError
        If no variant has the name `variant`.
    NotImplementedError
        If the tensor is not on the CPU, and PyTorch does not have the variant. If the variant does
        not support a transform of ``torch.func`` or a batched derivative.
    RuntimeError
        With `inplace`, if PyTorch does not allow to write to `input`; nothing was written.

    Notes
    -----
    One bit for each decision is kept for backward: without `shared_axes` 1/32 of the size of a
    float32 output. Under ``torch.compile`` only the draw is kept. Any number of derivatives can be
    taken; a free variant, which has its own backward, has only first derivatives.

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
    if not (isinstance(shared_axes, tuple) and not shared_axes):
        options["shared_axes"] = shared_axes
    if is_dynamo_compiling() and not _can_be_in_graph(p, rng, variant, options):
        return line_by_line(
            dropout, input, p, training, inplace, rng=rng, variant=variant, **options
        )
    check_input(input)
    p = probability(p)
    if training is not True and training is not False:
        raise TypeError(f"training must be True or False, not {training!r}")
    tensors, numbers = _split(options)
    rule = rule_of(variant, numbers)
    return apply((input, *in_order(rule, tensors)), p, training, inplace, rule, source_of(rng))


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
    rng: RNG = None,
) -> Tensor:
    """Attend with dropout, as `torch.nn.functional.scaled_dot_product_attention` does.

    Dropout is applied to the weights softmax(scale q k^T + mask), which are then multiplied with v.
    On the CPU attention is computed in blocks of queries; the notes state the exceptions. For the
    backward pass the draw and the inputs are kept, but no weights. The node in C++ (`build_node`),
    if it computes the call, also keeps a float32 copy of the output, and two float32 numbers for
    each query of each head.

    Parameters
    ----------
    query : torch.Tensor
        (..., heads, L, E), on the CPU: float32, float64, float16 or bfloat16. float16 and bfloat16
        are computed in float32. On other devices PyTorch's own function is called.
    key, value : torch.Tensor
        (..., heads, S, E) and (..., heads, S, Ev), of `query`'s dtype.
    attn_mask : torch.Tensor, optional
        Is broadcast to (..., heads, L, S). Bools: True where a query sees a key. Numbers: added to
        the scores. A query that sees no key gets zeros.
    dropout_p : float, default: 0.0
        The probability that a weight is dropped, in [0, 1]. With 0 PyTorch's own function is
        called, and no draw is taken. There is no training mode: pass 0 in inference.
    is_causal : bool, default: False
        Query i sees the keys up to i.
    scale : float, optional
        1 / sqrt(E) by default.
    enable_gqa : bool, default: False
        The number of heads of `query` may be a multiple of the number in `key` and `value`.
    rng : optional
        As for `dropout`. The mask is the mask of `dropout` on the whole array of weights.

    Returns
    -------
    torch.Tensor
        y, of shape (..., heads, L, Ev).

    Raises
    ------
    TypeError, ValueError
        If `dropout_p` or `rng` is not what `dropout` accepts, or `attn_mask` comes with
        `is_causal`.
    RuntimeError
        If shapes or dtypes do not fit: PyTorch's own errors.

    Notes
    -----
    In blocks, memory is linear in L and S. In the following cases all weights are in memory at
    once, with the same mask: in compilers, tracers, ``torch.func`` and a ``TorchDispatchMode``; for
    second derivatives and derivatives in forward mode; in `distributed.global_mask` with `axes`;
    for more than 4 axes, axes before the heads of unequal length, or an `attn_mask` with more axes
    than `query`; and for fewer than 2**20 weights, unless the node computes the call.

    Examples
    --------
    >>> import torch
    >>> from dropcore_torch.functional import attention
    >>> q, k, v = torch.randn(3, 2, 8, 512, 64).unbind()
    >>> attention(q, k, v, dropout_p=0.1, is_causal=True).shape
    torch.Size([2, 8, 512, 64])
    """
    own = (query, key, value, attn_mask)
    for x in own[:3]:
        check_input(x)
    p = dropout_p if is_dynamo_compiling() else probability(dropout_p)
    others = any(is_other(x) for x in own if x is not None)
    if others and p:
        situation.refuse(
            "attention of tensors that are not plain", "compute it in steps, with `dropout`"
        )
    if p == 0 or others:
        options = {"scale": scale, "enable_gqa": enable_gqa}
        return F.scaled_dot_product_attention(*own, p, is_causal, **options)
    if is_causal and attn_mask is not None:
        raise ValueError("attn_mask must be None with is_causal=True")
    if attn_mask is not None and attn_mask.dtype not in (*DTYPES, torch.bool):
        raise TypeError(f"attn_mask must be of bools or floats, not {attn_mask.dtype}")
    source = source_of(rng)

    def drop(weights: Tensor) -> Tensor:
        return apply((weights,), p, True, False, rule_of("standard", {}), source)

    return attend(*own, p, is_causal, scale, enable_gqa, source, drop)


def _split(options: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    # A variant's further inputs, and its options.
    tensors = {name: each for name, each in options.items() if isinstance(each, Tensor)}
    return tensors, {name: each for name, each in options.items() if name not in tensors}


def probability(p: Any) -> float:
    """`p` as a float.

    Raises
    ------
    TypeError, ValueError
        If `p` is not a number, or a tensor without dimensions, in [0, 1].
    """
    if isinstance(p, Tensor) and p.dim() == 0 and p.dtype is not torch.bool and not p.is_complex():
        p = p.item()
    if not isinstance(p, float) and (not isinstance(p, Real) or isinstance(p, bool)):
        raise TypeError(f"p must be a number in [0, 1], not {p!r}")
    if not 0 <= p <= 1:
        raise ValueError(f"p must be in [0, 1], the probability of being dropped, not {p!r}")
    return float(p)


def in_order(rule: Rule, tensors: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """A variant's further inputs, in the order in which the variant declares them."""
    names = rule.inputs[1:]
    if set(tensors) != set(names):
        raise TypeError(
            f"variant {rule.variant.name!r} takes the tensors {('input', *names)}, "
            f"not {('input', *tensors)}"
        )
    return tuple([tensors[name] for name in names])


def apply(
    inputs: tuple[Tensor, ...],
    p: float,
    training: bool,
    inplace: bool,
    rule: Rule,
    source: Source | Traced,
) -> Tensor:
    """Dropout, after everything that does not depend on the tensors was looked up."""
    x = inputs[0]
    # Compilers cannot trace the compiled modules of this package.
    if not is_compiling() and function_mode_enabled():  # the mode must see this call
        arguments = inputs, p, training, inplace, rule, source
        return handle_torch_function(apply, inputs, *arguments)
    if training and not is_compiling():
        y = paths.dropout(x, p, training, inplace, rule, source)
        if y is not None:
            return y
    elif is_dynamo_compiling() and (
        isinstance(p, Tensor) or not rule.text or pieces.may_be_part(x, source)
    ):
        return line_by_line(_apply_outside, inputs, p, training, inplace, rule, source)
    if not (type(p) is float and 0 <= p <= 1):
        p = probability(p)
    check_input(x)
    if training and (of := pieces.situation_of(x, source)) is not None:
        return pieces.dropout(inputs, p, inplace, rule, source, of)
    if not training and rule.identity and type(x) in PLAIN:
        return x
    if is_other(x) or (x.dtype not in DTYPES and p == 1):
        return others.dropout(x, p, training, inplace, rule)
    if not training and rule.identity:
        return x
    if training and rule.whole_at_0 and (p == 0 or x.numel() == 0):
        check_rank(rule.text, x.dim())
        take(source)
        return x
    if x.dtype not in DTYPES:
        raise TypeError(f"input must be of float32, float64, float16 or bfloat16, not {x.dtype}")
    if inplace and not is_compiling() and _is_left_of_inference_mode(x):
        raise RuntimeError("inplace must be False for an inference tensor outside inference mode")
    y = _computed(inputs, p, training, rule, source)
    # PyTorch's copy_ checks whether x may be written to, and records the write.
    return x.copy_(y) if inplace else y


def _apply_outside(*arguments: Any) -> Tensor:
    return apply(*arguments[:-1], outside_of_graph(arguments[-1]))


def _is_left_of_inference_mode(x: Tensor) -> bool:
    """Whether x is an inference tensor outside inference mode, which PyTorch refuses too late."""
    return x.is_inference() and not torch.is_inference_mode_enabled()


def _computed(
    inputs: tuple[Tensor, ...], p: float, training: bool, rule: Rule, source: Source | Traced
) -> Tensor:
    x = inputs[0]
    # Compilers, tracers and modes see only operators.
    seen = is_compiling() or type(x) not in PLAIN or modes() or tracing_state() is not None
    if not (seen or in_transform()):
        return eager.dropout(inputs, p, training, rule, source)
    if in_transform() and not (training and rule.decides):
        raise NotImplementedError(
            f"variant {rule.variant.name!r} has no rule for torch.func's transforms (grad, vmap, "
            "jvp and similar): variants that keep or drop elements have rules, in training"
        )
    if not rule.text:
        raise TypeError(
            "variant must be registered to be compiled, traced or transformed: the graph stores "
            f"only the variant's name, and {rule.variant!r} is not registered under its name"
        )
    key, index = source.tensors() if training else (None, None)
    if in_transform():
        keep, numbers = operator.decide(key, index, x.shape, p, rule.text)
        return transforms.select(x, keep, numbers)
    if training and rule.planned:
        return operator.planned(x, key, index, p, rule.text)
    return operator.dropout(list(inputs), key, index, p, training, rule.text)


# ------------------------------------------------------------------------- compilers


@torch.compiler.disable(
    reason="p, rng, variant or an option of dropout is not of a kind that can be in a graph: p "
    "must be a number, rng None, a Stream, a Draw, an integer or a tensor that `draw_as_tensor` or "
    "`draw_of_seed` made, the variant a registered one, and its options Python's own numbers; or "
    "the process trains with `global_mask`, `rank_masks` or a DTensor"
)
def line_by_line(function: Callable[..., Tensor], *arguments: Any, **named: Any) -> Tensor:
    """Call a function outside the compiled graph, in ordinary Python."""
    return function(*arguments, **named)


def _can_be_in_graph(
    p: Any, rng: Any, variant: str | dropcore.Variant, options: dict[str, Any]
) -> bool:
    _, numbers = _split(options)
    # To a compiler, NumPy's scalars are arrays.
    if isinstance(p, Tensor) or any(isinstance(e, np.ndarray) for e in (p, *numbers.values())):
        return False
    return is_input_of_graph(rng) and bool(rule_of(variant, numbers).text)
