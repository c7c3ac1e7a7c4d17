import doctest
import importlib
import warnings

import numpy as np
import pytest
import torch
from dropcore_torch.functional import dropout
from expected import SEED, array_of, core, next_draw, same_bits

import dropcore

pytestmark = pytest.mark.usefixtures("path")

STREAM = dropcore.Stream(3)
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


def tensor(*shape, dtype=torch.float32, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return torch.from_numpy(values).to(dtype)


def layouts(x):
    """Tensors with the same elements and different memory layouts."""
    axes = tuple(range(x.dim() - 1, -1, -1))
    yield x
    yield x.permute(axes).contiguous().permute(axes)
    wide = x.new_full((*x.shape[:-1], 2 * x.shape[-1] + 1), torch.nan)
    wide[..., 1::2] = x
    yield wide[..., 1::2]


# ----------------------------------------------------------------- known answers


@pytest.mark.parametrize("p", [0, 1e-10, 0.1, 0.5, 0.75, 1])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 0, 2), (5, 6, 7), (70, 130)])
def test_forward_and_backward_are_the_core_s(shape, dtype, p):
    x = tensor(*shape, dtype=dtype).requires_grad_()
    dy = tensor(*shape, dtype=dtype, seed=1)
    y, mask = core(x, p, next_draw(STREAM))
    result = dropout(x, p, True, rng=STREAM)
    result.backward(dy)
    assert same_bits(result, y)
    assert same_bits(x.grad, mask.backward(array_of(dy)))
    assert result.is_contiguous()


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ("standard", {"shared_axes": (0, 2)}),
        ("standard", {"shared_axes": -1}),
        ("alpha", {}),
        ("alpha", {"shared_axes": 1, "fixed_mean": 0.5, "fixed_var": np.float64(2)}),
        ("spatial", {"channel_axis": 1}),
        (dropcore.get_variant("spatial", channel_axis=-1), {}),
    ],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_variants_are_the_core_s(variant, options, dtype):
    x = tensor(4, 5, 6, dtype=dtype).requires_grad_()
    dy = tensor(4, 5, 6, dtype=dtype, seed=1)
    y, mask = core(x, 0.4, next_draw(STREAM), variant=variant, **options)
    result = dropout(x, 0.4, True, rng=STREAM, variant=variant, **options)
    result.backward(dy)
    assert same_bits(result, y)
    assert same_bits(x.grad, mask.backward(array_of(dy)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("variant", ["standard", "alpha"])
def test_the_layout_of_memory_changes_no_decision(variant, dtype):
    x = tensor(3, 4, 5, 6, dtype=dtype)
    dy = tensor(3, 4, 5, 6, dtype=dtype, seed=1)
    y, mask = core(x, 0.3, next_draw(STREAM), variant=variant)
    for each in layouts(x):
        for upstream in layouts(dy):
            leaf = each.detach().requires_grad_()
            torch.manual_seed(SEED)
            result = dropout(leaf, 0.3, True, rng=STREAM, variant=variant)
            result.backward(upstream)
            assert same_bits(result, y)
            assert same_bits(leaf.grad, mask.backward(array_of(dy)))
            assert result.stride() == torch.empty_like(each).stride()


def test_channels_last_stays_channels_last():
    x = tensor(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert dropout(x, 0.5, True).is_contiguous(memory_format=torch.channels_last)
    large = torch.ones(2, 8, 300, 300).to(memory_format=torch.channels_last)
    y = dropout(large, 0.5, True, rng=next_draw(STREAM))
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert same_bits(y, core(large, 0.5, next_draw(STREAM))[0])


def test_an_expanded_tensor_and_an_expanded_gradient():
    x = tensor(1, 6).requires_grad_()
    y, mask = core(x.expand(5, 6), 0.5, next_draw(STREAM))
    result = dropout(x.expand(5, 6), 0.5, True, rng=STREAM)
    result.sum().backward()
    assert same_bits(result, y)
    np.testing.assert_array_equal(x.grad.numpy(), mask.backward(np.ones_like(y)).sum(0)[None])


def test_the_default_device_is_not_asked():
    x = torch.ones(1 << 20)
    y, _ = core(x, 0.5, next_draw(STREAM))
    with torch.device("meta"):
        assert same_bits(dropout(x, 0.5, True, rng=STREAM), y)
        assert dropout(x, 0.5, True, rng=STREAM.at(1), variant="alpha").device == x.device


def test_threads_of_the_core_change_no_bit():
    x = tensor(2100, 1000)
    y, _ = core(x, 0.1, next_draw(STREAM))
    with dropcore.num_threads(2):
        assert same_bits(dropout(x, 0.1, True, rng=STREAM), y)


# ------------------------------------------------------------------- randomness


def test_the_seed_of_pytorch_rules():
    x = torch.ones(64)
    torch.manual_seed(1)
    first, second = dropout(x, 0.5, True), dropout(x, 0.5, True)
    assert not torch.equal(first, second)
    torch.manual_seed(1)
    with torch.random.fork_rng():
        assert torch.equal(dropout(x, 0.5, True), first)
    assert torch.equal(dropout(x, 0.5, True), first)
    assert torch.equal(dropout(x, 0.5, True), second)


@pytest.mark.parametrize("p", [0, 0.5, 1])
@pytest.mark.parametrize("size", [0, 10])
@pytest.mark.parametrize("variant", ["standard", "alpha"])
def test_each_call_takes_one_integer_whatever_p(p, size, variant):
    torch.manual_seed(SEED)
    dropout(torch.ones(size), p, True, variant=variant)
    after = torch.rand(4)
    torch.manual_seed(SEED)
    torch.randint(2**63 - 1, ())
    assert torch.equal(after, torch.rand(4))


def test_inference_takes_nothing_and_gives_the_input_itself():
    x = torch.ones(5)
    torch.manual_seed(SEED)
    assert dropout(x, 0.5, False) is x
    assert dropout(x, 0.5, False, variant="alpha", inplace=True) is x
    after = torch.rand(4)
    torch.manual_seed(SEED)
    assert torch.equal(after, torch.rand(4))


def test_keys_are_independent_and_rng_fixes_the_key_alone():
    x = torch.ones(64)

    def run(rng):
        torch.manual_seed(SEED)
        return dropout(x, 0.5, True, rng=rng)

    one = run(dropcore.Stream(1))
    assert torch.equal(one, run(1))
    assert torch.equal(one, run(np.int64(1)))
    assert not torch.equal(one, run(2))
    assert not torch.equal(one, run(None))
    assert not torch.equal(one, run(dropcore.Stream(1).child("a")))
    stream = dropcore.Stream(np.random.SeedSequence(7))
    assert torch.equal(run(np.random.SeedSequence(7)), run(stream))
    assert stream.position == 0


@pytest.mark.parametrize("index", [0, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_draw_is_used_as_it_is(index):
    draw, x = STREAM.at(index), torch.ones(64)
    torch.manual_seed(SEED)
    for variant in "standard", "alpha":
        y = dropout(x, 0.5, True, rng=draw, variant=variant)
        assert same_bits(y, core(x, 0.5, draw, variant=variant)[0])
    after = torch.rand(4)
    torch.manual_seed(SEED)
    assert torch.equal(after, torch.rand(4))


# ------------------------------------------------------------------- hard cases


def test_what_is_dropped_is_zero_also_where_it_is_not_finite():
    x = torch.tensor([torch.inf, -torch.inf, torch.nan, -1.0] * 200, requires_grad=True)
    dy = torch.tensor([torch.nan, torch.inf, 1.0, -torch.inf] * 200)
    _, mask = core(x, 0.5, next_draw(STREAM))
    result = dropout(x, 0.5, True, rng=STREAM)
    result.backward(dy)
    dropped = torch.from_numpy(~mask.keep)
    for values in result.detach()[dropped], x.grad[dropped]:
        assert (values == 0).all()
        assert not torch.signbit(values).any()
    assert result[~dropped].isnan().any()


def test_whole_channels():
    x = torch.ones(64, 8, 5, 5, requires_grad=True)
    y = dropout(x, 0.5, True, shared_axes=(2, 3))
    y.sum().backward()
    per_channel = y.detach().amax((2, 3))
    assert torch.equal(y, per_channel[:, :, None, None].expand_as(y))
    assert torch.equal(x.grad, y)
    assert set(per_channel.unique().tolist()) == {0.0, 2.0}


def test_a_read_only_array_behind_a_tensor_is_not_written():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # once
        x = torch.from_numpy(array)
    y = dropout(x, 0.5, True, rng=STREAM.at(0))
    assert same_bits(y, core(x, 0.5, STREAM.at(0))[0])
    assert np.array_equal(array.ravel(), np.arange(12))


def test_a_tensor_that_is_negated_when_it_is_read():
    x = torch.tensor([[1 + 2j]] * 40).conj().imag
    assert x.is_neg()
    for each in x, x[:1]:  # a single element is contiguous
        y = dropout(each, 0, True)
        assert torch.equal(y, torch.full_like(y, -2))
    y = dropout(x, 0.5, True, rng=dropcore.Stream(1).at(2))
    assert dropout(x, 0.5, True, inplace=True, rng=dropcore.Stream(1).at(2)) is x
    assert torch.equal(x, y)


@pytest.mark.parametrize("variant", ["standard", "alpha"])
@pytest.mark.parametrize("contiguous", [True, False])
def test_in_place(variant, contiguous):
    leaf = tensor(6, 8).requires_grad_()
    x = leaf * 1 if contiguous else (leaf * 1).t()
    y, mask = core(x, 0.5, next_draw(STREAM), variant=variant)
    result = dropout(x, 0.5, True, inplace=True, rng=STREAM, variant=variant)
    assert result is x
    assert same_bits(x, y)
    x.sum().backward()
    gradient = mask.backward(np.ones_like(y))
    assert same_bits(leaf.grad, gradient if contiguous else gradient.T)


def test_in_place_is_refused_where_it_would_break_the_graph():
    leaf = torch.ones(4, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        dropout(leaf, 0.5, True, inplace=True)
    assert torch.equal(leaf.detach(), torch.ones(4))
    y = leaf.exp()  # the backward pass of exp needs y
    dropout(y, 0.5, True, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("variant", ["standard", "alpha"])
def test_in_place_is_seen_by_whoever_kept_the_tensor(variant):
    x, w = torch.ones(4), torch.ones(4, requires_grad=True)
    y = (x * w).sum()
    dropout(x, 0.5, True, inplace=True, variant=variant)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_in_place_is_refused_before_anything_is_written():
    leaf = torch.ones(8, requires_grad=True)
    parts = (leaf * 1).chunk(2)
    with torch.inference_mode():
        inferred = torch.ones(8)
    for x in (leaf.view(2, 4), parts[0], inferred):
        with pytest.raises(RuntimeError):
            dropout(x, 0.5, True, inplace=True)
        assert torch.equal(x.detach(), torch.ones_like(x))


# ------------------------------------------------------------------ other devices


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((4, 5), {}),
        ((4, 5, 6), {"shared_axes": -1}),
        ((4, 5, 6), {"shared_axes": (1, 2)}),
        ((4, 5), {"variant": "alpha"}),
        ((4, 5, 6), {"variant": "alpha", "shared_axes": 2}),
    ],
)
def test_other_devices_go_to_pytorch_s_own(shape, options, inplace):
    x = torch.ones(shape, device="meta")
    y = dropout(x, 0.5, True, inplace, **options)
    assert (y.device, y.shape) == (x.device, x.shape)
    assert (y is x) == inplace


@pytest.mark.parametrize(
    "options",
    [
        {"variant": "spatial", "channel_axis": 1},
        {"shared_axes": 0},
        {"variant": "alpha", "fixed_mean": 1.0},
    ],
)
def test_other_devices_have_not_all_variants(options):
    with pytest.raises(NotImplementedError, match="CPU"):
        dropout(torch.ones(2, 3, 4, device="meta"), 0.5, True, **options)


@pytest.mark.parametrize(
    "module", ["functional", "modules", "convert", "audit", "install", "source"]
)
def test_examples(module):
    found = importlib.import_module(f"dropcore_torch.{module}")
    failed, tried = doctest.testmod(found, optionflags=doctest.ELLIPSIS)
    assert not failed
    assert tried
