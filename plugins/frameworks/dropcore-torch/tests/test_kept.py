"""Tensors kept for backward are saved tensors of PyTorch: same release, errors and hooks."""

import gc
import weakref

import pytest
import torch
from dropcore_torch.functional import dropout
from expected import core, same_bits
from torch.autograd import forward_ad
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks

import dropcore

# PyTorch itself causes this warning when a process first enters forward mode
pytestmark = [
    pytest.mark.usefixtures("path"),
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
]

DRAW = dropcore.Stream(5).at(9)


class Halves(dropcore.DecidingVariant):
    """A variant that makes its own decisions."""

    name = "halves"

    def decide(self, draw, p, shape):
        return (draw.words(shape[0] * shape[1]) % 2 == 0).reshape(shape)

    def plan(self, p, shape, keep):
        return dropcore.Plan(scale=2.0)


class Squared(dropcore.FreeVariant):
    """A variant that saves its input."""

    name = "squared"

    def forward(self, draw, p, *inputs):
        return inputs[0] ** 2, inputs

    def backward(self, draw, p, dy, *saved):
        return 2 * saved[0] * dy


KINDS = {
    "standard": {},
    "shared axes": {"shared_axes": 1},
    "alpha": {"variant": "alpha"},
    "alpha, shared axes": {"variant": "alpha", "shared_axes": 0},
    "deciding": {"variant": Halves()},
    "free": {"variant": Squared()},
}
any_kind = pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
any_order = pytest.mark.parametrize("order", ["C", "transposed", "with gaps"])


def leaf(order, rows=40, columns=50):
    x = torch.arange(1.0, 2 * rows * columns + 1).reshape(rows, 2 * columns)
    if order == "with gaps":
        return x[:, ::2].detach().requires_grad_()
    x = x[:, :columns].contiguous()
    return (x.t().contiguous().t() if order == "transposed" else x).requires_grad_()


@any_kind
@any_order
def test_a_second_backward_pass_is_refused_as_pytorch_refuses_it(options, order):
    x = leaf(order)
    y = dropout(x, 0.5, True, rng=DRAW, **options)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="a second time"):
        y.sum().backward()


@any_kind
@any_order
def test_a_loss_that_is_kept_holds_nothing(options, order):
    x, saved = leaf(order), []

    def pack(tensor):
        tensor = tensor.clone()
        saved.append(weakref.ref(tensor))
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = dropout(x, 0.5, True, rng=DRAW, **options).sum()
    assert any(each() is not None for each in saved)
    loss.backward()
    gc.collect()
    assert all(each() is None for each in saved)


def test_nothing_else_holds_the_bits():
    """The bytes that the graphs of sixty losses of large tensors keep from being freed."""
    x, alive = torch.ones(1 << 16, requires_grad=True), []

    def pack(tensor):
        alive.append(weakref.ref(tensor.untyped_storage()))
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        losses = [dropout(x, 0.5, True).sum() for _ in range(60)]
        losses += [dropout(x.view(256, 256).t(), 0.5, True).sum() for _ in range(60)]
    for loss in losses:
        loss.backward()
    assert not [each for each in alive if each() is not None and each().nbytes() == x.numel() // 8]


@any_kind
@any_order
def test_hooks_may_put_it_elsewhere(options, order):
    x, dy = leaf(order), torch.ones(40, 50)
    expected = torch.autograd.grad(dropout(x, 0.5, True, rng=DRAW, **options), x, dy)
    with save_on_cpu():
        y = dropout(x, 0.5, True, rng=DRAW, **options)
    assert torch.equal(torch.autograd.grad(y, x, dy)[0], expected[0])


@any_order
@pytest.mark.parametrize("options", [{}, {"shared_axes": 1}, {"variant": "alpha"}], ids=str)
@pytest.mark.parametrize(
    "change",
    [
        lambda bits: bits.float(),
        lambda bits: bits[:-1],
        lambda bits: torch.empty(0),
    ],
)
def test_what_a_hook_changed_is_refused(options, order, change):
    x = leaf(order)
    with saved_tensors_hooks(lambda bits: bits, change):
        y = dropout(x, 0.5, True, rng=DRAW, **options)
    with pytest.raises((RuntimeError, ValueError), match=r"bits|packed decisions|was given"):
        y.sum().backward()


def test_an_input_that_was_saved_may_be_written_to():
    x = leaf("C")
    middle = x * 1
    y = dropout(middle, 0.5, True, rng=DRAW, variant=Squared())
    with torch.no_grad():
        middle.zero_()
    y.sum().backward()
    assert torch.equal(x.grad, 2 * x.detach())


@any_order
@pytest.mark.parametrize("options", [{}, {"shared_axes": 1}, {"variant": "alpha"}], ids=str)
def test_forward_mode_and_second_derivatives_of_any_layout(options, order):
    x, v = leaf(order), torch.linspace(-1, 1, 2000).reshape(40, 50)
    _, mask = core(x, 0.5, DRAW, **options)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x.detach(), v)
        y = dropout(dual, 0.5, True, rng=DRAW, **options)
        assert same_bits(forward_ad.unpack_dual(y).tangent, mask.backward(v.numpy()))
    y = dropout(x, 0.5, True, rng=DRAW, **options)
    (dx,) = torch.autograd.grad((y * y).sum() / 2, x, create_graph=True)
    factor = torch.from_numpy(mask.backward(v.numpy() * 0 + 1))
    assert torch.allclose(torch.autograd.grad(dx, x, v)[0], factor * factor * v)


# ------------------------------------------------------------------ nothing dropped


@any_order
@pytest.mark.parametrize("p", [0, 0.0])
@pytest.mark.parametrize(
    "options", [{}, {"shared_axes": 1}, {"variant": "alpha"}, {"inplace": True}], ids=str
)
def test_with_p_0_it_is_the_input_itself(options, order, p):
    """As in torch.nn.functional.dropout; and the call takes one draw, as for any p."""
    x = leaf(order)
    torch.manual_seed(3)
    assert dropout(x, p, True, **options) is x
    after = torch.rand(1)
    torch.manual_seed(3)
    torch.randint(2**63 - 1, ())
    assert torch.equal(after, torch.rand(1))
