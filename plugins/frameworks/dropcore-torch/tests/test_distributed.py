"""`dropcore_torch.distributed` in one process: parts of tensors, blocks, checkpoints, bad calls."""

import doctest
import itertools

import numpy as np
import pytest
import torch
from dropcore_torch import Dropout, Dropout2d, distributed, functional, runs
from dropcore_torch.functional import attention
from expected import array_of, core, same_bits
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.checkpoint import checkpoint

import dropcore

pytestmark = pytest.mark.usefixtures("path", "as_before")

DRAW = dropcore.Stream(42, path=("alone",)).at(3)
OF_JIT = r"ignore:.*torch\.jit:DeprecationWarning"
HOWS = [
    {},
    {"shared_axes": 0},
    {"shared_axes": (-1,)},
    {"variant": "alpha"},
    {"variant": "spatial", "channel_axis": 0, "batch_axis": None},
    {"variant": "droppath"},
    {"variant": "exactcount"},
]


def values(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# ------------------------------------------------------------------ parts of a tensor


@st.composite
def places(draw, length):
    """What a rank has of an axis: an offset and a length, or ranges in any order."""
    if draw(st.booleans()):
        start = draw(st.integers(0, length))
        stop = draw(st.integers(start, length))
        return start, list(range(start, stop))
    ranges = []
    for _ in range(draw(st.integers(0, 3))):
        start, stop = draw(st.integers(0, length)), draw(st.integers(0, length))
        ranges.append(range(min(start, stop), max(start, stop), draw(st.integers(1, 3))))
    return ranges, [place for each in ranges for place in each]


@st.composite
def parts(draw):
    shape = tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=4)))
    return shape, [draw(places(length)) for length in shape]


@settings(max_examples=150, deadline=None)
@given(
    parts(),
    st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    st.sampled_from(HOWS),
    st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    st.booleans(),
)
def test_any_part_is_that_of_the_whole(part, p, how, dtype, turned):
    shape, where = part
    assume(len(shape) > 1 or how.get("variant") != "spatial")
    x, dy = values(shape).to(dtype), values(shape, 1).to(dtype)
    y, mask = core(x, p, DRAW, **how)
    dx = mask.backward(array_of(dy))
    mine = np.ix_(*(np.array(own, int) for _, own in where))
    own = x[tuple(map(torch.from_numpy, mine))]
    if turned:  # other strides, and gaps
        own = torch.stack([own, own], 1).transpose(0, -1).contiguous().transpose(0, -1)[:, 0]
    own.requires_grad_()
    shard = (shape, tuple(offset for offset, _ in where))
    ours = distributed.dropout(own, p, training=True, rng=DRAW, shard=shard, **how)
    assert same_bits(ours, y[mine])
    ours.backward(dy[tuple(map(torch.from_numpy, mine))])
    assert same_bits(own.grad, dx[mine])


def test_what_is_said_of_a_block_holds_for_each_call_in_it():
    x = values((6, 4, 5, 3))
    modules = [Dropout(0.5, rng=1), Dropout2d(0.5, rng=2), Dropout(0.0, rng=3), Dropout(0.3)]
    with distributed.global_mask(DRAW):
        whole = [module(x) for module in modules]
    with distributed.global_mask(DRAW, {0: (6, [range(1, 3), range(5, 6)])}):
        part = [module(x[[1, 2, 5]]) for module in modules]
    for expected, found in zip(whole, part, strict=True):
        assert same_bits(found, array_of(expected[[1, 2, 5]]))
    assert part[2] is not part[0]


def test_parts_of_parts():
    """A cut within a block, with the axis of the block, another one, and without it."""
    x = values((6, 8, 4))
    with distributed.global_mask(DRAW):
        whole = [functional.dropout(x, 0.5, True) for _ in range(4)]
    with distributed.global_mask(DRAW, {0: (6, 2)}):
        found = [functional.dropout(x[2:5], 0.5, True)]
        with distributed.cut({-2: (8, 3)}):
            found.append(functional.dropout(x[2:5, 3:7], 0.5, True))
            with distributed.cut({0: None}):
                found.append(functional.dropout(x[:, 3:7], 0.5, True))
        found.append(functional.dropout(x[2:5], 0.5, True))
    expected = [whole[0][2:5], whole[1][2:5, 3:7], whole[2][:, 3:7], whole[3][2:5]]
    for ours, right in zip(found, expected, strict=True):
        assert same_bits(ours, array_of(right))


