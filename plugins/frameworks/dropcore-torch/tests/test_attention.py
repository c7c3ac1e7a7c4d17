"""Attention with dropout: blocks and the whole form agree, with the mask of `dropout`."""

import os
import subprocess
import sys
from unittest import mock

import pytest
import torch
from converted import padded_attention
from dropcore_torch import attention as chooser
from dropcore_torch import blocks, installed, paths
from dropcore_torch.functional import attention, dropout
from expected import SEED, all_weights, assert_rounded_from_float64, heads
from torch.nn import functional as F

import dropcore

DRAW = dropcore.Stream(3).at(5)
N = 40  # keys; queries are as many or a few more


@pytest.fixture(params=[1 << 17, 300], ids=["one block", "many blocks"], autouse=True)
def small_blocks(request):
    """Blocks in Python; `test_attention_node.py` tests those of the node."""
    before = paths.in_use()
    paths.use("function")
    with (
        mock.patch.object(chooser, "SMALL", 0),
        mock.patch.multiple(blocks, BLOCK=request.param, ROWS=7),
    ):
        yield
    paths.use(before)


def is_by_blocks(y):
    return type(y.grad_fn).__name__ == "_BlocksBackward"


def both(q, k, v, mask=None, causal=False, scale=None, gqa=False, p=0.3):
    """y and all gradients, computed in blocks and in the whole form."""
    own = [x.clone().requires_grad_() for x in (q, k, v)]
    if mask is not None and mask.is_floating_point():
        mask = mask.clone().requires_grad_()
        own.append(mask)
    options = {"scale": scale, "enable_gqa": gqa, "rng": DRAW}
    ours = attention(*own[:3], mask, p, causal, **options)
    theirs = all_weights(*own[:3], mask, DRAW, p, causal, scale, gqa)
    assert is_by_blocks(ours)
    dy = torch.randn_like(theirs)
    return (
        (ours, *torch.autograd.grad(ours, own, dy)),
        (theirs, *torch.autograd.grad(theirs, own, dy)),
    )


Q, K, V = heads(2, 4, N + 3, 6), heads(2, 4, N, 6), heads(2, 4, N, 5)
PADDING = torch.ones(2, 1, 1, N, dtype=torch.bool).tril(N - 9)
SOME = heads(N + 3, N) > 0
MASKS = {
    "none": None,
    "bools": SOME,
    "bools of a batch": PADDING,
    "a row that sees nothing": SOME & (torch.arange(N + 3) % 5 > 0)[:, None],
    "numbers": heads(N + 3, N),
    "numbers of a batch": heads(2, 1, 1, N),
    "numbers of a head": heads(4, N + 3, N),
    "numbers of all": heads(2, 4, N + 3, N),
    "numbers of a row": heads(N + 3, 1),
    "one number": heads(1, 1),
    "infinity": torch.zeros(N + 3, N, dtype=torch.float64).masked_fill(~SOME, -torch.inf),
}


@pytest.mark.parametrize("name", MASKS)
def test_the_plain_form_s_results(name):
    torch.testing.assert_close(*both(Q, K, V, MASKS[name]))


@pytest.mark.parametrize("swapped", [False, True], ids=["more queries", "more keys"])
def test_causal_of_any_lengths(swapped):
    q, k = (K, Q) if swapped else (Q, K)
    v = heads(2, 4, k.shape[-2], 5)
    torch.testing.assert_close(*both(q, k, v, causal=True))


@pytest.mark.parametrize("mask", [None, heads(2, 4, N + 3, N), heads(2, 1, N + 3, N)])
@pytest.mark.parametrize("of_keys", [1, 2])
def test_queries_that_share_heads(of_keys, mask):
    k, v = heads(2, of_keys, N, 6), heads(2, of_keys, N, 5)
    torch.testing.assert_close(*both(Q, k, v, mask, gqa=True))
    torch.testing.assert_close(*both(Q, k, v, causal=True, gqa=True))


def test_other_shapes():
    torch.testing.assert_close(*both(Q[0], K[0], V[0], scale=-0.3))
    torch.testing.assert_close(*both(Q[0, 0], K[0, 0], V[0, 0], MASKS["numbers"]))
    places_first = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (Q, K, V)]
    torch.testing.assert_close(*both(*places_first))
    torch.testing.assert_close(*both(Q[..., ::2], K[..., ::2], V[:, :, :, 1::3]))


