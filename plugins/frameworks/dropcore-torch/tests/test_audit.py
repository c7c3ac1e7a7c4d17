"""`audit` reports each dropout of a step, and changes no model, input or generator."""

import re

import dropcore_torch
import pytest
import torch
from audited import Through, X, found
from dropcore_torch import Dropout, audit, convert, revert
from expected import SEED
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import dropcore

FUNCTIONS = {
    "torch.nn.functional.dropout1d": lambda _, x: F.dropout1d(x, 0.25),
    "torch.nn.functional.dropout2d": lambda _, x: F.dropout2d(x[None], p=0.25),
    "torch.nn.functional.dropout3d": lambda _, x: F.dropout3d(x[None], p=0.25),
    "torch.nn.functional.alpha_dropout": lambda _, x: F.alpha_dropout(x, 0.25, True),
    "torch.nn.functional.feature_alpha_dropout": lambda _, x: F.feature_alpha_dropout(
        x, 0.25, training=True
    ),
    "torch.dropout": lambda _, x: torch.dropout(x, 0.25, True),
    "torch.dropout_": lambda _, x: torch.dropout_(x, 0.25, True),
    "torch.alpha_dropout": lambda _, x: torch.alpha_dropout(x, 0.25, True),
    "torch.feature_dropout_": lambda _, x: torch.feature_dropout_(x, 0.25, True),
    "torch.feature_alpha_dropout": lambda _, x: torch.feature_alpha_dropout(x, 0.25, True),
    "torch.native_dropout": lambda _, x: torch.native_dropout(x, 0.25, True)[0],
    "torch.ops.aten.dropout": lambda _, x: torch.ops.aten.dropout(x, 0.25, True),
}
IDLE = [
    lambda _, x: F.dropout(x, 0.0),
    lambda _, x: F.dropout(x, 0.5, training=False),
    lambda _, x: F.alpha_dropout(x, 0.5),
    lambda _, x: torch.dropout(x, 0.5, False),
    lambda _, x: F.scaled_dot_product_attention(x, x, x),
    lambda _, x: F.dropout(x[:0], 0.5).sum() + x,
    lambda _, x: dropcore_torch.functional.dropout(x, 0.5, False),
    lambda _, x: nn.MultiheadAttention(4, 2, dropout=0.5).eval()(x, x, x)[0],
]


@pytest.mark.filterwarnings("ignore:dropout.d. Received")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_pytorch_s(name):
    (call,) = audit(Through(FUNCTIONS[name]), X).calls
    assert (call.by, call.what, call.module, call.p) == ("PyTorch", name, "", 0.25)
    assert call.elements == 24
    assert call.where.startswith("tests/test_audit.py:")
    assert not call.whole
    assert not call.again
    assert 0 < call.seconds < 10


@pytest.mark.parametrize("function", IDLE)
def test_what_drops_nothing_is_not_counted(function):
    assert not [call for call in audit(Through(function), X).calls if call.by != "other"]


def test_modules_by_their_names():
    model = nn.Sequential(
        nn.Linear(4, 4), nn.Dropout(0.5), nn.Sequential(nn.AlphaDropout(0.25), Dropout(0.75))
    )
    assert found(model, X) == [
        ("PyTorch", "torch.nn.Dropout", "1", 0.5, 24),
        ("PyTorch", "torch.nn.AlphaDropout", "2.0", 0.25, 24),
        ("dropcore", "dropcore_torch.Dropout", "2.1", 0.75, 24),
    ]
    convert(model)
    assert [call[:3] for call in found(model, X)] == [
        ("dropcore", "dropcore_torch.Dropout", "1"),
        ("dropcore", "dropcore_torch.AlphaDropout", "2.0"),
        ("dropcore", "dropcore_torch.Dropout", "2.1"),
    ]


def test_dropcore_s_functions_and_variants():
    def call(_, x):
        x = dropcore_torch.functional.dropout(x, 0.5, True)
        return dropcore_torch.functional.dropout(x, 0.25, True, variant="alpha")

    what = "dropcore_torch.functional.dropout"
    assert found(Through(call), X) == [
        ("dropcore", what, "", 0.5, 24),
        ("dropcore", what, "", 0.25, 24),
    ]
    with torch.no_grad():
        assert len(found(Through(call), X.requires_grad_(False))) == 2