@pytest.mark.parametrize("width", [16, 520])  # which would go by blocks of queries
def test_attention_of_some_heads(width):
    q, k, v = values((3, 2, 4, width, 8)).unbind()
    with distributed.global_mask(DRAW):
        whole = attention(q, k, v, dropout_p=0.5, is_causal=True)
    with distributed.global_mask(DRAW, {1: (4, 1)}):
        heads = attention(q[:, 1:3], k[:, 1:3], v[:, 1:3], dropout_p=0.5, is_causal=True)
    torch.testing.assert_close(heads, whole[:, 1:3], rtol=1e-4, atol=1e-5)


def test_inplace():
    x = values((6, 4))
    whole = distributed.dropout(x, 0.5, training=True, rng=DRAW)
    part = x[2:].clone()
    y = distributed.dropout(part, 0.5, True, True, rng=DRAW, shard=((6, 4), (2, 0)))
    assert y is part
    assert same_bits(part, array_of(whole[2:]))


def test_inference_gives_the_input():
    x = values((6, 4))
    assert distributed.dropout(x, 0.5, training=False, rng=DRAW, shard=((9, 4), (1, 0))) is x
    with distributed.global_mask(DRAW, {0: (9, 1)}):
        assert Dropout(0.5).eval()(x) is x


@pytest.mark.filterwarnings(OF_JIT)
def test_forward_mode_and_second_derivatives():
    x, tangent = values((4, 5)), values((4, 5), 1)
    how = {"rng": DRAW, "shard": ((9, 5), ([range(0, 2), range(6, 8)], 0))}

    def drop(x):
        return distributed.dropout(x, 0.5, True, **how)

    scale = drop(torch.ones(4, 5))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, tangent)
        moved = torch.autograd.forward_ad.unpack_dual(drop(dual)).tangent
    assert torch.equal(moved, scale * tangent)
    assert torch.autograd.gradgradcheck(drop, x.double().requires_grad_())


def test_nothing_is_kept_but_the_draw():
    x, kept = values((64, 64)).requires_grad_(), []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda x: x):
        distributed.dropout(x, 0.5, True, rng=DRAW, shard=((99, 64), (1, 0)))
    assert kept == []


# -------------------------------------------------------------------------- the blocks


def test_a_block_gives_the_generator_back():
    torch.manual_seed(5)
    expected = torch.rand(3), torch.rand(3)
    torch.manual_seed(5)
    first = torch.rand(3)
    with distributed.global_mask(DRAW):
        Dropout(0.5)(torch.ones(100))
        torch.rand(100)
    assert torch.equal(torch.stack([first, torch.rand(3)]), torch.stack(expected))
    with pytest.raises(ZeroDivisionError), distributed.rank_masks(DRAW, 1):
        raise ZeroDivisionError
    assert torch.initial_seed() == 5


def test_other_draws_give_other_masks_and_layers_differ():
    masks = []
    for step, name in itertools.product(range(4), ["a", "b"]):
        layer = Dropout(0.5, rng=dropcore.Stream(1).child(name))
        with distributed.global_mask(dropcore.Stream(1).at(step)):
            masks += [layer(torch.ones(200)), layer(torch.ones(200))]
    assert len({mask.numpy().tobytes() for mask in masks}) == 16


def test_a_block_in_a_block():
    layer, x = Dropout(0.5), torch.ones(6, 9)
    with distributed.global_mask(DRAW):
        expected = layer(x), layer(x)
    with distributed.global_mask(DRAW):
        found = [layer(x)]
        with distributed.rank_masks(DRAW, 3):
            assert not torch.equal(layer(x), expected[0])
        found.append(layer(x))
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_computes_again_after_the_block(reentrant):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 6), Dropout(0.5, rng=1), nn.Linear(6, 6), Dropout(0.5))
    gradients = []
    for through in (True, False):
        x = values((5, 6)).requires_grad_()
        model.zero_grad()
        with distributed.global_mask(DRAW, {0: (40, [range(3, 6), range(20, 22)])}):
            y = checkpoint(model, x, use_reentrant=reentrant) if through else model(x)
        Dropout(0.5)(torch.ones(3))  # something else in between
        with distributed.global_mask(dropcore.Stream(9).at(0), {1: (50, 2)}):
            y.backward(values((5, 6), 1))  # and within another block
        gradients.append((y.detach(), x.grad, model[0].weight.grad.clone()))
    assert all(map(torch.equal, *gradients))