@pytest.mark.parametrize("p", [1e-9, 0.5, 1.0])
def test_any_p(p):
    torch.testing.assert_close(*both(Q, K, V, p=p))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_dtypes(dtype):
    assert_rounded_from_float64(dtype, (Q, K, V), DRAW)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("value", [torch.inf, torch.nan])
@pytest.mark.parametrize("which", ["k", "v"])
def test_what_is_not_finite(which, value, causal):
    given = {"q": Q, "k": K.clone(), "v": V.clone()}
    given[which][0, 1, N - 1, 2] = value
    ours, theirs = both(*given.values(), causal=causal)
    torch.testing.assert_close(ours[0], theirs[0], equal_nan=True)


def test_derivatives():
    q, k, v = (heads(1, 2, 9, 3, seed=i).requires_grad_() for i in range(3))
    mask = heads(9, 9).requires_grad_()
    options = {"dropout_p": 0.3, "rng": DRAW}
    assert torch.autograd.gradcheck(lambda *x: attention(*x, **options), (q, k, v, mask))
    assert torch.autograd.gradgradcheck(lambda *x: attention(*x, **options), (q, k, v, mask))
    options["is_causal"] = True
    assert torch.autograd.gradcheck(lambda *x: attention(*x, **options), (q, k, v))


@pytest.mark.parametrize("of", ["q", "k", "v", "mask"])
def test_a_gradient_of_one(of):
    given = {"q": Q, "k": K, "v": V, "mask": heads(N + 3, N)}
    given[of] = given[of].clone().requires_grad_()
    ours = attention(*given.values(), 0.3, rng=DRAW)
    theirs = all_weights(*given.values(), DRAW)
    (a,), (b,) = (torch.autograd.grad(y.sum(), given[of]) for y in (ours, theirs))
    torch.testing.assert_close(a, b)


def test_an_output_may_be_changed_in_place():
    own = [x.clone().requires_grad_() for x in (Q, K, V)]
    y = attention(*own, None, 0.3, rng=DRAW)
    expected = torch.autograd.grad(y.sum() * 2, own, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(y.mul_(2).sum(), own), expected)


def test_the_draw_of_a_seed():
    x = torch.randn(1, 2, N, N)
    torch.manual_seed(SEED)
    weights = dropout(torch.ones(1, 2, N, N), 0.5, True)
    torch.manual_seed(SEED)
    y = attention(x * 0, x, torch.eye(N).expand(1, 2, N, N), None, 0.5)
    torch.testing.assert_close(y, weights / N)


# ------------------------------------------------------------- as PyTorch's own function


@pytest.mark.parametrize("name", MASKS)
def test_pytorch_s_results_but_for_the_mask(name):
    mask = MASKS[name]
    torch.testing.assert_close(
        attention(Q, K, V, mask, 1e-12), F.scaled_dot_product_attention(Q, K, V, mask)
    )


def test_nothing_is_dropped_or_drawn_with_p_0():
    torch.manual_seed(SEED)
    y = attention(Q, K, V)
    assert torch.equal(y, F.scaled_dot_product_attention(Q, K, V))
    after = torch.rand(())
    torch.manual_seed(SEED)
    assert torch.equal(after, torch.rand(()))


@pytest.mark.parametrize("shape", [(2, 4, 0, 6), (2, 0, 5, 6), (0, 4, 5, 6)])
def test_nothing(shape):
    x = torch.randn(shape, requires_grad=True)
    y = attention(x, x, x, None, 0.5)
    assert y.shape == shape
    y.sum().backward()
    none = attention(torch.ones(1, 3, 6), torch.ones(1, 0, 6), torch.ones(1, 0, 6), None, 0.5)
    assert torch.equal(none, torch.zeros(1, 3, 6))


def test_what_blocks_are_not_for():
    meta = attention(Q.to("meta"), K.to("meta"), V.to("meta"), None, 0.5)
    assert meta.shape == (2, 4, N + 3, 5)
    y = attention(Q[:1], K, V, None, 0.3, rng=DRAW)  # batches are broadcast
    torch.testing.assert_close(y, all_weights(Q[:1], K, V, None, DRAW))
    five = [x.unsqueeze(1) for x in (Q, K, V)]
    torch.testing.assert_close(
        attention(*five, None, 0.3, rng=DRAW), all_weights(*five, None, DRAW)
    )


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_transforms_and_tangents():
    def loss(q):
        return attention(q, K, V, None, 0.3, rng=DRAW).square().sum()

    q = Q.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(q), q)
    torch.testing.assert_close(torch.func.grad(loss)(Q), expected)
    _, tangent = torch.func.jvp(loss, (Q,), (Q,))
    torch.testing.assert_close(tangent, (expected * Q).sum())
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(Q, Q)
        out = torch.autograd.forward_ad.unpack_dual(loss(dual)).tangent
    torch.testing.assert_close(out, (expected * Q).sum())