def test_dropout_of_a_part_of_a_tensor(as_before):
    draw = dropcore.Stream(1).at(0)

    def call(_, x):
        x = dropcore_torch.distributed.dropout(x, 0.5, True, rng=draw)
        places = (8, 3, 4), (6, 0, 0)
        return dropcore_torch.distributed.dropout(x, 0.25, True, rng=draw, shard=places)

    assert found(Through(call), X) == [
        ("dropcore", "dropcore_torch.functional.dropout", "", 0.5, 24),
        ("dropcore", "dropcore_torch.distributed.dropout", "", 0.25, 24),
    ]


# -------------------------------------------- what drops within attention and other layers


class Drawn(TorchDispatchMode):
    """Counts the numbers that PyTorch's dropout draws."""

    numbers = 0

    def __torch_dispatch__(self, operator, types, arguments=(), named=None):
        if operator is torch.ops.aten.bernoulli_.float:
            self.numbers += arguments[0].numel()
        return operator(*arguments, **(named or {}))


def packed(x):
    return pack_padded_sequence(x, [3, 2, 1, 1], batch_first=True)


LAYERS = {
    "attention": (
        lambda: nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True),
        lambda m, x: m.layer(x, x[:, :2], x[:, :2])[0],
    ),
    "attention without weights": (
        lambda: nn.MultiheadAttention(4, 2, dropout=0.5),
        lambda m, x: m.layer(x, x, x, need_weights=False)[0],
    ),
    "attention of one sample": (
        lambda: nn.MultiheadAttention(4, 2, dropout=0.5, add_zero_attn=True, add_bias_kv=True),
        lambda m, x: m.layer(x[0], x[0], x[0])[0],
    ),
    "an encoder layer": (
        lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.5),
        lambda m, x: m.layer(x),
    ),
    "a decoder layer": (
        lambda: nn.TransformerDecoderLayer(4, 2, 8, dropout=0.5),
        lambda m, x: m.layer(x, x),
    ),
    "LSTM": (lambda: nn.LSTM(4, 5, 3, dropout=0.5), lambda m, x: m.layer(x)[0]),
    "LSTM of both ways": (
        lambda: nn.LSTM(4, 5, 3, dropout=0.5, bidirectional=True, proj_size=2, bias=False),
        lambda m, x: m.layer(x)[0],
    ),
    "packed LSTM": (
        lambda: nn.LSTM(4, 5, 3, dropout=0.5),
        lambda m, x: m.layer(packed(x))[0].data,
    ),
    "GRU": (
        lambda: nn.GRU(4, 5, 2, dropout=0.5, batch_first=True),
        lambda m, x: m.layer(x)[0],
    ),
    "packed GRU": (
        lambda: nn.GRU(4, 5, 2, dropout=0.5, bidirectional=True, bias=False),
        lambda m, x: m.layer(packed(x))[0].data,
    ),
    "RNN": (lambda: nn.RNN(4, 5, 2, dropout=0.5), lambda m, x: m.layer(x[0])[0]),
    "relu RNN": (
        lambda: nn.RNN(4, 5, 4, dropout=0.5, nonlinearity="relu"),
        lambda m, x: m.layer(x)[0],
    ),
    "scaled_dot_product_attention": (
        nn.Identity,
        lambda m, x: F.scaled_dot_product_attention(x, x[:, :2], x[:, :2], dropout_p=0.5),
    ),
    "grouped attention": (
        nn.Identity,
        lambda m, x: F.scaled_dot_product_attention(
            x[None], x[None, :2], x[None, :2], None, 0.5, enable_gqa=True
        ),
    ),
}


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("layer", LAYERS)
def test_layers_drop_as_many_elements_as_pytorch_draws_numbers(layer):
    make, function = LAYERS[layer]
    model, x = Through(function, layer=make()), torch.randn(4, 3, 4)
    torch.manual_seed(SEED)
    with Drawn() as drawn:
        model(x)
    calls = audit(model, x).calls
    assert {call.by for call in calls} == {"PyTorch"}
    assert sum(call.elements for call in calls) == drawn.numbers > 0
    assert any(call.whole for call in calls)
    if convert(model).swapped:
        ours = audit(model, x).calls
        assert {call.by for call in ours} == {"dropcore"}
        assert sum(call.elements for call in ours) == drawn.numbers
        whole = {call.what for call in ours if call.whole}
        assert whole <= {"dropcore_torch.multihead.MultiheadAttention"}  # it drops inside attention
        revert(model)
        assert audit(model, x).calls == calls


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_random_numbers_of_others():
    def path(_, x):
        return x * x.new_empty(2, 1, 1).bernoulli_(0.5)

    scripted = torch.jit.trace(nn.Dropout(0.5), X, check_trace=False)
    noise = F.rrelu, F.gumbel_softmax
    model = Through(
        lambda m, x: m.path(noise[1](noise[0](m.scripted(x), training=True))),
        scripted=scripted,
        path=Through(path),
    )
    calls = audit(model, X).calls
    assert [call.by for call in calls] == ["other"] * 4
    assert [call.elements for call in calls] == [24, 24, 24, 2]
    assert [call.module for call in calls][-1] == "path"
    assert calls[-1].what == "aten.bernoulli_.float"
    assert calls[-1].p is None


