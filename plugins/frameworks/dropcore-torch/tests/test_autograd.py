import numpy as np
import pytest
import torch
from dropcore_torch import Dropout
from dropcore_torch.functional import dropout
from expected import SEED, core, next_draw, same_bits
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.utils.checkpoint import checkpoint

import dropcore

# PyTorch itself causes this warning when a process first enters forward mode
pytestmark = [
    pytest.mark.usefixtures("path"),
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
]

DRAW = dropcore.Stream(5).at(9)
KINDS = [
    ("standard", {}),
    ("standard", {"shared_axes": 1}),
    ("alpha", {}),
    ("spatial", {"channel_axis": 1}),
]


def leaf(*shape, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return torch.from_numpy(values).requires_grad_()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("variant", "options"), KINDS)
def test_gradcheck(variant, options, training):
    def function(x):
        return dropout(x, 0.4, training, rng=DRAW, variant=variant, **options)

    assert gradcheck(function, leaf(3, 4, 2), check_forward_ad=True)
    assert gradgradcheck(function, leaf(3, 4, 2), check_fwd_over_rev=True)


@pytest.mark.parametrize(("variant", "options"), KINDS)
def test_forward_mode_without_a_leaf(variant, options):
    x, v = leaf(3, 4, 2).detach(), leaf(3, 4, 2, seed=1).detach()
    _, mask = core(x, 0.4, DRAW, variant=variant, **options)
    with forward_ad.dual_level():
        y = dropout(forward_ad.make_dual(x, v), 0.4, True, rng=DRAW, variant=variant, **options)
        tangent = forward_ad.unpack_dual(y).tangent
    assert same_bits(tangent, mask.backward(v.numpy()))


@pytest.mark.parametrize(("variant", "options"), KINDS)
def test_a_seeded_function_passes_without_a_draw_too(variant, options):
    def function(x):
        torch.manual_seed(SEED)
        return dropout(x, 0.4, True, variant=variant, **options)

    assert gradcheck(function, leaf(3, 4, 2))


@pytest.mark.parametrize(("variant", "options"), KINDS)
def test_double_backward(variant, options):
    x, v = leaf(3, 4, 2), leaf(3, 4, 2, seed=1)
    _, mask = core(x, 0.4, DRAW, variant=variant, **options)
    y = dropout(x, 0.4, True, rng=DRAW, variant=variant, **options)
    (dx,) = torch.autograd.grad((y * y).sum() / 2, x, create_graph=True)
    (second,) = torch.autograd.grad(dx, x, grad_outputs=v, create_graph=True)
    factor = torch.from_numpy(mask.backward(np.ones(x.shape)))
    assert torch.allclose(second, factor * factor * v)
    (third,) = torch.autograd.grad(second.sum(), v)
    assert torch.allclose(third, factor * factor)


def test_a_module_called_several_times_before_its_backward():
    drop, x = Dropout(0.5, rng=1), leaf(4, 50)
    ys = [drop(x) for _ in range(3)]
    for y in ys:
        (dx,) = torch.autograd.grad(y, x, torch.ones_like(y))
        assert torch.equal(dx != 0, y != 0)
    assert len({tuple(y.flatten().tolist()) for y in ys}) == 3


def test_a_backward_pass_twice():
    x = leaf(40)
    y = dropout(x, 0.5, True).sum()
    y.backward(retain_graph=True)
    once = x.grad.clone()
    y.backward()
    assert torch.equal(x.grad, 2 * once)


# ------------------------------------------------------------------ checkpointing


def network(variant):
    torch.manual_seed(SEED)
    return torch.nn.Sequential(
        torch.nn.Linear(16, 32),
        torch.nn.ReLU(),
        Dropout(0.3, variant=variant, rng=dropcore.Stream(1)),
        torch.nn.Linear(32, 32),
        Dropout(0.5),
        torch.nn.Linear(32, 1),
    )


def gradients(run, variant):
    model = network(variant)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32))
    torch.manual_seed(SEED)
    x.requires_grad_()
    for _ in range(2):  # the second step takes the draws after those of the first step
        run(model, x).sum().backward()
    return [x.grad, *(each.grad for each in model.parameters())]


@pytest.mark.parametrize("variant", ["standard", "alpha"])
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_gives_the_gradients_of_the_run_without_it(reentrant, variant):
    plain = gradients(lambda model, x: model(x), variant)
    again = gradients(lambda model, x: checkpoint(model, x, use_reentrant=reentrant), variant)
    for one, other in zip(plain, again, strict=True):
        assert torch.equal(one, other)


def test_checkpointing_without_pytorch_s_generator_gives_other_gradients():
    """This shows that the test above can fail."""

    def run(model, x):
        return checkpoint(model, x, use_reentrant=False, preserve_rng_state=False)

    plain = gradients(lambda model, x: model(x), "standard")
    assert not torch.equal(plain[0], gradients(run, "standard")[0])


# ----------------------------------------------------------------------- autocast


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast(dtype):
    model = torch.nn.Sequential(torch.nn.Linear(8, 8), Dropout(0.5), torch.nn.Linear(8, 4))
    seen = []
    model[1].register_forward_hook(lambda module, inputs, y: seen.append((inputs[0], y)))
    x = torch.ones(4, 8)
    draw = next_draw(dropcore.Stream(0, path=("dropcore-torch",)))
    with torch.autocast("cpu", dtype):
        model(x).float().sum().backward()
    ((given, y),) = seen
    assert given.dtype == y.dtype == dtype
    assert np.array_equal(y.detach().float().numpy(), core(given, 0.5, draw)[0].astype(np.float32))
    assert all(each.grad.dtype is torch.float32 for each in model.parameters())


