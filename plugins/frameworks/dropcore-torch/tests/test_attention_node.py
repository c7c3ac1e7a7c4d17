"""Attention in the node: the whole form's results, with the mask of `dropout`, in float32."""

import threading
from unittest import mock

import pytest
import torch
from converted import padded_attention
from dropcore_torch import blocks, installed, paths
from dropcore_torch.functional import attention, dropout
from dropcore_torch.source import source_of
from expected import SEED, all_weights, assert_rounded_from_float64, heads
from torch.nn import functional as F

import dropcore

DRAW = dropcore.Stream(3).at(5)

# Queries and keys: a part of one block, whole blocks, and many blocks with parts.
SIZES = [(1, 1), (43, 40), (16, 16), (128, 512), (300, 1100), (600, 530)]


@pytest.fixture(autouse=True)
def in_the_node(built_node):
    before = paths.in_use()
    paths.use("node")
    if not paths.attends():
        paths.use(before)
        pytest.skip("PyTorch has no kernels for small matrices on this processor")
    yield
    paths.use(before)


def given(queries, keys, of_keys=4, width=6, width_of_v=5):
    return (
        heads(2, 4, queries, width),
        heads(2, of_keys, keys, width),
        heads(2, of_keys, keys, width_of_v),
    )


def is_in_the_node(y):
    return y.grad_fn.name() == "DropcoreAttentionBackward"


def check(q, k, v, mask=None, p=0.3, close=2e-5, **options):
    """y and the gradients are those of the whole form in float64."""
    if mask is not None and mask.is_floating_point():
        mask = mask.float()
    own = [x.float().requires_grad_() for x in (q, k, v)]
    wide = [x.detach().double().requires_grad_() for x in own]
    named = {"is_causal": "causal", "enable_gqa": "gqa"}
    y = attention(*own, mask, p, rng=DRAW, **options)
    assert is_in_the_node(y)
    wide_mask = mask.double() if mask is not None and mask.is_floating_point() else mask
    options = {named.get(name, name): value for name, value in options.items()}
    z = all_weights(*wide, wide_mask, DRAW, p, **options)
    dy = heads(*z.shape, seed=1)
    found = (y, *torch.autograd.grad(y, own, dy.float()))
    wanted = (z, *torch.autograd.grad(z, wide, dy))
    torch.testing.assert_close(found, tuple(x.float() for x in wanted), rtol=1e-5, atol=close)


def masks_of(queries, keys):
    some = heads(queries, keys) > 0
    return {
        "bools": some,
        "bools of a batch": torch.ones(2, 1, 1, keys, dtype=torch.bool).tril(keys - 9),
        "a row that sees nothing": some & (torch.arange(queries) % 5 > 0)[:, None],
        "numbers": heads(queries, keys),
        "numbers of a head": heads(4, queries, keys),
        "numbers of all": heads(2, 4, queries, keys),
        "numbers of a row": heads(queries, 1),
        "numbers, transposed": heads(keys, queries).T,
        "infinity": torch.zeros(queries, keys).masked_fill(~some, -torch.inf),
        "the least number": torch.zeros(queries, keys).masked_fill(~some, torch.finfo().min),
        "the least number in whole rows": torch.full((queries, 1), torch.finfo().min),
    }


@pytest.mark.parametrize("size", SIZES)
def test_the_plain_form_s_results(size):
    check(*given(*size))
    check(*given(*size), is_causal=True)
    check(*given(*size, of_keys=2), is_causal=True, enable_gqa=True)
    check(*given(*size), scale=-0.3)
    check(*given(*size), scale=-0.3, is_causal=True)


@pytest.mark.parametrize("name", masks_of(1, 1))
@pytest.mark.parametrize("size", [(43, 40), (150, 1100)])
def test_masks(name, size):
    check(*given(*size), masks_of(*size)[name])


@pytest.mark.parametrize("mask", [None, heads(2, 4, 43, 40), heads(2, 1, 43, 40)])
def test_queries_that_share_heads(mask):
    check(*given(43, 40, of_keys=1), mask, enable_gqa=True)
    check(*given(43, 40, of_keys=2), mask, enable_gqa=True)


