"""torch.compile, and the operators that compiled graphs call."""

import copy
import functools

import pytest
import torch
from dropcore_torch import Dropout, Dropout2d, convert, operator, revert, rule
from dropcore_torch.functional import draw_as_tensor, dropout
from expected import SEED, core, next_draw, same_bits
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from torch.fx.experimental.proxy_tensor import make_fx
from torch.library import opcheck
from torch.utils.checkpoint import checkpoint

import dropcore

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # its own import
STREAM = dropcore.Stream(8)
RULES = [
    ("standard", {}),
    ("standard", {"shared_axes": 0}),
    ("alpha", {"fixed_mean": 0.5}),
    ("spatial", {"channel_axis": 1}),
]


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled(function):
    return torch.compile(function, fullgraph=True, backend="aot_eager")


def run(function, x):
    torch.manual_seed(SEED)
    x = x.detach().clone().requires_grad_()
    y = function(x)
    y.square().sum().backward()
    return y.detach(), x.grad


def assert_same(function, x, is_same=torch.equal):
    fast = compiled(function)
    for one, other in zip(run(function, x), run(fast, x), strict=True):
        assert is_same(one, other)
        assert one.stride() == other.stride()
    return fast


@pytest.mark.parametrize(("variant", "options"), RULES)
def test_the_function_is_the_same_compiled(variant, options):
    function = functools.partial(
        dropout, p=0.4, training=True, rng=STREAM, variant=variant, **options
    )
    assert_same(function, torch.randn(6, 5, 4))


def test_modules_are_the_same_compiled():
    convs = nn.Sequential(nn.Conv2d(3, 4, 3), Dropout2d(0.5), nn.ReLU(), Dropout(0.2, rng=1))
    x = torch.randn(2, 3, 6, 6)
    assert_same(convs, x)
    assert_same(convs, x.to(memory_format=torch.channels_last))
    linear = nn.Linear(5, 5)
    assert_same(lambda x: Dropout(0.5, inplace=True)(linear(x)), torch.randn(3, 5))


def test_a_compiled_function_is_of_the_rng_it_is_given():
    fast = compiled(lambda x, rng: dropout(x, 0.5, True, rng=rng))
    x = torch.ones(64)
    for stream in STREAM, STREAM.child("a"):
        draw = next_draw(stream)
        assert same_bits(fast(x, stream), core(x, 0.5, draw)[0])
        assert same_bits(fast(x, draw), core(x, 0.5, draw)[0])


def test_evaluation_and_a_new_p():
    module = Dropout(0.5)
    fast = compiled(module)
    x = torch.ones(40)
    assert set(fast(x).tolist()) == {0.0, 2.0}
    module.p = 0.75
    assert set(fast(x).tolist()) == {0.0, 4.0}
    module.eval()
    assert torch.equal(fast(x), x)


def test_a_converted_encoder_layer_compiled():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True)
    convert(layer, rng=STREAM)
    to_rounding = functools.partial(torch.allclose, rtol=1e-5, atol=1e-6)  # if by the node
    assert_same(layer, torch.randn(2, 3, 8), to_rounding)


def test_a_checkpoint_compiled():
    linear, drop = nn.Linear(8, 8), Dropout(0.5)

    def plain(x):
        return drop(linear(x).relu())

    x = torch.randn(4, 8)
    again = compiled(lambda x: checkpoint(plain, x, use_reentrant=False))
    for one, other in zip(run(plain, x), run(again, x), strict=True):
        assert torch.equal(one, other)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # warnings of PyTorch's compiler
def test_the_default_compiler():
    """The default compiler draws other integers than an uncompiled call, from PyTorch's seed."""
    drop = Dropout(0.5)
    fast = torch.compile(lambda x: drop(x * 2) + 1, fullgraph=True)
    y, dx = run(fast, torch.ones(50, 20))
    assert set(y.unique().tolist()) == {1.0, 5.0}
    assert torch.equal(dx != 0, y != 1)
    assert abs((y == 1).float().mean() - 0.5) < 0.1
    assert torch.equal(run(fast, torch.ones(50, 20))[0], y)
    assert not torch.equal(fast(torch.ones(50, 20)), y)


class Own(type(dropcore.get_variant("standard"))):
    name = "own"


class Standard(type(dropcore.get_variant("standard"))):
    """A variant with the name of another variant."""