@pytest.mark.filterwarnings(OF_JIT)
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_block_that_places_nothing_leaves_later_graphs_whole(backend):
    torch._dynamo.reset()
    with distributed.global_mask(DRAW):
        functional.dropout(torch.ones(4), 0.5, True)
    x = values((6, 4))
    step = torch.compile(
        lambda x, draw: functional.dropout(x, 0.5, True, rng=draw), backend=backend, fullgraph=True
    )
    for index in range(4):
        draw = dropcore.Stream(42).at(index)
        assert torch.equal(step(x, draw), functional.dropout(x, 0.5, True, rng=draw))
    layer = Dropout(0.5, rng=DRAW)
    assert torch.equal(torch.compile(layer, backend=backend, fullgraph=True)(x), layer(x))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_compiled():
    torch._dynamo.reset()
    layer = Dropout(0.5, rng=1)
    model = nn.Sequential(nn.Linear(6, 6), layer)
    fast = torch.compile(model, backend="eager")
    x = values((9, 6))
    torch.manual_seed(0)
    before = fast(x)  # compiled before there was a block
    torch.manual_seed(0)
    assert torch.equal(model(x), before)
    with distributed.global_mask(DRAW):
        whole = model(x)
    with distributed.global_mask(DRAW, {0: (9, 2)}):
        assert torch.equal(fast(x[2:5]) != 0, whole[2:5] != 0)
    torch.manual_seed(0)
    for rng in (DRAW, dropcore.Stream(3)):  # and outside of a block again
        torch.manual_seed(0)
        y = torch.compile(functional.dropout, backend="eager")(x, 0.5, True, rng=rng)
        torch.manual_seed(0)
        assert torch.equal(y, functional.dropout(x, 0.5, True, rng=rng))
    torch._dynamo.reset()
    with distributed.global_mask(DRAW, {0: (9, 2)}), pytest.raises(Exception, match="global_mask"):
        torch.compile(layer, backend="eager", fullgraph=True)(x[2:5])
    torch._dynamo.reset()


# ------------------------------------------------------------------------- bad calls


@pytest.mark.parametrize("rng", [dropcore.Stream(1), 1, None, np.random.default_rng(0)])
def test_what_may_differ_between_ranks_is_no_draw(rng):
    message = "must be a Draw, not .*: pass the same Draw on all ranks"
    with pytest.raises(TypeError, match=f"^draw {message}"):
        distributed.global_mask(rng)
    with pytest.raises(TypeError, match=f"^draw {message}"):
        distributed.rank_masks(rng, 0)
    with pytest.raises(TypeError, match=f"^rng {message}"):
        distributed.dropout(torch.ones(3), 0.5, True, rng=rng)


X = torch.ones(4, 6)


@pytest.mark.parametrize(
    ("shard", "error", "message"),
    [
        (((4, 6), (0,)), ValueError, "shard must be .*each for 2 axes"),
        (((4, 6, 1), (0, 0, 0)), ValueError, "shard must be .*each for 2 axes"),
        ((4, 6), TypeError, "shard must be"),
        ([(4, 6), (0, 0)], TypeError, "shard must be"),
        (((4, 6), (-1, 0)), ValueError, r"offsets in \[0, 4\], not -1"),
        (((4, 6), (1, 0)), ValueError, "it has 4 elements from offset 1, and the whole axis has 4"),
        (((3, 6), (0, 0)), ValueError, "it has 4 elements from offset 0, and the whole axis has 3"),
        (((8, 6), ([range(3)], 0)), ValueError, "it has 4, and the ranges have 3"),
        (((8, 6), ([range(6, 10)], 0)), ValueError, r"places in \[0, 8\)"),
        (((8, 6), ([range(-1, 3)], 0)), ValueError, r"places in \[0, 8\)"),
        (((8, 6), ([0, 1, 2, 3], 0)), TypeError, "an offset, a range, or a list of ranges"),
        (((8, 6), (0.5, 0)), TypeError, "an offset, a range, or a list of ranges"),
        (((8, True), (0, 0)), TypeError, "integers for lengths"),
        (((-8, 6), (0, 0)), ValueError, "lengths >= 0"),
        (((2**62, 6), (0, 0)), ValueError, r"2\*\*63"),
    ],
)
def test_shards_that_do_not_fit(shard, error, message):
    with pytest.raises(error, match=message):
        distributed.dropout(X, 0.5, True, rng=DRAW, shard=shard)