@pytest.mark.parametrize("size", [(43, 40), (128, 512)])
def test_any_strides(size):
    q, k, v = given(*size)
    check(q[0], k[0], v[0])
    check(q[0, 0], k[0, 0], v[0, 0], heads(*size))
    check(*(x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)))
    check(*(x.mT.contiguous().mT for x in (q, k, v)))
    check(q[..., ::2], k[..., ::2], v[..., 1::3])
    check(q[:, :, :1].expand_as(q), k[:, :1].expand_as(k), v[..., :1].expand_as(v))


def test_a_gradient_of_one_number_for_all():
    own = [x.float().requires_grad_() for x in given(43, 40)]
    y = attention(*own, None, 0.3, rng=DRAW)
    one = torch.autograd.grad(y.sum(), own, retain_graph=True)
    all_ones = torch.autograd.grad(y, own, torch.ones_like(y))
    torch.testing.assert_close(one, all_ones)


@pytest.mark.parametrize("size", [(43, 40), (33, 1100), (16, 16)])
@pytest.mark.parametrize("causal", [False, True])
def test_the_mask_is_that_of_dropout_to_the_bit(size, causal):
    queries, keys = size
    same = torch.zeros(2, 3, queries, 4), torch.zeros(2, 3, keys, 4)
    y = attention(*same, torch.eye(keys).expand(2, 3, -1, -1), None, 0.4, causal, rng=DRAW)
    kept = dropout(torch.ones(2, 3, queries, keys), 0.4, True, rng=DRAW) != 0
    seen = torch.ones(queries, keys, dtype=torch.bool)
    assert torch.equal(y != 0, kept & (seen.tril() if causal else seen))


def test_decisions_of_more_keys_than_are_decided_at_a_time():
    queries, keys = 5, 4200
    same = torch.zeros(2, 3, queries, 4), torch.zeros(2, 3, keys, 4)
    y = attention(*same, torch.eye(keys).expand(2, 3, -1, -1), None, 0.4, rng=DRAW)
    assert torch.equal(y != 0, dropout(torch.ones(2, 3, queries, keys), 0.4, True, rng=DRAW) != 0)


def test_weights_to_a_few_units_in_the_last_place():
    # Weights of all sizes, down to the least normal numbers, with the identity as v.
    keys = 500
    scores = torch.linspace(-84, 0, keys)
    one, v = torch.ones(1, 1, 1, 1), torch.eye(keys)[None, None]
    w = attention(one, scores[None, None, :, None], v, None, 1e-9, scale=1.0, rng=DRAW).squeeze()
    exact = torch.softmax(scores.double(), -1)
    assert (w / exact - 1).abs().max() <= 5e-7


def test_scores_that_are_too_small_give_exactly_0():
    scores = torch.tensor([-torch.inf, -1e30, -104.0, -88.0, 0.0])
    one, v = torch.ones(1, 1, 1, 1), torch.eye(5)[None, None]
    w = attention(one, scores[None, None, :, None], v, None, 1e-9, scale=1.0, rng=DRAW).squeeze()
    assert w.tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("p", [1e-9, 0.5, 0.999])
def test_any_p(p):
    check(*given(43, 40), p=p)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_dtypes_that_are_computed_in_float32(dtype):
    y = assert_rounded_from_float64(dtype, given(150, 40), DRAW)
    assert is_in_the_node(y)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("size", [(43, 40), (20, 600)])
def test_what_is_not_finite(which, value, causal, size):
    own = [x.float() for x in given(*size)]
    own[which][0, 1, -1, 2] = value
    y = attention(*own, None, 0.3, causal, rng=DRAW)
    z = all_weights(*(x.double() for x in own), None, DRAW, causal=causal).float()
    torch.testing.assert_close(y, z, equal_nan=True, rtol=1e-5, atol=2e-5)