@pytest.mark.parametrize("kind", [Own, Standard])
def test_a_variant_that_is_not_registered_is_in_no_graph(kind):
    draw = STREAM.at(1)
    fast = torch.compile(lambda x: dropout(x, 0.5, True, rng=draw, variant=kind()) + 1)
    x = torch.ones(50)
    assert torch.equal(fast(x), dropout(x, 0.5, True, rng=draw) + 1)
    assert torch.equal(
        torch.compile(Dropout(0.5, rng=draw, variant=kind()))(x), dropout(x, 0.5, True, rng=draw)
    )
    fast = compiled(lambda x: dropout(x, 0.5, True, variant=kind()))
    with pytest.raises(Exception, match="the variant a registered one"):
        fast(torch.ones(3))
    with pytest.raises(TypeError, match="variant must be registered"):
        make_fx(lambda x: dropout(x, 0.5, True, variant=kind()))(torch.ones(3))


# -------------------------------------------------------- other ways to see a graph


@pytest.mark.parametrize("strict", [False, True])
def test_export(strict):
    module, x = nn.Sequential(nn.Linear(3, 3), Dropout(0.5)), torch.randn(4, 3)
    exported = torch.export.export(module, (x,), strict=strict).module()
    torch.manual_seed(SEED)
    y = module(x)
    torch.manual_seed(SEED)
    assert torch.equal(exported(x), y)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize(
    "trace",
    [lambda f, x: make_fx(f)(x), lambda f, x: torch.jit.trace(f, x, check_trace=False)],
)
def test_tracers(trace):
    module, x = Dropout(0.5), torch.ones(40)
    traced = trace(module, x)
    torch.manual_seed(SEED)
    y = module(x)
    torch.manual_seed(SEED)
    assert torch.equal(traced(x), y)
    assert not torch.equal(traced(x), y)


def test_a_symbolic_trace_takes_the_modules_for_leaves():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)
            self.channels = nn.Dropout1d(0.5)
            self.attention = nn.MultiheadAttention(6, 2, dropout=0.5)
            self.recurrent = nn.LSTM(6, 6, num_layers=2, dropout=0.5)

        def forward(self, x):
            x = self.channels(self.drop(x))
            return self.recurrent(self.attention(x, x, x)[0])[0]

    model = Model()
    convert(model, STREAM)
    traced = torch.fx.symbolic_trace(model)
    x = torch.randn(5, 3, 6)
    for training in True, False:
        model.train(training)
        traced.train(training)
        torch.manual_seed(SEED)
        y = model(x)
        torch.manual_seed(SEED)
        assert torch.equal(traced(x), y)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize(
    "module",
    [
        nn.Dropout(0.5),
        nn.Dropout2d(0.5),
        nn.AlphaDropout(0.5),
        nn.MultiheadAttention(4, 2, dropout=0.5),
        nn.LSTM(4, 4, num_layers=2, dropout=0.5),
        nn.GRU(4, 4, num_layers=2, dropout=0.5),
    ],
)
def test_torchscript_is_told_to_revert_first(module):
    model = nn.ModuleDict({"layers": nn.Sequential(nn.Identity(), copy.deepcopy(module))})
    convert(model)
    for each in model, model["layers"][1]:
        with pytest.raises(RuntimeError, match="revert the model first"):
            torch.jit.script(each)
    revert(model)
    torch.jit.script(model["layers"][1])


# ------------------------------------------------------------------ the operators


def arguments(x, variant, options, training=True):
    words = draw_as_tensor(STREAM.at(41))
    text = rule.rule_of(variant, options).text
    return [x], words[:4], words[4], 0.4, training, text


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("variant", "options"), RULES)
def test_opcheck(variant, options, training):
    x = torch.randn(3, 4, 5, requires_grad=True)
    given = arguments(x, variant, options, training)
    opcheck(operator.dropout, given)
    strided = x.detach().transpose(0, 2).requires_grad_()
    opcheck(operator.dropout, arguments(strided, variant, options, training))
    opcheck(operator.dropout_backward, (torch.randn(3, 4, 5), [], *given[1:]))


@pytest.mark.parametrize(("variant", "options"), RULES)
def test_derivatives_of_the_operator(variant, options):
    x = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)

    def function(x):
        return operator.dropout(*arguments(x, variant, options))

    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("variant", "options"), RULES)
def test_the_operator_is_the_core(variant, options, dtype):
    x = torch.randn(3, 4, 5, dtype=dtype)
    y, _ = core(x, 0.4, STREAM.at(41), variant=variant, **options)
    assert same_bits(operator.dropout(*arguments(x, variant, options)), y)
