"""The operators `planned`, in C++ and in Python, and the graphs that the default compiler makes."""

import pytest
import torch
from dropcore_torch import convert, operator
from dropcore_torch.functional import draw_as_tensor, dropout
from dropcore_torch.rule import rule_of
from expected import LAYOUTS, array_of, core, same_bits
from torch import nn
from torch._inductor.utils import run_and_get_code
from torch.autograd import gradcheck, gradgradcheck
from torch.library import opcheck

import dropcore

DRAW = dropcore.Stream(8).at(2**64 - 41)
OWN = torch.ops.dropcore
RULES = [
    ("standard", {}),
    ("standard", {"shared_axes": 0}),
    ("alpha", {"fixed_mean": 0.5}),
    ("alpha", {"shared_axes": -1}),
    ("spatial", {"channel_axis": 1}),
]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
SHAPES = [(2, 3, 4, 5), (1, 4, 1, 9), (3, 16, 8, 8), (2, 5, 41, 43), (3, 0, 2, 2)]
of_the_compiler = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def arguments(variant, options, p=0.4):
    words = draw_as_tensor(DRAW)
    return words[:4], words[4], p, rule_of(variant, options).text


# -------------------------------------------------------------------------- their values


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("variant", "options"), RULES)
def test_they_are_the_core(variant, options, layout, dtype, path):
    given = arguments(variant, options)
    for shape in SHAPES:
        x = LAYOUTS[layout](torch.randn(shape).to(dtype))
        y, mask = core(x, 0.4, DRAW, variant=variant, **options)
        dx = mask.backward(array_of(x))
        into = torch.empty_like(x)
        assert same_bits(OWN.planned.default(x, *given), y)
        assert OWN.planned.out(x, *given, out=into) is into
        assert same_bits(into, y)
        assert same_bits(OWN.planned_backward.default(x, *given), dx)
        OWN.planned_backward.out(x, *given, out=into)
        assert same_bits(into, dx)


def test_memory_that_lies_otherwise(path):
    """It is filled as any other, and what is beside it is left."""
    x, given = torch.randn(6, 8), arguments("standard", {})
    y = core(x, 0.4, DRAW)[0]
    whole = torch.full((6, 20), 7.0)
    for into in (whole[:, :8], torch.empty(8, 6).t(), whole[:, 3:19:2]):
        OWN.planned.out(x, *given, out=into)
        assert same_bits(into, y)
    assert torch.equal(whole[:, 19], torch.full((6,), 7.0))


def test_many_elements_and_threads_of_dropcore(path):
    x = torch.randn((1 << 21) + 3)
    y = core(x, 0.4, DRAW)[0]
    before = dropcore.get_num_threads()
    try:
        for threads in (1, 2):
            dropcore.set_num_threads(threads)
            assert same_bits(OWN.planned.default(x, *arguments("standard", {})), y)
    finally:
        dropcore.set_num_threads(before)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_rates_at_the_ends(p, path):
    for variant, options in RULES:
        x = torch.randn(3, 4, 5)
        y, mask = core(x, p, DRAW, variant=variant, **options)
        given = arguments(variant, options, p)
        assert same_bits(OWN.planned.default(x, *given), y)
        assert same_bits(OWN.planned_backward.default(x, *given), mask.backward(array_of(x)))


def test_each_path_runs_its_own_kernels(path, monkeypatch):
    calls = []

    def seen(*arguments):
        calls.append(arguments)
        return torch.zeros(3)

    monkeypatch.setattr(operator, "output_by_plan", seen)
    given = arguments("standard", {})
    OWN.planned.default(torch.ones(3), *given)
    assert len(calls) == (path == "function")
    OWN.planned.default(torch.ones(0), *given)  # what the kernels in C++ leave to Python
    assert len(calls) == 1 + (path == "function")


def test_they_have_kernels_for_the_cpu_alone_on_one_path(path):
    for name in ("planned", "planned.out", "planned_backward", "planned_backward.out"):
        has = torch._C._dispatch_has_kernel_for_dispatch_key(f"dropcore::{name}", "CPU")
        assert has == (path == "node")


@pytest.mark.parametrize(("variant", "options"), RULES)
def test_opcheck(variant, options, path):
    x, given = torch.randn(3, 4, 5, requires_grad=True), arguments(variant, options)
    for function in (OWN.planned.default, OWN.planned_backward.default):
        opcheck(function, (x, *given))
        opcheck(function, (x.detach().transpose(0, 2).requires_grad_(), *given))