def test_scores_that_are_far_apart():
    q, k, v = given(43, 600)
    check(q * 30, k, v, close=1e-3)
    check(q, k.cumsum(-2), v, close=1e-3)  # the greatest score of a row changes from block to block


@pytest.mark.parametrize("of", [0, 1, 2])
def test_a_gradient_of_one(of):
    own = [x.float() for x in given(150, 600)]
    own[of].requires_grad_()
    y = attention(*own, None, 0.3, rng=DRAW)
    z = all_weights(*own, None, DRAW)
    (a,), (b,) = (torch.autograd.grad(each.square().sum(), own[of]) for each in (y, z))
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_what_the_node_does_not_take():
    q, k, v = given(43, 40)
    own = [x.float().requires_grad_() for x in (q, k, v)]
    mask = heads(43, 40).float().requires_grad_()
    assert not is_in_the_node(attention(q.requires_grad_(), k, v, None, 0.3))
    assert not is_in_the_node(attention(*own, None, 1.0))
    assert not is_in_the_node(attention(*own, mask, 0.3))
    assert is_in_the_node(attention(*own, mask.detach(), 0.3))
    paths.use("function")
    assert not is_in_the_node(attention(*own, None, 0.3))


def test_a_mask_that_needs_no_gradient_now():
    own = [x.float() for x in given(43, 40)]
    mask = heads(43, 40).float()
    expected = paths.attention(*own, mask, 0.3, False, None, False, source_of(DRAW))
    with torch.no_grad():
        mask.requires_grad_()
        found = paths.attention(*own, mask, 0.3, False, None, False, source_of(DRAW))
    assert torch.equal(found, expected)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (16, 16)])
def test_small_calls_are_in_the_node(size):
    """Also those with fewer weights than a block has rows."""
    own = [x.float()[:1, :1].requires_grad_() for x in given(*size)]
    assert is_in_the_node(attention(*own, None, 0.3))


def test_threads_give_the_same():
    own = [x.float().requires_grad_() for x in given(300, 600)]
    dy, before, found = heads(2, 4, 300, 5).float(), torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        y = attention(*own, None, 0.3, rng=DRAW)
        found.append((y, *torch.autograd.grad(y, own, dy)))
    torch.set_num_threads(before)
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)
    torch.testing.assert_close(found[2], found[0], rtol=0, atol=0)


def test_many_callers_at_once():
    own = [x.float() for x in given(150, 600)]
    expected, found = attention(*own, None, 0.3, rng=DRAW), {}

    def call(number):
        found[number] = attention(*own, None, 0.3, rng=DRAW)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[number], expected) for number in range(4))


@pytest.mark.parametrize("name", masks_of(1, 1))
def test_installed_attention_is_the_same(name):
    own = [x.float().requires_grad_() for x in given(43, 40)]
    mask = masks_of(43, 40)[name]
    mask = mask.float() if mask.is_floating_point() else mask
    torch.manual_seed(SEED)
    ours = attention(*own, mask, 0.3)
    torch.manual_seed(SEED)
    with installed():
        theirs = F.scaled_dot_product_attention(*own, mask, 0.3)
    assert is_in_the_node(theirs)
    assert torch.equal(ours, theirs)


def test_a_converted_module_is_computed_by_the_node():
    module, x, padding = padded_attention(40)
    torch.manual_seed(SEED)
    y, _ = module(x, x, x, key_padding_mask=padding)
    with mock.patch.object(paths, "attention", side_effect=paths.attention) as called:
        torch.manual_seed(SEED)
        z, _ = module(x, x, x, key_padding_mask=padding, need_weights=False)
    assert called.called
    assert paths.attention(*called.call_args.args) is not None
    torch.testing.assert_close(y, z)


def test_the_blocks_in_python_agree():
    own = [x.float() for x in given(300, 600)]
    call = blocks.Call(0.4, True, 0.3, DRAW)
    torch.testing.assert_close(
        attention(*own, None, 0.3, True, scale=0.4, rng=DRAW),
        blocks.attention(*own, None, call),
        rtol=1e-5,
        atol=2e-5,
    )
