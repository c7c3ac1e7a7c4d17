"""Attention and recurrent layers as `convert` makes them."""

import copy

import numpy as np
import pytest
import torch
from dropcore_torch import convert
from expected import SEED, array_of, core, next_draw
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import dropcore

pytestmark = pytest.mark.usefixtures("path")

NOTHING = 5e-324  # above 0, and still drops nothing: outputs are as without dropout
CLEAR = (AssertionError, RuntimeError, TypeError, ValueError)

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


def assert_both_refuse(plain, ours, *arguments, **options):
    with pytest.raises((*CLEAR, AttributeError, LookupError)) as its:
        plain(*arguments, **options)
    before = torch.get_rng_state()
    with pytest.raises((*CLEAR, its.type)) as other:
        ours(*arguments, **options)
    assert str(other.value)
    assert torch.equal(torch.get_rng_state(), before)


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
    """With p = 1 each layer after the first receives zeros."""
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


# For layers of widths 4 and 5: 6 places of 2 samples, or of 3 samples in a packed sequence.
BAD_INPUTS = {
    "width": lambda x: x[..., :3],
    "0-D": lambda x: x[0, 0, 0],
    "1-D": lambda x: x[0, 0],
    "4-D": lambda x: x[None],
    "dtype": lambda x: x.double(),
    "integers": lambda x: x.long(),
    "no places": lambda x: x[:0],
}
BAD_STATES = {
    "samples": lambda h: h[:, :1],
    "layers": lambda h: h[:2],
    "more layers": lambda h: torch.cat([h, h]),
    "width": lambda h: h[..., :4],
    "rank": lambda h: h[:, 0],
    "higher rank": lambda h: h[None],
    "dtype": lambda h: h.double(),
}
KINDS = [nn.LSTM, nn.GRU, nn.RNN]


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("bad", BAD_INPUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_inputs_that_pytorch_refuses(kind, bad, given):
    plain, ours = recurrents(kind)
    x = torch.randn(6, 2, 4)
    states = plain(x)[1] if given else None
    assert_both_refuse(plain, ours, BAD_INPUTS[bad](x), states)


@pytest.mark.parametrize("bad", ["width", "dtype", "integers"])
@pytest.mark.parametrize("kind", KINDS)
def test_single_and_packed_inputs_that_pytorch_refuses(kind, bad):
    plain, ours = recurrents(kind)
    x = BAD_INPUTS[bad](torch.randn(6, 2, 4))
    assert_both_refuse(plain, ours, x[:, 0])
    assert_both_refuse(plain, ours, pack_padded_sequence(x, [6, 3]))


@pytest.mark.parametrize("bad", BAD_STATES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad_place", [0, 1])
def test_states_that_pytorch_refuses(kind, bad, bad_place):
    def spoil(states):
        if kind is not nn.LSTM:
            return BAD_STATES[bad](states)
        return tuple(BAD_STATES[bad](h) if i == bad_place else h for i, h in enumerate(states))

    plain, ours = recurrents(kind)
    x = torch.randn(6, 2, 4)
    states = plain(x)[1]
    assert_both_refuse(plain, ours, x, spoil(states))
    for lengths in ([6, 3], [3, 6]):
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        # PyTorch's LSTM does not check states here, and reads beyond their end.
        assert_both_refuse(ours if kind is nn.LSTM else plain, ours, packed, spoil(states))
    if bad in ("layers", "more layers", "width", "dtype"):
        single = spoil(states)
        single = tuple(h[:, 0] for h in single) if kind is nn.LSTM else single[:, 0]
        assert_both_refuse(plain, ours, x[:, 0], single)


@pytest.mark.parametrize("kind", KINDS)
def test_states_of_the_wrong_kind(kind):
    plain, ours = recurrents(kind)
    x, h = torch.randn(6, 2, 4), torch.zeros(3, 2, 5)
    packed = PackedSequence(*pack_padded_sequence(x, [6, 3])[:2])
    bad = [h, (h,), (h, h, h), ()] if kind is nn.LSTM else [(h,), [h], (h, h)]
    if kind is nn.LSTM:
        bad.append(torch.stack([h, h]))
    for states in bad:
        assert_both_refuse(plain, ours, x, states)
        assert_both_refuse(plain, ours, packed, states)
    assert_both_refuse(plain, ours, x[:, 0], h)


def test_states_as_a_list():
    plain, ours = recurrents(nn.LSTM)
    x = torch.randn(6, 2, 4)
    packed = pack_padded_sequence(x, [3, 6], enforce_sorted=False)
    states = list(plain(x)[1])
    for given in (x, packed):
        assert_same_ends(plain(given, states)[1], ours(given, states)[1])
    states = [h[:, 0] for h in states]
    assert_same_ends(plain(x[:, 0], states)[1], ours(x[:, 0], states)[1])


@pytest.mark.parametrize("kind", KINDS)
def test_other_weights_for_one_call(kind):
    """The call checks the weights that it receives."""
    plain, ours = recurrents(kind)
    x = torch.randn(6, 2, 4, dtype=torch.float64)
    weights = {name: each.detach().double() for name, each in plain.named_parameters()}
    one, other = (torch.func.functional_call(m, weights, (x,)) for m in (plain, ours))
    assert torch.allclose(one[0], other[0])
    assert_same_ends(one[1], other[1])
