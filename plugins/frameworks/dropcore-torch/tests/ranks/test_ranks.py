"""One mask on many ranks: the results of N processes equal those of one process, to the bit."""

import re
import time

import numpy as np
import pytest
import torch
import work
from dropcore_torch import Dropout, convert, distributed
from expected import array_of, core, same_bits
from processes import Ranks
from work import DRAW, HIDDEN, SAMPLES, values

import dropcore

if not torch.distributed.is_available():
    pytest.skip("PyTorch without torch.distributed", allow_module_level=True)

WORLDS = (1, 2, 3, 4, 8)


@pytest.fixture(scope="module", params=WORLDS)
def ranks(request, tmp_path_factory):
    with Ranks(request.param, tmp_path_factory.mktemp("ranks")) as started:
        yield started


def alike(first, *others):
    """Whether tensors have the same bits."""
    return all(same_bits(other, array_of(first)) for other in others)


# --------------------------------------------------------------------------- DTensors

CUTS = [
    ((37, 50), 0.1, torch.float32, {}),
    ((5, 2), 0.5, torch.float64, {"shared_axes": 1}),  # with 8 ranks, some have no elements
    ((3, 9, 4), 0.3, torch.bfloat16, {"shared_axes": (0, 2)}),
    ((6, 4, 7), 0.5, torch.float16, {"variant": "alpha"}),
    ((4, 5, 6), 0.5, torch.float32, {"variant": "spatial", "channel_axis": 1}),
    ((8, 6), 0.5, torch.float32, {"variant": "droppath"}),
    ((12, 11), 0.5, torch.float32, {"variant": "exactcount"}),
]


@pytest.mark.parametrize(("shape", "p", "dtype", "how"), CUTS, ids=lambda each: str(each))
def test_every_mesh_and_placement(ranks, shape, p, dtype, how):
    y, mask = core(values(shape, 0, dtype), p, DRAW, **how)
    dx = mask.backward(array_of(values(shape, 1, dtype)))
    for found in ranks.run(work.every_placement, shape, p, dtype, how):
        assert len(found) >= 3
        for where, (ours, gradient, odd) in found.items():
            assert not odd, (where, odd)
            assert same_bits(ours, y), where
            assert same_bits(gradient, dx), where


def test_partial_sums_are_added_first(ranks):
    for y, whole, gradient, placements in ranks.run(work.partial_sums, 0.5):
        expected, mask = core(whole, 0.5, DRAW)
        assert same_bits(y, expected)
        assert same_bits(gradient, mask.backward(array_of(work.integers((6, 10), 99))))
        assert placements == "(Replicate(),)"


def test_a_view_of_a_cut_axis(ranks):
    expected, _ = core(values((4, 16, 6)).flatten(0, 1), 0.5, DRAW)
    for y, placements in ranks.run(work.of_views):
        assert same_bits(y, expected), placements


def test_what_other_ranks_still_send(ranks):
    for kind, y, expected in ranks.run(work.of_what_is_still_sent):
        assert kind == "AsyncCollectiveTensor" or ranks.world == 1
        assert alike(expected, y)


def test_further_derivatives(ranks):
    x = values((7, 5)).numpy()
    y, mask = dropcore.dropout(x, 0.5, training=True, rng=DRAW)
    for dx, ddx in ranks.run(work.second_derivatives):
        assert same_bits(dx, mask.backward(2 * y))
        assert same_bits(ddx, mask.backward(2 * mask.backward(np.ones_like(x))))


