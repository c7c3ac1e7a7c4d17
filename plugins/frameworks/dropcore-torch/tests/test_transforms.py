"""torch.func's transforms and batched derivatives: the same behaviour as PyTorch's dropout."""

import copy

import numpy as np
import pytest
import torch
from dropcore_torch import (
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    FeatureAlphaDropout,
    convert,
)
from dropcore_torch.functional import draw_as_tensor, dropout
from expected import SEED, array_of, core, next_draw, same_bits
from torch import nn
from torch.autograd.functional import hessian, jacobian
from torch.func import functional_call, grad, jacfwd, jacrev, jvp, linearize, vjp, vmap

import dropcore

# PyTorch itself causes this warning when a process first enters forward mode
pytestmark = [
    pytest.mark.usefixtures("path"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

STREAM = dropcore.Stream(6)
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
KINDS = [
    ("standard", {}),
    ("standard", {"shared_axes": 1}),
    ("alpha", {}),
    ("alpha", {"fixed_mean": 0.5, "shared_axes": 0}),
    ("spatial", {"channel_axis": 1}),
]
MODULES = {
    "Dropout": (Dropout, (3, 4)),
    "Dropout1d": (Dropout1d, (2, 3, 4)),
    "Dropout2d": (Dropout2d, (2, 3, 2, 2)),
    "Dropout3d": (Dropout3d, (2, 3, 2, 1, 2)),
    "AlphaDropout": (AlphaDropout, (3, 4)),
    "FeatureAlphaDropout": (FeatureAlphaDropout, (2, 3, 4)),
}


class SelfAttention(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.layer = nn.MultiheadAttention(4, 2, dropout=p, batch_first=True)

    def forward(self, x):
        return self.layer(x, x, x)[0]


class Recurrent(nn.Module):
    def __init__(self, kind, p):
        super().__init__()
        self.layer = kind(4, 4, num_layers=2, dropout=p, batch_first=True)

    def forward(self, x):
        return self.layer(x)[0]


def pair(name, p):
    """A module of dropcore, the same module of PyTorch, and the shape of an input."""
    if name in MODULES:
        kind, shape = MODULES[name]
        return kind(p), getattr(nn, name)(p), shape
    torch.manual_seed(0)
    theirs = SelfAttention(p) if name == "attention" else Recurrent(getattr(nn, name), p)
    theirs = theirs.double()
    ours = copy.deepcopy(theirs)
    convert(ours)
    return ours, theirs, (2, 3, 4)


def leaf(*shape, seed=0, dtype=torch.float64):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).to(dtype)


TRANSFORMS = {
    "vmap": lambda f, x: vmap(f)(x[None].repeat_interleave(2, 0)),
    "vmap of its second axis": lambda f, x: vmap(f, 1, 1)(torch.stack([x, x + 1], 1)),
    "grad": lambda f, x: grad(lambda x: f(x).square().sum())(x),
    "jacrev": lambda f, x: jacrev(f)(x),
    "jacfwd": lambda f, x: jacfwd(f)(x),
    "hessian": lambda f, x: torch.func.hessian(lambda x: f(x).pow(3).sum())(x),
    "jvp": lambda f, x: torch.stack(jvp(f, (x,), (x + 1,))),
    "vjp": lambda f, x: vjp(f, x)[1](torch.ones_like(f(x)))[0],
    "linearize": lambda f, x: linearize(f, x)[1](x),
    "grad for each sample": lambda f, x: vmap(grad(lambda x: f(x).square().sum()))(x[None]),
    "jacobian, vectorised": lambda f, x: jacobian(f, x, vectorize=True),
    "jacobian, vectorised, forward": lambda f, x: jacobian(
        f, x, vectorize=True, strategy="forward-mode"
    ),
    "hessian, vectorised": lambda f, x: hessian(lambda x: f(x).pow(3).sum(), x, vectorize=True),
    "batched gradients": lambda f, x: batched(f, x),
}
ALL = [*MODULES, "attention", "LSTM", "GRU", "RNN"]


def batched(function, x):
    x = x.clone().requires_grad_()
    y = function(x)
    return torch.autograd.grad(y, x, torch.stack([y, 2 * y]).detach(), is_grads_batched=True)[0]


def outcome(transform, function, x):
    torch.manual_seed(SEED)
    try:
        return transform(function, x)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ALL)
def test_p_of_0(name, transform):
    ours, theirs, shape = pair(name, 0.0)
    x = leaf(*shape)
    expected = outcome(TRANSFORMS[transform], theirs, x)
    result = outcome(TRANSFORMS[transform], ours, x)
    if isinstance(expected, torch.Tensor):
        assert isinstance(result, torch.Tensor)
        assert torch.equal(result, expected)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ALL)
