"""Attention layers as `convert` makes them."""

import numpy as np
import pytest
import torch
from converted import assert_both_refuse, pair
from expected import SEED, array_of, core, next_draw
from torch import nn

import dropcore

pytestmark = pytest.mark.usefixtures("path")


MASKS = {
    "none": {},
    "bool": {"attn_mask": torch.ones(5, 6).tril().eq(0)},
    "float": {"attn_mask": torch.linspace(-2, 2, 30).reshape(5, 6)},
    "of each head": {"attn_mask": torch.linspace(-2, 2, 180).reshape(6, 5, 6)},
    "padding": {"key_padding_mask": torch.arange(6).repeat(3, 1) > torch.tensor([[5], [4], [2]])},
    "both": {
        "attn_mask": torch.ones(5, 6).tril().eq(0),
        "key_padding_mask": torch.arange(6).repeat(3, 1) > torch.tensor([[5], [4], [2]]),
    },
    "causal": {"attn_mask": torch.ones(5, 6).tril().eq(0), "is_causal": True},
}


def attentions(**options):
    torch.manual_seed(3)
    plain = nn.MultiheadAttention(8, 2, **options)
    for each in plain.parameters():
        nn.init.normal_(each)
    return pair(plain)


def inputs(batch_first, key_width=8, value_width=8):
    given = [torch.randn(3, 5, 8), torch.randn(3, 6, key_width), torch.randn(3, 6, value_width)]
    return given if batch_first else [x.transpose(0, 1) for x in given]


def assert_same(plain, ours, arguments, **options):
    for one, other in zip(plain(*arguments, **options), ours(*arguments, **options), strict=True):
        if one is None:
            assert other is None
            continue
        assert one.shape == other.shape
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("weights", [{}, {"need_weights": False}, {"average_attn_weights": False}])
@pytest.mark.parametrize(
    "options",
    [
        {"batch_first": True},
        {"batch_first": False, "bias": False},
        {"batch_first": True, "kdim": 3, "vdim": 7},
        {"batch_first": True, "add_bias_kv": True, "add_zero_attn": True},
    ],
)
def test_attention_is_pytorch_s_where_nothing_is_dropped(options, weights, mask):
    masks = dict(MASKS[mask])
    if "add_bias_kv" in options:  # the hint makes PyTorch mask the added places too
        masks.pop("is_causal", None)
    plain, ours = attentions(**options)
    arguments = inputs(options["batch_first"], options.get("kdim", 8), options.get("vdim", 8))
    assert_same(plain, ours, arguments, **weights, **masks)


@pytest.mark.parametrize("need_weights", [True, False])
def test_self_attention_and_a_single_sample(need_weights):
    plain, ours = attentions(batch_first=True)
    x = torch.randn(3, 5, 8)
    assert_same(plain, ours, (x, x, x), need_weights=need_weights)
    single = [each[0] for each in inputs(True)]
    padding = torch.arange(6) > 3
    assert_same(plain, ours, single, need_weights=need_weights, key_padding_mask=padding)


def test_a_sample_of_padding_alone():
    plain, ours = attentions(batch_first=True)
    padding = torch.tensor([[False] * 6, [True] * 6, [False] * 6])
    arguments = inputs(True)
    assert_same(plain, ours, arguments, need_weights=False, key_padding_mask=padding)
    y, _ = ours(*arguments, need_weights=False, key_padding_mask=padding)
    y.sum().backward()
    assert not any(each.grad.isnan().any() for each in ours.parameters())


def test_attention_weights_are_dropped_and_scaled():
    plain, ours = attentions(batch_first=True)
    ours.dropout = 0.25
    arguments = inputs(True)
    _, weights = plain(*arguments, average_attn_weights=False)
    draw = next_draw(dropcore.Stream(0, path=("dropcore-torch",)))
    y, dropped = ours(*arguments, average_attn_weights=False)
    expected, _ = core(weights, 0.25, draw)
    np.testing.assert_allclose(array_of(dropped), expected, rtol=1e-5)
    torch.manual_seed(SEED)
    torch.testing.assert_close(ours(*arguments, need_weights=False)[0], y)
    assert torch.equal(ours.eval()(*arguments)[0], plain.eval()(*arguments)[0])


