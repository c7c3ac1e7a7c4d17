import copy
import functools

import numpy as np
import pytest
import torch
from dropcore_torch import Dropout, convert, revert
from expected import SEED, core, next_draw, same_bits
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.dropout import _DropoutNd

import dropcore


class Own(nn.Dropout):
    pass


def model():
    torch.manual_seed(0)
    return nn.ModuleDict(
        {
            "head": nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.3), nn.AlphaDropout(0.2)),
            "channels": nn.ModuleList(
                [nn.Dropout1d(), nn.Dropout2d(), nn.Dropout3d(), nn.FeatureAlphaDropout()]
            ),
            "encoder": nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
            "decoder": nn.TransformerDecoderLayer(8, 2, 16, batch_first=True),
            "recurrent": nn.LSTM(4, 5, 2, dropout=0.5),
            "own": Own(0.5),
        }
    )


def test_all_modules_with_dropout_are_swapped_in_place_and_back():
    whole = model()
    before = dict(whole.named_modules())
    types = {name: type(module) for name, module in before.items()}
    state = copy.deepcopy(whole.state_dict())
    text = repr(whole)

    report = convert(whole)
    after = dict(whole.named_modules())
    assert all(after[name] is module for name, module in before.items())
    swapped = {name for name in types if type(after[name]) is not types[name]}
    assert set(report.swapped) == swapped
    assert {"head.1", "channels.3", "encoder.self_attn", "encoder.dropout2"} <= swapped
    assert {"decoder.multihead_attn", "recurrent"} <= swapped
    assert list(report.left) == ["own"]
    assert "left: own: Own is a subclass" in str(report)
    assert repr(whole) == text
    assert list(whole.state_dict()) == list(state)
    assert all(torch.equal(state[name], each) for name, each in whole.state_dict().items())
    model().load_state_dict(whole.state_dict())
    whole.load_state_dict(state)

    assert set(revert(whole).swapped) == swapped
    assert {name: type(module) for name, module in whole.named_modules()} == types
    assert all(vars(module).keys() == vars(after[name]).keys() for name, module in before.items())
    assert str(revert(whole)) == "nothing to swap"


def test_converted_modules_drop_what_dropcore_drops():
    whole = nn.Sequential(nn.Identity(), nn.Sequential(nn.Dropout(0.3)))
    stream = dropcore.Stream(7)
    convert(whole, rng=7)
    x = torch.ones(20, 30)
    draw = next_draw(stream.child("1").child("0"))
    assert same_bits(whole(x), core(x, 0.3, draw)[0])


def test_the_model_may_be_one_dropout_module_and_rng_a_generator():
    ys = []
    for _ in range(2):
        module = nn.Dropout(0.5)
        report = convert(module, rng=np.random.default_rng(1))
        assert report.swapped == {"": "Dropout -> dropcore_torch.Dropout"}
        assert str(report).startswith("the model itself: Dropout -> dropcore_torch.Dropout\n")
        assert isinstance(module, Dropout)
        torch.manual_seed(SEED)
        ys.append(module(torch.ones(50)))
    assert torch.equal(*ys)
    assert str(convert(nn.Linear(2, 2))).startswith("nothing to swap\nnot seen: ")


def test_hooks_and_modes_stay():
    seen = []
    module = nn.Dropout(0.5).eval()
    module.register_forward_hook(lambda *_: seen.append(1))
    convert(module)
    assert not module.training
    module(torch.ones(2))
    assert seen == [1]


def test_what_pytorch_does_not_have_is_not_reverted():
    whole = nn.Sequential(Dropout(0.5, shared_axes=0), Dropout(0.5), Dropout(0.5, variant="alpha"))
    report = revert(whole)
    assert report.swapped == {"1": "dropcore_torch.Dropout -> Dropout"}
    assert list(report.left) == ["0", "2"]
    assert type(whole[1]) is nn.Dropout


@pytest.mark.parametrize("rng", ["seed", dropcore.Stream(0).at(0)])
def test_a_bad_rng_changes_nothing(rng):
    module = nn.Dropout(0.5)
    with pytest.raises(TypeError, match="rng must be"):
        convert(module, rng=rng)
    assert type(module) is nn.Dropout


# -------------------------------------------------------------- transformer layers


def test_an_encoder_layer_trains_and_evaluates():
    torch.manual_seed(1)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True)
    x = torch.randn(3, 4, 8)
    with torch.no_grad():
        plain = layer.eval()(x)
        convert(layer)
        assert torch.equal(layer(x), plain)
    layer.train()
    assert not torch.equal(layer(x), layer(x))
    layer(x).sum().backward()
    assert all(each.grad is not None for each in layer.parameters())