def test_where_pytorch_s_module_computes_ours_does(name, transform):
    if "vmap" in transform or "sample" in transform:
        pytest.skip("randomness is refused by both: see below")
    ours, theirs, shape = pair(name, 0.5)
    x = leaf(*shape)
    expected = outcome(TRANSFORMS[transform], theirs, x)
    result = outcome(TRANSFORMS[transform], ours, x)
    if isinstance(expected, torch.Tensor):
        assert isinstance(result, torch.Tensor)
        assert result.shape == expected.shape


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_parameters_of_a_model(p):
    model = nn.Sequential(nn.Linear(3, 5), nn.Dropout(p), nn.Linear(5, 2))
    x = torch.randn(4, 3)
    convert(model, STREAM)

    def loss(parameters):
        return functional_call(model, parameters, x).square().sum()

    torch.manual_seed(SEED)
    found = grad(loss)(dict(model.named_parameters()))
    torch.manual_seed(SEED)
    model(x).square().sum().backward()
    for name, each in model.named_parameters():
        assert torch.allclose(found[name], each.grad)


# ------------------------------------------------------- the masks are dropcore's


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("variant", "options"), KINDS)
def test_values_are_the_core_s(variant, options, dtype):
    x, dy = leaf(4, 5, 6, dtype=dtype), leaf(4, 5, 6, seed=1, dtype=dtype)
    y, mask = core(x, 0.3, next_draw(STREAM), variant=variant, **options)
    dx = mask.backward(array_of(dy))

    def function(x):
        torch.manual_seed(SEED)
        return dropout(x, 0.3, True, rng=STREAM, variant=variant, **options)

    value, pull_back = vjp(function, x)
    assert same_bits(value, y)
    assert same_bits(pull_back(dy)[0], dx)
    value, push = jvp(function, (x,), (dy,))
    assert same_bits(value, y)
    assert same_bits(push, dx)
    leaf_x = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(function(leaf_x), leaf_x, dy[None], is_grads_batched=True)
    assert same_bits(found[0], dx)


@pytest.mark.parametrize("p", [1e-9, 0.5, 1.0])
def test_what_is_dropped_is_zero_also_where_it_is_not_finite(p):
    x = torch.tensor([torch.inf, -torch.inf, torch.nan, -1.0, -0.0] * 50)
    y, mask = core(x, p, STREAM.at(0))
    value, pull_back = vjp(lambda x: dropout(x, p, True, rng=STREAM.at(0)), x)
    assert same_bits(value, y)
    assert same_bits(pull_back(x)[0], mask.backward(x.numpy()))


@pytest.mark.parametrize(("variant", "options"), KINDS)
def test_randomness_is_as_vmap_says(variant, options):
    x = leaf(5, 3, 4, 6, dtype=torch.float32)

    def function(x):
        return dropout(x, 0.5, True, rng=STREAM, variant=variant, **options)

    draw = next_draw(STREAM)
    y = vmap(function, randomness="same")(x)
    for one, other in zip(y, x, strict=True):
        assert same_bits(one, core(other, 0.5, draw, variant=variant, **options)[0])

    torch.manual_seed(SEED)
    y = vmap(function, randomness="different")(x)
    torch.manual_seed(SEED)
    for one, other, index in zip(y, x, torch.randint(2**63 - 1, (5,)), strict=True):
        draw = STREAM.at(int(index))
        assert same_bits(one, core(other, 0.5, draw, variant=variant, **options)[0])

    with pytest.raises(RuntimeError, match="randomness"):
        vmap(function)(x)