# Masks for 3 samples of 5 queries and 6 keys, and 2 heads.
BAD_MASKS = {
    "integers": {"attn_mask": torch.zeros(5, 6, dtype=torch.int64)},
    "bytes": {"attn_mask": torch.zeros(5, 6, dtype=torch.uint8)},
    "float64": {"attn_mask": torch.zeros(5, 6, dtype=torch.float64)},
    "float16": {"attn_mask": torch.zeros(5, 6, dtype=torch.float16)},
    "keys": {"attn_mask": torch.zeros(5, 7)},
    "fewer keys": {"attn_mask": torch.zeros(5, 1)},
    "queries": {"attn_mask": torch.zeros(4, 6)},
    "one row": {"attn_mask": torch.zeros(1, 6)},
    "1-D": {"attn_mask": torch.zeros(6)},
    "4-D": {"attn_mask": torch.zeros(3, 2, 5, 6)},
    "of each sample": {"attn_mask": torch.zeros(3, 5, 6)},
    "of each head": {"attn_mask": torch.zeros(2, 5, 6)},
    "of one": {"attn_mask": torch.zeros(1, 5, 6)},
    "of each head, keys": {"attn_mask": torch.zeros(6, 5, 1)},
    "padding of integers": {"key_padding_mask": torch.zeros(3, 6, dtype=torch.int64)},
    "padding in float64": {"key_padding_mask": torch.zeros(3, 6, dtype=torch.float64)},
    "narrow padding": {"key_padding_mask": torch.zeros(3, 5, dtype=torch.bool)},
    "padding of width 1": {"key_padding_mask": torch.zeros(3, 1, dtype=torch.bool)},
    "wide padding": {"key_padding_mask": torch.zeros(3, 7, dtype=torch.bool)},
    "1-D padding": {"key_padding_mask": torch.zeros(6, dtype=torch.bool)},
    "3-D padding": {"key_padding_mask": torch.zeros(3, 1, 6, dtype=torch.bool)},
    "padding of one": {"key_padding_mask": torch.zeros(1, 6, dtype=torch.bool)},
    "padding of four": {"key_padding_mask": torch.zeros(4, 6, dtype=torch.bool)},
    "hint alone": {"is_causal": True},
}


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("mask", BAD_MASKS)
def test_masks_that_pytorch_refuses(mask, batch_first, need_weights):
    plain, ours = attentions(batch_first=batch_first, add_zero_attn=True)
    options = {"need_weights": need_weights, **BAD_MASKS[mask]}
    assert_both_refuse(plain, ours, *inputs(batch_first), **options)


@pytest.mark.parametrize(
    "mask",
    [
        {"attn_mask": torch.zeros(6, 5, 6)},
        {"attn_mask": torch.zeros(1, 6)},
        {"key_padding_mask": torch.zeros(1, 6, dtype=torch.bool)},
        {"key_padding_mask": torch.zeros(5, dtype=torch.bool)},
    ],
)
def test_masks_that_pytorch_refuses_for_a_single_sample(mask):
    plain, ours = attentions(batch_first=True)
    assert_both_refuse(plain, ours, *(each[0] for each in inputs(True)), **mask)


@pytest.mark.parametrize("options", [{}, {"kdim": 4, "vdim": 2}])
@pytest.mark.parametrize(
    "change",
    [
        lambda q, k, v: (q, k[:1], v[:1]),
        lambda q, k, v: (q[:1], k, v),
        lambda q, k, v: (q, k, v[:1]),
        lambda q, k, v: (q, k, v[:, :1]),
        lambda q, k, v: (q, k[:, :1], v),
        lambda q, k, v: (q[0], k, v),
        lambda q, k, v: (q, k[0], v[0]),
        lambda q, k, v: (q, k, v[0]),
        lambda q, k, v: (q[None], k[None], v[None]),
        lambda q, k, v: (q[0, 0], k[0, 0], v[0, 0]),
        lambda q, k, v: (q[..., :6], k, v),
        lambda q, k, v: (q, k[..., :1], v),
        lambda q, k, v: (q, k, v[..., :1]),
        lambda q, k, v: (q.double(), k, v),
    ],
)
def test_tensors_that_pytorch_refuses(change, options):
    plain, ours = attentions(batch_first=True, **options)
    given = inputs(True, options.get("kdim", 8), options.get("vdim", 8))
    assert_both_refuse(plain, ours, *change(*given))


@pytest.mark.parametrize(
    ("dtype", "masks"),
    [
        (torch.float32, {"attn_mask": torch.ones(6, 5, 6).tril().eq(0)}),
        (torch.float32, {"key_padding_mask": torch.linspace(-2, 2, 18).reshape(3, 6)}),
        (torch.float64, {"attn_mask": torch.linspace(-2, 2, 30).reshape(5, 6)}),
        (torch.bfloat16, {"key_padding_mask": torch.zeros(3, 6)}),
    ],
)
def test_other_masks_that_pytorch_takes(dtype, masks):
    plain, ours = (each.to(dtype) for each in attentions(batch_first=True))
    arguments = [each.to(dtype) for each in inputs(True)]
    one, other = (
        each(*arguments, need_weights=False, **masks)[0].double() for each in (plain, ours)
    )
    atol = 0.1 if dtype is torch.bfloat16 else 1e-4
    assert torch.allclose(one, other, rtol=atol, atol=atol)


def test_masks_under_autocast_are_of_any_dtype():
    plain, ours = attentions(batch_first=True)
    arguments = inputs(True)
    mask = torch.linspace(-2, 2, 30).reshape(5, 6)
    for dtype in (torch.float32, torch.bfloat16):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            one, other = (m(*arguments, attn_mask=mask.to(dtype)) for m in (plain, ours))
        for left, right in zip(one, other, strict=True):
            assert left.dtype is right.dtype is torch.bfloat16
            assert torch.allclose(left, right, rtol=0.1, atol=0.1)