@pytest.mark.parametrize(
    ("axes", "error", "message"),
    [
        ([0], TypeError, "axes must map axes"),
        ({0: 4}, TypeError, "axes must map axes"),
        ({"0": (4, 0)}, TypeError, "integers for axes"),
        ({0: (4, 5)}, ValueError, "offsets in"),
        ({2: (4, 0)}, ValueError, "axes of input, which has 2, not axis 2"),
        ({0: (9, 0), -2: (9, 0)}, ValueError, "each axis once, not axis 0 twice"),
        ({0: (9, [range(3)])}, ValueError, "an element for each place along axis 0"),
    ],
)
def test_axes_that_do_not_fit(axes, error, message):
    with pytest.raises(error, match=message), distributed.global_mask(DRAW, axes):
        Dropout(0.5)(X)
    with (
        pytest.raises(error, match=message),
        distributed.global_mask(DRAW),
        distributed.cut(axes),
    ):
        Dropout(0.5)(X)


def test_ranks_that_are_none():
    with pytest.raises(ValueError, match=r"rank must be given if torch\.distributed"):
        distributed.rank_masks(DRAW)
    with pytest.raises(ValueError, match="not -1"):
        distributed.rank_masks(DRAW, -1)
    with pytest.raises(TypeError, match="not True"):
        distributed.rank_masks(DRAW, True)


def test_a_seed_in_a_block_is_refused():
    with distributed.global_mask(DRAW):
        Dropout(0.5)(X)
        torch.manual_seed(0)
        with pytest.raises(RuntimeError, match=r"torch\.manual_seed was called in the block"):
            Dropout(0.5)(X)
    Dropout(0.5)(X)


@pytest.mark.filterwarnings(OF_JIT)
def test_what_has_no_parts():
    with distributed.global_mask(DRAW, {0: (9, 0)}):
        with pytest.raises(TypeError, match="not 'gaussian', which may need"):
            functional.dropout(X, 0.5, True, variant="gaussian")
        with pytest.raises(NotImplementedError, match=r"torch\.func"):
            torch.func.grad(lambda x: Dropout(0.5)(x).sum())(X)
        with pytest.raises(NotImplementedError, match=r"torch\.func"):
            torch.jit.trace(lambda x: functional.dropout(x, 0.5, True), X)
        with pytest.raises(NotImplementedError, match="a plain tensor on the CPU"):
            Dropout(0.5)(X.to("meta"))
        with pytest.raises(TypeError, match="float32, float64, float16 or bfloat16"):
            functional.dropout(X.long(), 0.5, True)
        y = Dropout(0.5)(X.clone().requires_grad_())
        with pytest.raises(NotImplementedError, match="one at a time, not in batches"):
            torch.autograd.grad(
                y,
                y.grad_fn.next_functions[0][0].variable,
                torch.ones(2, 4, 6),
                is_grads_batched=True,
            )


# ------------------------------------------------------------------- runs of places


def test_chunks_are_those_of_torch():
    for length, parts in itertools.product(range(20), range(1, 9)):
        found = [
            [
                place
                for start, stop in runs.chunk(((0, length),), parts, part)
                for place in range(start, stop)
            ]
            for part in range(parts)
        ]
        expected = [each.tolist() for each in torch.arange(length).chunk(parts)]
        assert [each for each in found if each] == [each for each in expected if each]


@pytest.mark.parametrize("module", [distributed])
def test_the_docstrings(module):
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)