MODULES = ["Dropout", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout"]


def test_modules_in_a_block(ranks):
    """All masks equal those of one process, also after p = 0, which takes a draw, too."""
    import dropcore_torch

    expected = []
    with distributed.global_mask(DRAW):
        for name in MODULES:
            for p in (0.5, 0.0):
                expected.append(getattr(dropcore_torch, name)(p)(values((5, 6, 4, 3))))
    assert not alike(expected[0], expected[2])
    for found in ranks.run(work.modules_on_dtensors, MODULES):
        assert all(map(alike, expected, found))


def test_compiled_modules_and_in_place(ranks):
    if ranks.world not in (1, 2):
        pytest.skip("each compiles by itself, which takes long")
    with distributed.global_mask(DRAW):
        in_block = Dropout(0.5)(values((9, 4)))
    by_draw = Dropout(0.5, rng=DRAW)(values((9, 4)))
    for found in ranks.run(work.compiled_on_dtensors):
        assert all(map(alike, (in_block, by_draw, by_draw), found))


def test_pytorch_s_own_function_while_installed(ranks):
    with distributed.global_mask(DRAW):
        expected = Dropout(0.5)(values((9, 4)))
    for found in ranks.run(work.installed_on_dtensors):
        assert alike(expected, found)


def test_dtensors_within_rank_masks(ranks):
    found = ranks.run(work.of_each_rank)
    if ranks.world > 1:
        assert all("input must not be replicated within rank_masks" in why for _, why in found)
        assert len({y[:8].numpy().tobytes() for y, _ in found}) == ranks.world
    else:
        assert found[0][1] == ""


def test_a_cut_that_is_not_that_of_the_placements(ranks):
    found = ranks.run(work.uneven_from_local)
    assert all("DTensor.from_local needs shape= and stride=" in why for why in found)


# ----------------------------------------------------------------------------- models


@pytest.fixture(scope="module")
def alone():
    outputs, gradients = work.alone()
    assert all(gradient.any() for gradient in gradients)
    return outputs[0], gradients


@pytest.mark.parametrize("outputs_are_local", [False, True])
def test_tensor_parallel(ranks, outputs_are_local, alone):
    for y, gradients in ranks.run(work.tensor_parallel, outputs_are_local):
        assert alike(alone[0], y)
        assert all(map(alike, alone[1], gradients))


def test_sequence_parallel(ranks):
    with distributed.global_mask(DRAW):
        expected = Dropout(0.5, rng=3)(values((3, 17, 4)))
    assert all(alike(expected, y) for y in ranks.run(work.sequence_parallel))


@pytest.mark.parametrize("wrap", ["ddp", "fsdp"])
def test_data_parallel(ranks, wrap):
    outputs, gradients = work.alone(steps=2)
    for rank, (ours, found) in enumerate(ranks.run(work.data_parallel, wrap, 2)):
        for y, expected in zip(ours, outputs, strict=True):
            assert alike(expected[rank :: ranks.world], y)
        if ranks.world == 3 and wrap == "ddp":  # DDP multiplies by 1 / 3, which is rounded
            torch.testing.assert_close(found, gradients)
        else:
            assert all(map(alike, gradients, found))


def test_samples_and_columns(ranks, alone):
    if ranks.world % 2:
        pytest.skip("a mesh of two axes needs an even number of ranks")
    for here, y, gradients in ranks.run(work.two_dimensional):
        assert alike(alone[0][here : here + SAMPLES // 2], y)
        assert all(map(alike, alone[1], gradients))


@pytest.mark.parametrize("length", [64, 37])
def test_context_parallel(ranks, length):
    x = values((3, length, 5)).requires_grad_()
    with distributed.global_mask(DRAW):
        expected = Dropout(0.3, rng=5)(x)
        expected.backward(values((3, length, 5), 1))
    seen = []
    for y, gradient, mine in ranks.run(work.context_parallel, length):
        assert alike(expected[:, mine], y)
        assert alike(x.grad[:, mine], gradient)
        seen += mine
    assert sorted(seen) == list(range(length))


def test_a_mask_for_each_rank(ranks):
    found = ranks.run(work.rank_masks)
    kept = [each.numpy().tobytes() for masks in found for each in masks[:2]]
    assert len(set(kept)) == 2 * ranks.world
    assert all(torch.equal(masks[0], masks[2]) for masks in found)
    with distributed.rank_masks(dropcore.Stream(1).at(0), ranks.world - 1):
        assert torch.equal(Dropout(0.5, rng=1)(torch.ones(1000)) != 0, found[-1][0])


# --------------------------------------------------------------------- ranks that stop


@pytest.mark.parametrize("world", [4])
def test_fewer_ranks_for_backward_than_for_forward(world, tmp_path):
    x = values((SAMPLES, work.WIDTH)).requires_grad_()
    with distributed.global_mask(DRAW):
        y = Dropout(0.5)(x)
    y.backward(values((SAMPLES, work.WIDTH), 1))
    with Ranks(world, tmp_path) as ranks:
        found = ranks.run(work.another_world, str(tmp_path / "other"))
    for rank, (ours, gradient) in enumerate(found):
        assert alike(y[rank::world], ours)
        assert alike(x.grad[rank::world], gradient)


def test_a_rank_that_dies(tmp_path):
    """The other ranks get an error of gloo, and no rank waits longer than its time-out."""
    time_out = 5
    with Ranks(3, tmp_path, time_out) as ranks:
        begin = time.monotonic()
        outcomes = ranks.outcomes(work.one_dies)
        assert time.monotonic() - begin < 2 * time_out
    assert all(failed for failed, _ in outcomes)
    assert outcomes[2][1] == "it died"
    for _, error in outcomes[:2]:
        assert "RuntimeError" in error
        assert re.search("gloo", error, re.IGNORECASE)
        assert "dropcore_torch" not in error.splitlines()[-1]


def test_hidden_units_are_many_enough_for_each_rank():
    assert HIDDEN % 8 == SAMPLES % 8 == SAMPLES % 3 == 0
    assert convert(work.network()).left == {}