def test_a_draw_for_each_and_a_draw_for_all():
    x, draw = torch.ones(3, 50), STREAM.at(3)
    y = vmap(lambda x: dropout(x, 0.5, True, rng=draw))(x)
    assert same_bits(y[1], core(x[1], 0.5, draw)[0])
    draws = torch.stack([draw_as_tensor(STREAM.at(i)) for i in range(3)])
    y = vmap(lambda x, draw: dropout(x, 0.5, True, rng=draw))(x, draws)
    for i in range(3):
        assert same_bits(y[i], core(x[i], 0.5, STREAM.at(i))[0])


def test_nested_transforms():
    x = leaf(2, 3, 8, dtype=torch.float32)
    f = vmap(vmap(Dropout(0.5), randomness="different"), randomness="different")
    assert len({tuple(row.tolist()) for row in (f(x) != 0).flatten(0, 1)}) > 1
    per_sample = vmap(grad(lambda x: dropout(x, 0.5, True).square().sum()), randomness="different")(
        x
    )
    kept = per_sample != 0
    assert torch.equal(per_sample[kept], 8 * x[kept])


def test_in_place():
    x = torch.ones(40)
    result = vmap(lambda x: dropout(x * 1, 0.5, True, inplace=True), randomness="same")(x[None])
    assert set(result.unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("randomness", ["same", "different"])
def test_draws_are_taken_whatever_p(randomness):
    x = torch.ones(3, 40)
    after = []
    for p in (0.0, 0.5, 1.0):
        torch.manual_seed(SEED)
        vmap(Dropout(p), randomness=randomness)(x)
        after.append(torch.rand(3))
    assert torch.equal(after[0], after[1])
    assert torch.equal(after[0], after[2])


@pytest.mark.filterwarnings("ignore:.*_prims_common.check:FutureWarning")  # from the compiler
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_transforms(backend):
    torch._dynamo.reset()
    x = leaf(3, 8, dtype=torch.float32)

    def loss(x, rng):
        return dropout(x, 0.5, True, rng=rng).square().sum()

    for function in (
        lambda x, rng: grad(loss)(x, rng),
        lambda x, rng: vmap(grad(loss), (0, None), randomness="same")(x, rng),
        lambda x, rng: torch.func.hessian(loss)(x, rng),
    ):
        compiled = torch.compile(function, backend=backend, fullgraph=True)
        for step in range(2):
            draw = STREAM.at(2**64 - 1 - step)
            for rng in draw, draw_as_tensor(draw):
                assert torch.allclose(compiled(x, rng), function(x, rng), atol=1e-6)
    nothing = Dropout(0.0)
    compiled = torch.compile(lambda x: vmap(lambda x: nothing(x) * 1)(x), backend=backend)
    assert torch.equal(compiled(x), x)
    with torch._inductor.config.patch(fallback_random=True):
        function = vmap(Dropout(0.5, rng=STREAM), randomness="different")
        compiled = torch.compile(function, backend=backend, fullgraph=True)
        torch.manual_seed(SEED)
        y = function(x)
        torch.manual_seed(SEED)
        assert torch.equal(compiled(x), y)
        compiled = torch.compile(grad(loss), backend=backend, fullgraph=True)
        for stream in (STREAM, STREAM.child(1)):
            torch.manual_seed(SEED)
            dx = grad(loss)(x, stream)
            torch.manual_seed(SEED)
            assert torch.equal(compiled(x, stream), dx)
    torch._dynamo.reset()


# ------------------------------------------------------------- variants without a rule


class Halving(dropcore.FreeVariant):
    """A variant without decisions that is not registered."""

    name = "halving"

    def forward(self, draw, p, x):
        return x / 2, ()

    def backward(self, draw, p, dy):
        return dy / 2


def test_variants_of_their_own_rule():
    x = torch.ones(3)
    with pytest.raises(NotImplementedError, match=r"no rule for torch\.func"):
        grad(lambda x: dropout(x, 0.5, True, variant=Halving()).sum())(x)
    x.requires_grad_()
    y = dropout(x, 0.5, True, variant=Halving())
    with pytest.raises(NotImplementedError, match="one by one"):
        torch.autograd.grad(y, x, torch.eye(3), is_grads_batched=True)
    (dx,) = torch.autograd.grad(y, x, torch.ones(3))
    assert torch.equal(dx, torch.full((3,), 0.5))