# ------------------------------------------- variants that are not the core's own


class Doubling(dropcore.FreeVariant):
    """A variant with two inputs and a rule for inference: y = 2 * x + p * other."""

    name = "doubling"
    inputs = ("x", "other")

    def forward(self, draw, p, x, other):
        return 2 * x + p * other, (np.ones_like(x),)

    def backward(self, draw, p, dy, ones):
        return 2 * dy * ones, p * dy

    def infer(self, p, x, other):
        return 3 * x - other

    def infer_backward(self, p, dy):
        return 3 * dy, -dy


class Rows(dropcore.DecidingVariant):
    """A variant that keeps the first row of its input."""

    name = "rows"

    def decide(self, draw, p, shape):
        return np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1)) == 0

    def plan(self, p, shape, keep):
        return dropcore.Plan(scale=3.0, drop=7.0)


@pytest.mark.parametrize("training", [True, False])
def test_a_variant_of_several_inputs(training):
    x, other = leaf(3, 4), leaf(3, 4, seed=1)

    def function(x, other):
        return dropout(x, 0.25, training, rng=DRAW, variant=Doubling(), other=other)

    expected = 2 * x + 0.25 * other if training else 3 * x - other
    assert torch.equal(function(x, other), expected)
    assert gradcheck(function, (x, other))
    first = torch.autograd.grad(function(x, other).sum(), x, create_graph=True)[0]
    assert torch.equal(first, torch.full_like(x, 2 if training else 3))


def test_a_free_variant_has_a_first_derivative_only():
    x, other, dy = leaf(3), leaf(3), leaf(3)
    y = dropout(x, 0.25, True, variant=Doubling(), other=other)
    (dx, _) = torch.autograd.grad(y, (x, other), dy, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        dx.sum().backward()
    with forward_ad.dual_level(), pytest.raises(NotImplementedError, match="forward mode"):
        dropout(forward_ad.make_dual(x, dy), 0.25, True, variant=Doubling(), other=other)


def test_bfloat16_of_several_inputs():
    x = torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
    other = torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
    dropout(x, 0.25, True, variant=Doubling(), other=other).sum().backward()
    assert torch.equal(x.grad, torch.full((3,), 2.0, dtype=torch.bfloat16))
    assert torch.equal(other.grad, torch.full((3,), 0.25, dtype=torch.bfloat16))


def test_a_variant_that_decides_itself():
    x = leaf(3, 4)
    y = dropout(x, 0.5, True, variant=Rows())
    assert torch.equal(y, torch.cat([3 * x[:1], torch.full_like(x[1:], 7)]))

    def function(x):
        return dropout(x, 0.5, True, rng=DRAW, variant=Rows())

    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


@pytest.mark.parametrize("other", [{}, {"other": torch.ones(3), "more": torch.ones(3)}])
def test_inputs_that_are_missing_or_too_many(other):
    with pytest.raises(TypeError, match="other"):
        dropout(torch.ones(3), 0.5, True, variant=Doubling(), **other)


# ------------------------------------------------------------- unusual gradients


@pytest.mark.parametrize("variant", ["standard", "alpha"])
def test_a_tangent_of_another_dtype(variant):
    """PyTorch allows such a tangent; the derivative is the same."""
    for dtype, other in ((torch.float64, torch.float16), (torch.float32, torch.float64)):
        with forward_ad.dual_level():
            x = forward_ad.make_dual(torch.ones(50, dtype=dtype), torch.full((50,), 3, dtype=other))
            y, dy = forward_ad.unpack_dual(dropout(x, 0.5, True, variant=variant))
        assert dy.dtype is other
        kept = (y - y.min()) > 0
        assert torch.equal(dy > 0, kept)
        assert len(set(dy.tolist())) == 2


@pytest.mark.parametrize("variant", ["standard", "alpha"])
def test_in_place_in_forward_mode(variant):
    draw, x = dropcore.Stream(1).at(0), torch.ones(50)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.ones(50))
        y = forward_ad.unpack_dual(dropout(dual, 0.5, True, rng=draw, variant=variant))
        dual = forward_ad.make_dual(x.clone(), torch.ones(50))
        dropout(dual, 0.5, True, inplace=True, rng=draw, variant=variant)
        assert all(map(torch.equal, forward_ad.unpack_dual(dual), y))


@pytest.mark.parametrize("variant", ["standard", "alpha"])
def test_zeros_without_memory(variant):
    draw = dropcore.Stream(1).at(0)
    y = dropout(torch._efficientzerotensor(50), 0.5, True, rng=draw, variant=variant)
    assert torch.equal(y, dropout(torch.zeros(50), 0.5, True, rng=draw, variant=variant))
    x = torch.ones(50, requires_grad=True)
    y = dropout(x, 0.5, True, variant=variant)
    y.backward(torch._efficientzerotensor(50))
    assert torch.equal(x.grad, torch.zeros(50))


@pytest.mark.parametrize("variant", ["standard", "alpha"])
def test_a_sparse_gradient(variant):
    weight = torch.randn(6, 3, requires_grad=True)
    rows = torch.tensor([1, 4])
    dropped = dropout(weight, 0.5, True, rng=dropcore.Stream(1).at(0), variant=variant)
    torch.nn.functional.embedding(rows, dropped, sparse=True).sum().backward()
    found, weight.grad = weight.grad, None
    dropped = dropout(weight, 0.5, True, rng=dropcore.Stream(1).at(0), variant=variant)
    torch.nn.functional.embedding(rows, dropped).sum().backward()
    assert torch.equal(found, weight.grad)