@pytest.mark.parametrize(("variant", "options"), RULES)
def test_derivatives(variant, options, path):
    x = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    for function in (OWN.planned.default, OWN.planned_backward.default):
        assert gradcheck(lambda x, f=function: f(x, *arguments(variant, options)), x)
        assert gradgradcheck(lambda x, f=function: f(x, *arguments(variant, options)), x)


# ------------------------------------------------------------------- in compiled graphs


@pytest.fixture
def compiler():
    """The default compiler, without what it compiled before, and with line by line's draws."""
    torch._dynamo.reset()
    with (
        torch._inductor.config.patch(fallback_random=True, fx_graph_cache=False),
        torch._functorch.config.patch(enable_autograd_cache=False),
    ):
        yield
    torch._dynamo.reset()


def code_of(function, *arguments):
    """What a function gives when it is compiled, and the code of both passes."""
    y, code = run_and_get_code(torch.compile(function), *arguments)
    return y, "\n".join(code)


@of_the_compiler
@pytest.mark.parametrize("dynamic", [False, True])
def test_they_write_to_planned_memory(dynamic, compiler):
    def function(x):
        return dropout(x * 2 - 1, 0.4, True, rng=DRAW) + 1

    x = torch.randn(6, 8)
    if dynamic:
        torch._dynamo.maybe_mark_dynamic(x, 0)
    y, code = code_of(function, x)
    assert torch.equal(y, function(x))
    assert "dropcore.planned.out(" in code


def hard_numbers(dtype):
    hard = [0.0, -0.0, float("nan"), float("inf"), -float("inf"), torch.finfo(dtype).tiny / 2]
    return torch.tensor(hard * 40, dtype=dtype)


@of_the_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_the_gradient_after_relu_is_one_loop(p, dtype, compiler):
    """No bools are kept and no operator is called; it is the same number for number."""

    def loss(h, w):
        return dropout(h.relu(), p, True, rng=DRAW) @ w

    grads = []

    def run(function):
        h = torch.cat([torch.randn(240).to(dtype), hard_numbers(dtype)]).view(-1, 16)
        h = h.clone().requires_grad_()
        w = torch.ones(16, 4, dtype=dtype, requires_grad=True)
        y = function(h, w)
        y.backward(torch.ones_like(y))
        grads.append(h.grad)
        return y

    torch.manual_seed(0)
    run(loss)

    torch.manual_seed(0)
    _, code = run_and_get_code(run, torch.compile(loss))
    code = "\n".join(code)
    assert "dropcore.planned.out(" in code
    assert "planned_backward" not in code
    assert "torch.bool" not in code
    assert torch.equal(grads[0], grads[1])


@of_the_compiler
@pytest.mark.parametrize(
    "function",
    [
        # Another number than 0, another variant, another draw, more than relu's gradient.
        lambda h: dropout(nn.functional.threshold(h, 0.5, 0.0), 0.3, True, rng=DRAW),
        lambda h: dropout(h.relu(), 0.3, True, rng=DRAW, variant="alpha"),
        lambda h: dropout(h, 0.3, True, rng=DRAW) * (h > 0),
        lambda h: h.relu() + dropout(h.relu(), 0.3, True, rng=DRAW),
        lambda h: dropout(dropout(h.relu(), 0.3, True, rng=DRAW), 0.4, True, rng=DRAW),
    ],
)
def test_other_gradients_stay_what_they_are(function, compiler):
    h = torch.randn(30, 16)
    grads = []
    for each in (function, torch.compile(function)):
        x = h.clone().requires_grad_()
        each(x).square().sum().backward()
        grads.append(x.grad)
    assert torch.allclose(*grads, rtol=1e-5, atol=1e-6)


@of_the_compiler
def test_a_converted_encoder_layer_keeps_no_bools(compiler):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    layer.self_attn.dropout = 0.0
    convert(layer, 3)
    x = torch.randn(2, 3, 8)
    torch.manual_seed(1)
    plain = layer(x)
    torch.manual_seed(1)
    y, code = code_of(lambda x: layer(x), x)
    assert torch.allclose(y, plain, atol=1e-5)
    assert code.count("dropcore.planned.out(") == 3
    assert "torch.bool" not in code
