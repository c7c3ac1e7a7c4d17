"""`convert` changes only the masks: PyTorch's module is compared with the converted one."""

import copy
import itertools
import warnings

import numpy as np
import pytest
import torch
from dropcore_torch import convert
from expected import SEED
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils import _pytree as pytree

KINDS = [
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
]
SIZES = (4, 3, 5, 2, 3, 2)
PLACES = ["detached", "leaf", "inner"]  # of the input, in autograd's graph
HOOKS = ["none", "forward", "full backward"]

pytestmark = [
    pytest.mark.usefixtures("path"),
    pytest.mark.filterwarnings("ignore:dropout.d. Received"),
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN"),
]


def both(plain):
    ours = copy.deepcopy(plain)
    convert(ours, rng=1)
    return plain, ours


def called(function):
    """The result of a call, or its exception, and its warnings."""
    torch.manual_seed(SEED)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            y, error = function(), None
        except Exception as raised:
            y, error = None, (type(raised), str(raised))
    return y, {
        "raises": error,
        "warns": [
            (each.category, str(each.message))
            for each in caught
            if "Triggered internally" not in str(each.message)  # comes once in a process
        ],
    }


def hooked(module, hook, seen):
    """The module with a hook that records the arguments of the hook."""
    if hook == "forward":
        return module.register_forward_hook(lambda _, args, y: seen.append(y is args[0]))
    if hook == "full backward":
        return module.register_full_backward_hook(
            lambda _, dx, dy: seen.append([each and each.shape for each in (*dx, *dy)])
        )
    return module.register_forward_pre_hook(lambda _, args: seen.append(len(args)))


# --------------------------------------------------------------- the six dropout modules


def facts_of_step(module, shape, place, hook):
    """All that a caller can see of one training step through a module, except the values."""
    seen = []
    handle = hooked(module, hook, seen)
    leaf = torch.rand(shape).add_(1).requires_grad_(place != "detached")
    x = leaf * 1 if place == "inner" else leaf
    before, address = x.detach().clone(), x.data_ptr()
    y, facts = called(lambda: module(x))
    if y is not None:
        facts |= {
            "shape": (y.shape, y.dtype, y.stride()),
            "it is the input": y is x,
            "it is in the input's memory": y.data_ptr() == address,
            "it has history": (y.requires_grad, y.is_leaf),
        }
    facts["the input is written to"] = not torch.equal(x, before)
    if y is not None and y.requires_grad:
        h, facts["residual"] = called(lambda: x - y)
        facts["residual is nothing"] = h is not None and bool((h == 0).all())
        _, facts["backward"] = called(lambda: h.sum().backward())
        facts["gradient"] = leaf.grad is None or (leaf.grad.shape, leaf.grad.stride())
    handle.remove()
    return facts | {"hooks saw": seen}


@pytest.mark.parametrize("rank", range(7))
@pytest.mark.parametrize("kind", KINDS)
def test_a_dropout_module_does_all_that_pytorch_s_does(kind, rank):
    shapes = [SIZES[:rank], *([(0, *SIZES[1:rank])] if rank else [])]
    for shape, p, inplace, training in itertools.product(
        shapes, [0.0, 0.5, 1.0], [False, True], [True, False]
    ):
        plain, ours = both(kind(p, inplace).train(training))
        for place, hook in itertools.product(PLACES, HOOKS):
            one, other = (facts_of_step(module, shape, place, hook) for module in (plain, ours))
            assert one == other, (shape, p, inplace, training, place, hook)


def shared_axes(module, shape):
    """The axes along which all masks of some draws are constant; None if the module raises."""
    torch.manual_seed(SEED)
    shared = set(range(len(shape)))
    for _ in range(8):
        try:
            y = module(torch.ones(shape))
        except RuntimeError:
            return None
        shared = {axis for axis in shared if (y == y.narrow(axis, 0, 1)).all()}
    return shared


@pytest.mark.parametrize("rank", range(7))
@pytest.mark.parametrize("kind", KINDS)
def test_a_dropout_module_shares_the_axes_that_pytorch_s_shares(kind, rank):
    plain, ours = both(kind(0.5))
    assert shared_axes(plain, SIZES[:rank]) == shared_axes(ours, SIZES[:rank])