def test_compiled():
    torch.compiler.reset()
    compiled = torch.compile(attention, backend="aot_eager", fullgraph=True)
    y = compiled(Q, K, V, None, 0.3, rng=DRAW)
    torch.testing.assert_close(y, all_weights(Q, K, V, None, DRAW))
    torch.compiler.reset()


@pytest.mark.parametrize(
    ("error", "what", "change"),
    [
        (ValueError, r"p must be in \[0, 1\]", {"dropout_p": 1.5}),
        (TypeError, "p must be a number", {"dropout_p": "much"}),
        (ValueError, "attn_mask must be None", {"is_causal": True, "attn_mask": SOME}),
        (TypeError, "attn_mask must be of bools or floats", {"attn_mask": SOME.int()}),
        (RuntimeError, "size", {"attn_mask": SOME[:-1]}),
        (RuntimeError, "size|shape", {"key": K[..., :5]}),
        (RuntimeError, "size|shape", {"value": V[:, :, :-1]}),
        (RuntimeError, "size", {"key": K[:, :2], "value": V[:, :2]}),
        (RuntimeError, "expected scalar type", {"key": K.float()}),
        (TypeError, "input must be a tensor", {"query": 3}),
        (TypeError, "rng must be", {"rng": "seed"}),
    ],
)
def test_bad_calls(error, what, change):
    given = {"query": Q, "key": K, "value": V, "dropout_p": 0.5, **change}
    with pytest.raises(error, match=what):
        attention(**given)


# ------------------------------------------------------------------- install and convert


@pytest.mark.parametrize("name", MASKS)
def test_installed_attention_is_by_the_same_blocks(name):
    given = [x.clone().requires_grad_() for x in (Q, K, V)]
    torch.manual_seed(SEED)
    ours = attention(*given, MASKS[name], 0.3)
    torch.manual_seed(SEED)
    with installed():
        theirs = F.scaled_dot_product_attention(*given, MASKS[name], 0.3)
    assert is_by_blocks(theirs)
    assert torch.equal(ours, theirs)
    with mock.patch.object(chooser, "SMALL", 1 << 60), installed():  # PyTorch's, by `dropout`
        torch.manual_seed(SEED)
        torch.testing.assert_close(F.scaled_dot_product_attention(*given, MASKS[name], 0.3), ours)


def test_installed_attention_refuses_as_pytorch_does():
    for change in ({"is_causal": True, "attn_mask": SOME}, {"dropout_p": 1.5}, {"key": K[..., :5]}):
        given = {"query": Q, "key": K, "value": V, "dropout_p": 0.5, **change}
        with pytest.raises((RuntimeError, ValueError)) as theirs:
            F.scaled_dot_product_attention(**given)
        with installed(), pytest.raises(theirs.type) as ours:
            F.scaled_dot_product_attention(**given)
        assert str(ours.value).split("(")[0] == str(theirs.value).split("(")[0]


def test_a_converted_module_is_by_blocks():
    module, x, padding = padded_attention(N)
    torch.manual_seed(SEED)
    y, weights = module(x, x, x, key_padding_mask=padding)
    with mock.patch.object(blocks, "attention", side_effect=blocks.attention) as by_blocks:
        torch.manual_seed(SEED)
        z, none = module(x, x, x, key_padding_mask=padding, need_weights=False)
    assert by_blocks.called
    assert weights is not None
    assert none is None
    torch.testing.assert_close(y, z)


# ------------------------------------------------------------------------------ memory

PEAK = """
import resource, sys, torch
from dropcore_torch.functional import attention
torch.set_num_threads(1)
q, k, v = (torch.randn(1, 1, int(sys.argv[1]), 16, requires_grad=True) for _ in range(3))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
attention(q, k, v, None, 0.1).sum().backward()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("node", ["0", "1"])
def test_memory_is_linear_in_the_length(node, built_node):
    def peak(length):
        run = [sys.executable, "-c", PEAK, str(length)]
        environment = {**os.environ, paths.SWITCH: node}
        done = subprocess.run(run, env=environment, check=True, capture_output=True, text=True)
        return int(done.stdout)

    assert peak(8192) < 64 << 10  # KiB; all weights alone are 256 MiB
