"""`audit` reports each dropout of a step, and changes no model, input or generator."""

import copy
import random
from dataclasses import dataclass

import dropcore_torch
import numpy as np
import pytest
import torch
from dropcore_torch import Dropout, audit, convert, revert
from expected import SEED
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import dropcore


class Through(nn.Module):
    """A model that applies one function to its input and its modules."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.ones(()))
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.function(self, x * self.weight)


def found(model, *inputs, **named):
    return [
        (call.by, call.what, call.module, call.p, call.elements)
        for call in audit(model, *inputs, **named).calls
    ]


X = torch.ones(2, 3, 4)
FUNCTIONS = {
    "torch.nn.functional.dropout": lambda _, x: F.dropout(x, 0.25),
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


# ------------------------------------------------------------------- nothing is changed


class Stateful(nn.Module):
    """A module that changes all the state that a module can change."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4, max_norm=0.1)
        self.norm = nn.BatchNorm1d(4)
        self.frozen = nn.BatchNorm1d(4).eval()
        self.linear = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))
        self.drop = nn.Dropout(0.5, inplace=True)
        self.count, self.seen, self.kept = 0, [], {}
        self.torch_s = torch.Generator()
        self.numpy_s = np.random.default_rng(1)
        self.stream = dropcore.Stream(1)
        self.register_buffer("steps", torch.zeros(2))
        self.register_buffer("nothing", None)

    def train(self, mode=True):
        super().train(mode)
        self.frozen.eval()
        return self

    def forward(self, index, x):
        self.count += 1
        self.seen.append(x)
        self.kept["x"] = x
        self.new = x
        self.steps += 1
        self.steps = self.steps.clone()
        self.nothing = torch.ones(1)
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002
        torch.rand(1, generator=self.torch_s), self.numpy_s.random(), self.stream.draw()
        self.drop(x)
        return self.linear(self.frozen(self.norm(self.embedding(index) + x)))


def state(model):
    return (
        copy.deepcopy(model.state_dict()),
        [module.training for module in model.modules()],
        [None if x.grad is None else x.grad.clone() for x in model.parameters()],
        [sorted(vars(module)) for module in model.modules()],
        (model.count, list(model.seen), dict(model.kept)),
        (random.getstate(), torch.get_rng_state().tolist()),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        (model.torch_s.get_state(), str(model.numpy_s.bit_generator.state), model.stream.state),
    )


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_changed(training, fails):
    torch.manual_seed(SEED)
    model = Stateful().train(training)
    index, x = torch.tensor([0, 1, 2]), torch.randn(3, 4)
    model(index, x.clone()).sum().backward()
    model.steps.fill_(2)
    given = x.clone()
    steps = model.steps
    before = state(model)
    if fails:
        model.linear.register_forward_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            audit(model, index, x)
    else:
        with torch.no_grad():
            result = audit(model, index, x)
        assert result.calls[-1].what == "torch.nn.Dropout"
        assert not result.without_backward
    assert same(state(model), before)
    assert model.steps is steps
    assert torch.equal(x, given)


def test_steps_of_one_audit_and_of_the_next_are_alike():
    model = Through(lambda m, x: m.drop(x) if torch.rand(()) < 0.5 else x, drop=nn.Dropout(0.5))
    for seed in range(6):
        torch.manual_seed(seed)
        drops = bool(torch.rand(()) < 0.5)
        torch.manual_seed(seed)
        result = audit(model, X)
        assert len(result.calls) == 1 + drops
        assert result == audit(model, X) or result.calls == audit(model, X).calls
        assert result.idle == (() if drops else ("drop",))


def test_hooks_that_time_the_backward_pass_are_gone():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    result = audit(model, X)
    seconds = result.calls[0].seconds
    model(X).sum().backward()
    assert result.calls[0].seconds == seconds


# --------------------------------------------------------- kinds of models and of outputs


@dataclass
class Output:
    y: torch.Tensor
    rest: tuple


@pytest.mark.parametrize(
    "pack",
    [
        lambda y: (y, None, "text"),
        lambda y: {"y": y, "rest": [y.detach()]},
        lambda y: Output(y, (y,)),
        lambda y: [(y.long(), {"y": y})],
    ],
)
def test_outputs_of_any_shape(pack):
    result = audit(Through(lambda _, x: pack(F.dropout(x))), X)
    assert len(result.calls) == 1
    assert result.without_backward == ""


def test_inputs_by_name():
    class Named(nn.Module):
        def forward(self, x, *, p):
            return F.dropout(x, p["p"])

    model = Named()
    result = audit(model, X, p={"p": torch.tensor(0.5)})
    assert [call.p for call in result.calls] == [0.5]
    assert "no output depends on a parameter" in result.without_backward


@pytest.fixture
def group(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


def fully_sharded(model):
    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (1,))
    return torch.distributed.fsdp.fully_shard(model, mesh=mesh)


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (nn.parallel.DistributedDataParallel, "module.1"),
        (nn.DataParallel, "module.1"),
        (fully_sharded, "1"),
    ],
)
def test_wrapped_models_go_on_afterwards(wrap, name, group):
    model = wrap(nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)))
    for _ in range(2):
        (call,) = audit(model, X).calls
        assert call.module == name
        model(X).sum().backward()


def test_a_compiled_model_runs_line_by_line():
    model = torch.compile(nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)), backend="eager")
    model(X)
    (call,) = audit(model, X).calls
    assert (call.what, call.module) == ("torch.nn.Dropout", "_orig_mod.1")
    model(X).sum().backward()


def test_what_cannot_be_audited():
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, not function"):
        audit(F.dropout, X)
    with pytest.raises(ValueError, match="lazy"):
        audit(nn.Sequential(nn.LazyLinear(3), nn.Dropout(0.5)), X)


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
    assert " 54 elements " in lines[1]
    assert "scaled_dot_product_attention, p = 0.5: *.* (tests/test_audit.py:" in lines[1]
    assert " 72 elements " in lines[2]
    assert lines[2].endswith("dropcore_torch.Dropout, p = 0.25: *.*.out")
    assert lines[3] == "* of the whole call, which does more than to drop"
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