LAYOUTS = {
    "transposed": lambda x: x.transpose(1, 3),
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "a slice": lambda x: x[..., ::2],
    "expanded": lambda x: x[:1].expand_as(x),
    "of one number": lambda x: x[0, 0, 0, 0].expand_as(x),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", [each for each in KINDS if each not in (nn.Dropout1d,)])
def test_a_dropout_module_gives_pytorch_s_strides(kind, layout):
    for inplace, training in itertools.product([False, True], [True, False]):
        plain, ours = both(kind(0.5, inplace).train(training))
        facts = []
        for module in plain, ours:
            x = LAYOUTS[layout](torch.ones(4, 3, 6, 4))
            y, seen = called(lambda module=module, x=x: module(x))
            facts.append((seen, None if y is None else (y.stride(), y is x)))
        assert facts[0] == facts[1]


PS = [float("nan"), -0.1, 1.5, "a", None, [0.3], 1j, False, 0, 1, np.float64(0.3), np.float32(0.3)]


@pytest.mark.parametrize("p", PS, ids=repr)
@pytest.mark.parametrize("kind", KINDS)
def test_a_dropout_module_takes_and_refuses_what_pytorch_s_does_for_p(kind, p):
    for training in (True, False):
        plain, ours = both(kind(0.5).train(training))
        plain.p = ours.p = p
        facts = [called(lambda module=m: module(torch.ones(3, 4, 2)))[1] for m in (plain, ours)]
        if isinstance(p, float | int):
            assert facts[0] == facts[1]
        for each in facts:
            each["raises"] = each["raises"] and each["raises"][0]
        assert facts[0] == facts[1]


# --------------------------------------------------------- attention and recurrent layers


def facts_of_layer(layer, x, call, hook="none"):
    """All that a caller can see of one step through a layer, except the values."""
    seen = []
    handle = hooked(layer, hook, seen)
    before = x.detach().clone()
    out, facts = called(lambda: call(layer, x))
    tensors = [each for each in pytree.tree_leaves(out) if each is not None]
    facts["outputs"] = [
        (each.shape, each.dtype, each.stride(), each.requires_grad) for each in tensors
    ]
    if tensors and tensors[0].requires_grad:
        layer.zero_grad()
        _, facts["backward"] = called(lambda: tensors[0].square().sum().backward())
        facts["gradients"] = [
            None if each.grad is None else (each.grad.shape, each.grad.is_contiguous())
            for each in (x, *layer.parameters())
        ]
    handle.remove()
    return facts | {"hooks saw": seen, "input kept": torch.equal(x, before)}, tensors


def assert_alike(plain, x, call, hook="none"):
    drops = plain.training and plain.dropout > 0
    plain, ours = both(plain)
    (one, ys), (other, zs) = (facts_of_layer(layer, x, call, hook) for layer in (plain, ours))
    assert one == other
    if not drops:
        assert all(map(torch.equal, ys, zs))


ATTENTIONS = [{}, {"kdim": 3, "vdim": 7}, {"add_bias_kv": True, "add_zero_attn": True}]


@pytest.mark.parametrize("options", ATTENTIONS)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("sizes", [(3, 4, 5), (3, 4, 1), (1, 4, 5), (1, 1, 1), (None, 4, 5)])
def test_attention_does_all_that_pytorch_s_does(sizes, batch_first, options):
    samples, places, keys = sizes
    widths = options.get("kdim", 8), options.get("vdim", 8)
    x = torch.randn(samples or 1, places, 8)
    k, v = (torch.randn(samples or 1, keys, width) for width in widths)
    if samples is None:
        x, k, v = x[0], k[0], v[0]
    elif not batch_first:
        x, k, v = (each.transpose(0, 1) for each in (x, k, v))
    x = x.detach().requires_grad_()
    for p, training, (weights, average) in itertools.product(
        [0.0, 0.5], [True, False], [(True, True), (True, False), (False, True)]
    ):
        layer = nn.MultiheadAttention(8, 2, dropout=p, batch_first=batch_first, **options)
        assert_alike(
            layer.train(training),
            x,
            lambda m, x: m(x, k, v, need_weights=weights, average_attn_weights=average),  # noqa: B023
        )


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("training", [True, False])
def test_attention_with_hooks_and_masks(training, hook):
    masks = {
        "attn_mask": torch.ones(5, 5).tril().eq(0),
        "key_padding_mask": torch.zeros(3, 5),  # of another kind, which PyTorch warns of
    }
    x = torch.randn(3, 5, 8, requires_grad=True)
    layer = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True).train(training)
    for options in ({}, masks, {"is_causal": True}):
        assert_alike(layer, x, lambda m, x: m(x, x, x, **options), hook)  # noqa: B023


def test_attention_s_output_can_be_viewed_as_pytorch_s():
    x = torch.randn(4, 3, 8)
    _, ours = both(nn.MultiheadAttention(8, 2, dropout=0.5))
    for need_weights in (True, False):
        assert ours(x, x, x, need_weights=need_weights)[0].view(12, 8).shape == (12, 8)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize(
    ("kind", "options"),
    [(nn.LSTM, {}), (nn.LSTM, {"proj_size": 2}), (nn.GRU, {}), (nn.RNN, {"nonlinearity": "relu"})],
)
def test_recurrent_layers_do_all_that_pytorch_s_do(kind, options, batch_first, bidirectional):
    options = options | {"batch_first": batch_first, "bidirectional": bidirectional}
    inputs = [torch.randn(shape) for shape in ((6, 3, 4), (3, 1, 4), (6, 4), (4,))]
    inputs = [x.requires_grad_() for x in inputs] + [torch.randn(6, 3, 8)[..., ::2]]
    for p, training in [(0.5, True), (0.5, False), (0.0, True)]:
        layer = kind(4, 5, 2, dropout=p, **options).train(training)
        for x in inputs:
            assert_alike(layer, x, lambda m, x: m(x))
        for hook in HOOKS[1:]:
            assert_alike(layer, inputs[0], lambda m, x: m(x), hook)
        for lengths in ([6, 3, 2], [2, 6, 3]):
            assert_alike(
                layer,
                inputs[0] if not batch_first else inputs[0].detach().transpose(0, 1),
                lambda m, x: m(pack_padded_sequence(x, lengths, batch_first, False)),  # noqa: B023
            )


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_drop_the_same_whichever_axis_is_first(kind):
    _, ours = both(kind(4, 5, 3, dropout=0.5))
    x = torch.randn(6, 3, 4)
    torch.manual_seed(SEED)
    y, _ = ours(x)
    ours.batch_first = True
    torch.manual_seed(SEED)
    z, _ = ours(x.transpose(0, 1).contiguous())
    assert torch.allclose(y, z.transpose(0, 1), atol=1e-6)