def test_what_is_converted_already_gets_a_new_key_where_one_is_given():
    model = nn.Sequential(nn.Dropout(0.5), nn.LSTM(4, 4, 2, dropout=0.5))
    convert(model, rng=1)
    keys = [module.source for module in model]
    assert convert(model).swapped == {}
    assert [module.source for module in model] == keys
    assert convert(model, rng=2).swapped == {
        "0": "dropcore_torch.Dropout, with a new key",
        "1": "dropcore_torch.recurrent.LSTM, with a new key",
    }
    other = nn.Sequential(nn.Dropout(0.5), nn.LSTM(4, 4, 2, dropout=0.5))
    convert(other, rng=2)
    assert [module.source for module in model] == [module.source for module in other]
    assert keys[0] != model[0].source


@pytest.mark.parametrize("swap", [convert, revert])
def test_what_is_no_module_is_refused(swap):
    with pytest.raises(TypeError, match="model"):
        swap([nn.Dropout(0.5)])


# ------------------------------------------------------------ what a report says


class DropPath(nn.Module):
    """A module as in timm and torchvision: it drops rows by its own random numbers."""

    def __init__(self, drop_prob):
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x):
        keep = 1 - self.drop_prob
        return x * x.new_empty(x.shape[0], *(1,) * (x.dim() - 1)).bernoulli_(keep) / keep


class StochasticDepth(DropPath):
    pass


class WordDropout(_DropoutNd):
    def forward(self, x):
        return F.dropout(x, self.p, self.training)


class Dropping(nn.Module):
    """A container that drops nothing itself."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Dropout(0.5)


class Reader(nn.Module):
    """A module that reads p of one module and calls the other module."""

    def __init__(self):
        super().__init__()
        self.read, self.called, self.unread = nn.Dropout(0.5), nn.Dropout(0.5), nn.Dropout(0.0)

    def forward(self, x):
        p = self.read.p if self.training else 0.0
        x = F.scaled_dot_product_attention(x, x, x, dropout_p=p + self.unread.p)
        return self.called(x)


def replaced(module):
    module.forward = functools.partial(type(module).forward, module)  # as other libraries' hooks do
    return module


def test_what_has_a_forward_of_its_own_is_not_reverted():
    module = nn.Dropout(0.5)
    convert(module)
    report = revert(replaced(module))
    assert report.swapped == {}
    assert list(report.left) == [""]
    assert module(torch.ones(3)).shape == (3,)
    del module.forward
    assert list(revert(module).swapped) == [""]


def test_a_compiled_model_that_ran_is_converted():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    compiled = torch.compile(model, backend="eager")
    x = torch.ones(2, 4)

    def output():
        torch.manual_seed(SEED)
        return compiled(x)

    before = output()
    convert(model, rng=1)
    ours = output()
    torch.manual_seed(SEED)
    assert torch.equal(ours, model(x))
    assert not torch.equal(ours, before)
    revert(model)
    assert torch.equal(output(), before)


def test_a_report_names_what_it_left_and_why():
    whole = nn.ModuleDict(
        {
            "path": DropPath(0.1),
            "depth": StochasticDepth(0.1),
            "word": WordDropout(0.5),
            "container": Dropping(),
            "own": Own(0.5),
            "replaced": replaced(nn.Dropout(0.5)),
            "none": DropPath(0.0),
            "idle": Own(0.0),
        }
    )
    report = convert(whole)
    assert report.swapped == {"container.inner": "Dropout -> dropcore_torch.Dropout"}
    assert report.left == {
        "path": "DropPath looks like dropout, but is no module of PyTorch's",
        "depth": "StochasticDepth looks like dropout, but is no module of PyTorch's",
        "word": "WordDropout is a subclass of PyTorch's _DropoutNd with code of its own",
        "own": "Own is a subclass with code of its own",
        "replaced": "its forward was replaced in the module, so its class does not show its code",
    }
    lines = str(report).splitlines()
    assert lines[0] == "container.inner: Dropout -> dropcore_torch.Dropout"
    assert "left: word: WordDropout is a subclass of PyTorch's _DropoutNd" in str(report)
    assert lines[-1].startswith("not seen: functions that the model's code calls")


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_report_names_what_is_scripted():
    whole = nn.Sequential(
        torch.jit.script(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))),
        torch.jit.trace(nn.Dropout(0.5).eval(), torch.ones(2)),
    )
    report = convert(whole)
    assert report.swapped == {}
    assert list(report.left) == ["0.1", "1"]
    assert all("Dropout is TorchScript" in why for why in report.left.values())


def test_a_report_doubts_a_module_whose_p_is_read():
    report = convert(nn.Sequential(Reader()))
    assert list(report.swapped) == ["0.read", "0.called", "0.unread"]
    assert list(report.doubtful) == ["0.read"]
    assert (
        "in doubt: 0.read: Reader reads the p of this module but never calls the module; if"
        in str(report)
    )


def test_a_report_names_classes_where_they_are():
    whole = nn.ModuleList([nn.GRU(4, 4, 2, dropout=0.5), nn.MultiheadAttention(4, 2)])
    assert list(convert(whole).swapped.values()) == [
        "GRU -> dropcore_torch.recurrent.GRU",
        "MultiheadAttention -> dropcore_torch.multihead.MultiheadAttention",
    ]
