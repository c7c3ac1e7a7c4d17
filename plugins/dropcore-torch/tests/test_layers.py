"""Attention and recurrent layers as `convert` makes them."""

import copy

import numpy as np
import pytest
import torch
from dropcore_torch import convert
from expected import SEED, array_of, core, next_draw
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import dropcore

NOTHING = 5e-324  # above 0, and yet drops nothing: then outputs are those without dropout

# --------------------------------------------------------------- attention dropout

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
    ours = copy.deepcopy(plain)
    ours.dropout = NOTHING
    convert(ours)
    return plain, ours


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
    assert torch.equal(ours(*arguments, need_weights=False)[0], y)
    assert torch.equal(ours.eval()(*arguments)[0], plain.eval()(*arguments)[0])


def test_the_hint_needs_its_mask():
    _, ours = attentions(batch_first=True)
    with pytest.raises(RuntimeError, match="attn_mask"):
        ours(*inputs(True), is_causal=True)


# ------------------------------------------------------------------ recurrent layers


def recurrents(kind, **options):
    torch.manual_seed(4)
    plain = kind(4, 5, 3, **options)
    ours = copy.deepcopy(plain)
    ours.dropout = NOTHING
    convert(ours)
    return plain, ours


def assert_same_ends(one, other):
    one, other = (each if isinstance(each, tuple) else (each,) for each in (one, other))
    for left, right in zip(one, other, strict=True):
        assert left.shape == right.shape
        assert torch.allclose(left, right, atol=1e-6)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (nn.LSTM, {}),
        (nn.LSTM, {"batch_first": True, "bidirectional": True, "bias": False}),
        (nn.LSTM, {"proj_size": 2, "bidirectional": True}),
        (nn.GRU, {"batch_first": True}),
        (nn.RNN, {"nonlinearity": "relu", "bidirectional": True}),
        (nn.RNN, {"nonlinearity": "tanh"}),
    ],
)
def test_recurrent_layers_are_pytorch_s_where_nothing_is_dropped(kind, options, given):
    plain, ours = recurrents(kind, **options)
    x = torch.randn(6, 2, 4)
    states = plain(x)[1] if given and not options.get("batch_first") else None
    one, other = plain(x, states), ours(x, states)
    assert torch.allclose(one[0], other[0], atol=1e-6)
    assert_same_ends(one[1], other[1])

    states = plain(x[0])[1] if given else None
    one, other = plain(x[0], states), ours(x[0], states)
    assert torch.allclose(one[0], other[0], atol=1e-6)
    assert_same_ends(one[1], other[1])

    packed = pack_padded_sequence(torch.randn(6, 3, 4), [2, 6, 3], enforce_sorted=False)
    states = plain(packed)[1] if given else None
    one, other = plain(packed, states), ours(packed, states)
    assert torch.allclose(one[0].data, other[0].data, atol=1e-6)
    assert torch.equal(one[0].unsorted_indices, other[0].unsorted_indices)
    assert_same_ends(one[1], other[1])


def test_layers_drop_between_them_alone():
    """p = 1 leaves each layer after the first without input."""
    plain, ours = recurrents(nn.GRU)
    ours.dropout = 1.0
    x = torch.randn(6, 2, 4)
    y, ends = ours(x)
    last = nn.GRU(5, 5)
    last.load_state_dict(
        {
            f"{name}_l0": getattr(plain, f"{name}_l2")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
    )
    assert torch.allclose(y, last(torch.zeros(6, 2, 5))[0])
    assert torch.allclose(ends[0], plain(x)[1][0])
    y.sum().backward()
    assert (ours.weight_ih_l0.grad == 0).all()
    assert torch.equal(ours.eval()(x)[0], plain(x)[0])
