"""Recurrent layers as `convert` makes them."""

import pytest
import torch
from converted import assert_both_refuse, pair
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

pytestmark = pytest.mark.usefixtures("path")


def recurrents(kind, **options):
    torch.manual_seed(4)
    plain = kind(4, 5, 3, **options)
    return pair(plain)


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
