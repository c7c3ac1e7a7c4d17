"""Each installed variant, called through PyTorch, computes the same as in the core."""

import numpy as np
import pytest
import torch
from dropcore_torch import operator, rule
from dropcore_torch.functional import draw_as_tensor, dropout
from expected import array_of, next_draw, same_bits

import dropcore

pytestmark = pytest.mark.usefixtures("path")

OPTIONS = {"spatial": {"channel_axis": 1}, "dropblock": {"block_size": 3, "channel_axis": 1}}
STREAM = dropcore.Stream(4)


def inputs_of(variant, dtype):
    rng = np.random.default_rng(0)
    count = len(dropcore.get_variant(variant, **OPTIONS.get(variant, {})).inputs)
    return [
        torch.from_numpy(rng.normal(size=(4, 3, 9, 10))).to(dtype).requires_grad_()
        for _ in range(count)
    ]


def of_the_core(inputs, variant, training, draw):
    kind = dropcore.get_variant(variant, **OPTIONS.get(variant, {}))
    arrays = dict(zip(kind.inputs, map(array_of, inputs), strict=True))
    x = arrays.pop("x")
    y, mask = dropcore.dropout(x, 0.3, training=training, rng=draw, variant=kind, **arrays)
    dx = mask.backward(np.ones_like(y))
    return y, dx if isinstance(dx, tuple) else (dx,)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("variant", dropcore.variant_names())
def test_eagerly(variant, dtype, training):
    inputs = inputs_of(variant, dtype)
    draw = next_draw(STREAM)
    y, gradients = of_the_core(inputs, variant, training, draw)
    names = dropcore.get_variant(variant, **OPTIONS.get(variant, {})).inputs
    result = dropout(
        inputs[0],
        0.3,
        training,
        rng=STREAM,
        variant=variant,
        **OPTIONS.get(variant, {}),
        **dict(zip(names[1:], inputs[1:], strict=True)),
    )
    assert same_bits(result, y)
    result.sum().backward()
    for given, gradient in zip(inputs, gradients, strict=True):
        assert same_bits(given.grad, gradient)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("variant", dropcore.variant_names())
def test_as_an_operator(variant, training):
    inputs = inputs_of(variant, torch.float32)
    draw = STREAM.at(2**63 + 5)
    y, gradients = of_the_core(inputs, variant, training, draw)
    text = rule.rule_of(variant, OPTIONS.get(variant, {})).text
    words = draw_as_tensor(draw)
    result = operator.dropout(inputs, words[:4], words[4], 0.3, training, text)
    assert same_bits(result, y)
    result.sum().backward()
    for given, gradient in zip(inputs, gradients, strict=True):
        assert same_bits(given.grad, gradient)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("variant", dropcore.variant_names())
def test_compiled(variant, training):
    torch._dynamo.reset()
    inputs = inputs_of(variant, torch.float32)
    y, gradients = of_the_core(inputs, variant, training, next_draw(STREAM))
    names = dropcore.get_variant(variant, **OPTIONS.get(variant, {})).inputs

    @torch.compile(fullgraph=True, backend="aot_eager")
    def function(x, **others):
        options = OPTIONS.get(variant, {})
        return dropout(x, 0.3, training, rng=STREAM, variant=variant, **options, **others) * 1

    result = function(inputs[0], **dict(zip(names[1:], inputs[1:], strict=True)))
    assert same_bits(result, y)
    result.sum().backward()
    for given, gradient in zip(inputs, gradients, strict=True):
        assert same_bits(given.grad, gradient)
