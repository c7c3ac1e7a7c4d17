"""Derivatives of attention: of any order, of some inputs, in batches, with tangents, and none.

By all three ways of computing it.
"""

import pytest
import torch
from attending import CLOSE, DRAW, call, given
from expected import NoGradient, all_weights, heads
from torch.autograd import forward_ad

pytestmark = pytest.mark.usefixtures("way")


def second(own, y):
    first = torch.autograd.grad(y.square().sum(), own, create_graph=True)
    return torch.autograd.grad(sum(x.square().sum() for x in first), own)


@pytest.mark.parametrize(
    "mask", [None, heads(20, 20) > 0, heads(2, 3, 20, 20).float()], ids=["none", "bools", "numbers"]
)
def test_second_derivatives(mask):
    own = given()
    found = second(own, call(*own, mask))
    expected = second(own, all_weights(*own, mask, DRAW))
    torch.testing.assert_close(found, expected, **CLOSE)


def test_second_derivatives_of_queries_that_share_heads():
    q, k, v = given()
    own = [q, k[:, :1].detach().requires_grad_(), v[:, :1].detach().requires_grad_()]
    found = second(own, call(*own, enable_gqa=True))
    torch.testing.assert_close(found, second(own, all_weights(*own, None, DRAW, gqa=True)), **CLOSE)


@pytest.mark.parametrize("of", ["one tensor", "tensors of another", "views"])
def test_second_derivatives_if_inputs_depend_on_each_other(of):
    x = given()[0]
    inputs = {
        "one tensor": lambda: (x, x, x),
        "tensors of another": lambda: (k := x.tanh(), k, k * 2),
        "views": lambda: torch.stack([x, x * 2, x * 3]).unbind(),
    }[of]
    results = []
    for compute in (call, lambda q, k, v: all_weights(q, k, v, None, DRAW)):
        results.append(second([x], compute(*inputs())))
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-3)


def test_a_hessian_vector_product():
    own = given(length=5)

    def loss(q):
        return call(q, *own[1:]).square().sum()

    x, vector = own[0].detach(), torch.randn_like(own[0])
    _, found = torch.autograd.functional.hvp(loss, x, vector)
    _, expected = torch.autograd.functional.hvp(
        lambda q: all_weights(q, *own[1:], None, DRAW).square().sum(), x, vector
    )
    torch.testing.assert_close(found, expected, **CLOSE)


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_a_gradient_with_a_tangent():
    """Forward mode over reverse mode: the gradient of y has a tangent."""
    own = given(length=5)
    dy, tangent = torch.randn(2, 3, 5, 6), torch.randn(2, 3, 5, 6)
    found = []
    for y in (call(*own), all_weights(*own, None, DRAW)):
        with forward_ad.dual_level():
            gradients = torch.autograd.grad(y, own, forward_ad.make_dual(dy, tangent))
            found.append([forward_ad.unpack_dual(x) for x in gradients])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours.primal, theirs.primal, **CLOSE)
        torch.testing.assert_close(ours.tangent, theirs.tangent, **CLOSE)


def test_gradients_in_batches():
    own = given(length=5)
    dy = torch.randn(4, 2, 3, 5, 6)
    y = call(*own)
    found = torch.autograd.grad(y, own, dy, is_grads_batched=True, retain_graph=True)
    each = [torch.autograd.grad(y, own, one, retain_graph=True) for one in dy]
    expected = tuple(torch.stack(x) for x in zip(*each, strict=True))
    torch.testing.assert_close(found, expected, **CLOSE)


# ------------------------------------------------------- which gradients, and without any


@pytest.mark.parametrize("of", [(0,), (1,), (2,), (0, 2), (1, 2)])
@pytest.mark.parametrize("again", [False, True], ids=["first", "second"])
def test_gradients_of_some(of, again):
    found = []
    for compute in (call, lambda *own: all_weights(*own, None, DRAW)):
        own = given(requires_grad=False)
        some = [own[place].requires_grad_() for place in of]
        y = compute(*own)
        found.append(second(some, y) if again else torch.autograd.grad(y.square().sum(), some))
    torch.testing.assert_close(*found, **CLOSE)


@pytest.mark.parametrize("of", [0, 1, 2])
def test_only_one_gradient_is_asked_for(of):
    own = given()
    every = torch.autograd.grad(call(*own).square().sum(), own)
    (one,) = torch.autograd.grad(call(*own).square().sum(), own[of])
    torch.testing.assert_close(one, every[of])


def test_a_mask_with_and_without_a_gradient():
    own, mask = given(), heads(20, 20).float().requires_grad_()
    every = torch.autograd.grad(call(*own, mask).square().sum(), [*own, mask])
    rest = torch.autograd.grad(call(*own, mask.detach()).square().sum(), own)
    torch.testing.assert_close(rest, every[:3], **CLOSE)
    expected = torch.autograd.grad(all_weights(*own, mask, DRAW).square().sum(), mask)
    torch.testing.assert_close(every[3], expected[0], **CLOSE)


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_without_gradients(off):
    own = given()
    expected = call(*own).detach()
    with off():
        y = call(*own)
    assert not y.requires_grad
    assert y.is_inference() == (off is torch.inference_mode)
    assert torch.equal(y, expected)


def test_tensors_of_inference_mode():
    with torch.inference_mode():
        own = given(requires_grad=False)
    assert call(*own).shape == (2, 3, 20, 6)
    own[1] = own[1].clone().requires_grad_()
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        call(*own)


def test_a_gradient_that_is_not_there():
    """A later function whose backward pass returns no gradient."""
    own = given()
    NoGradient.apply(call(*own)).sum().backward()
    assert all(x.grad is None or not x.grad.any() for x in own)