def test_attention_that_drops_nothing_draws_nothing():
    x = torch.randn(1, 2, 8, 4)
    assert found(Through(lambda _, x: F.scaled_dot_product_attention(x, x, x)), x) == []
    assert found(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), X) == []


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoints_compute_again(reentrant):
    drop = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    model = Through(lambda m, x: checkpoint(m.drop, x, use_reentrant=reentrant), drop=drop)
    result = audit(model, X)
    if reentrant:
        assert "use_reentrant=True" in result.without_backward
        assert "no backward pass: PyTorch refused it" in str(result)
    else:
        assert [call.again for call in result.calls] == [False, True]
        assert "1 of them again in backward" in str(result)


# -------------------------------------------------------------------------------- text


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.out = nn.Dropout(0.5), nn.Dropout(0.25)

    def forward(self, x):
        return self.out(F.scaled_dot_product_attention(x, x, x, dropout_p=self.drop.p))


def test_the_text():
    model = nn.Sequential(nn.Linear(4, 4), *(nn.Sequential(Reader()) for _ in range(3)))
    convert(model)
    lines = str(audit(model, X)).splitlines()
    assert lines[0].startswith("forward and backward pass of ")
    assert "dropcore 3 calls" in lines[0]
    assert "PyTorch 3 calls" in lines[0]
    assert re.search(" 3 calls, +54 elements ", lines[1])
    assert "scaled_dot_product_attention, p = 0.5: *.* (tests/test_audit.py:" in lines[1]
    assert re.search(" 3 calls, +72 elements ", lines[2])
    assert lines[2].endswith("dropcore_torch.Dropout, p = 0.25: *.*.out")
    assert lines[3] == "# time of the whole call, of which dropout is only a part"
    assert lines[4] == "did not drop, although p is above 0: *.*.drop"
    assert len(lines) == 5
    names = {name: nn.Dropout(0.5) for name in ("drop1", "drop2", "a", "b", "c", "d")}
    model = Through(lambda m, x: [getattr(m, name)(x) for name in names], **names)
    assert str(audit(model, X)).endswith("torch.nn.Dropout, p = 0.5: drop*, a, b, c and 1 more")
    assert "nothing dropped" in str(audit(nn.Linear(4, 4), X))


@pytest.mark.filterwarnings("ignore:dropout option adds dropout after all but last")
def test_modules_that_did_not_drop():
    model = Through(
        lambda m, x: m.used(x),
        used=nn.Dropout(0.5),
        unused=nn.Dropout(0.5),
        zero=nn.Dropout(0.0),
        lstm=nn.LSTM(4, 4, 2, dropout=0.5),
        one_layer=nn.LSTM(4, 4, 1, dropout=0.5),
        attention=nn.MultiheadAttention(4, 2, dropout=0.5),
    )
    for swap in (convert, revert):
        assert audit(model, X).idle == ("unused", "lstm", "attention")
        swap(model)


# --------------------------------------------------- dropcore's functions seen by modes


class Names(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, function, types, arguments=(), named=None):
        self.names.append(function)
        return function(*arguments, **(named or {}))


@pytest.mark.parametrize("options", [{}, {"variant": "alpha"}, {"shared_axes": 1}])
@pytest.mark.parametrize("mode", [Names, lambda: torch.device("cpu")])
def test_a_mode_for_functions_sees_dropout_and_changes_nothing(mode, options):
    drop, x = Dropout(0.5, rng=1, **options), torch.randn(3, 4, requires_grad=True)
    torch.manual_seed(SEED)
    y = drop(x)
    torch.manual_seed(SEED)
    with mode() as entered:
        z = drop(x)
    assert torch.equal(y, z)
    assert torch.equal(*(torch.autograd.grad(each.sum(), x)[0] for each in (y, z)))
    if mode is Names:
        assert dropcore_torch.functional.apply in entered.names
