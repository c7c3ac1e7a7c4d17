"""Calls of `functional.dropout` that are refused, and the forms that p can have."""

import numpy as np
import pytest
import torch
from dropcore_torch import AlphaDropout, Dropout, Dropout1d, FeatureAlphaDropout, convert
from dropcore_torch.functional import dropout
from expected import SEED, core, same_bits
from torch import nn

import dropcore

pytestmark = pytest.mark.usefixtures("path")

STREAM = dropcore.Stream(3)
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "word"),
    [
        ((1.5, True), {}, ValueError, "p"),
        ((-0.1, False), {}, ValueError, "p"),
        ((float("nan"), True), {}, ValueError, "p"),
        ((True, True), {}, TypeError, "p"),
        (("0.5", True), {}, TypeError, "p"),
        ((None, True), {}, TypeError, "p"),
        ((torch.tensor([0.5, 0.5]), True), {}, TypeError, "p"),
        ((0.5, 1), {}, TypeError, "training"),
        ((0.5, None), {}, TypeError, "training"),
        ((0.5,), {}, TypeError, "training"),
        ((0.5, True), {"rng": "seed"}, TypeError, "rng"),
        ((0.5, True), {"rng": True}, TypeError, "rng"),
        ((0.5, True), {"rng": -1}, ValueError, "seed"),
        ((0.5, True), {"rng": np.random.default_rng(0)}, TypeError, "rng"),
        ((0.5, True), {"variant": "none"}, LookupError, "none"),
        ((0.5, True), {"shared_axes": 3}, ValueError, "shared_axes"),
        ((0.5, True), {"shared_axes": 0.5}, TypeError, "shared_axes"),
        ((0.5, True), {"shared_axes": [object()]}, TypeError, "option"),
        ((0.5, True), {"other": torch.ones(3)}, TypeError, "other"),
        ((0.5, True), {"alpha": 1}, TypeError, "alpha"),
    ],
)
def test_bad_calls_are_refused_and_write_nothing(arguments, options, error, word):
    x = torch.ones(3)
    with pytest.raises(error, match=word):
        dropout(x, *arguments, **({"inplace": True} | options))
    assert torch.equal(x, torch.ones(3))


NO_PROBABILITIES = [
    *(True, np.True_, "0.5", None, np.array(0.5), np.array([0.5]), [0.5], 0.5j, 2, -0.5),
    *map(torch.tensor, ([0.5], True, 0.5j, 2.0, -1)),
]


@pytest.mark.parametrize("p", NO_PROBABILITIES)
@pytest.mark.parametrize("training", [True, False])
def test_p_is_looked_at_in_inference_too(p, training):
    for variant in "standard", "alpha":
        with pytest.raises((TypeError, ValueError), match="p must be"):
            dropout(torch.ones(3), p, training, variant=variant)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
@pytest.mark.parametrize("inplace", [False, True])
def test_p_is_a_tensor_of_no_dimension(inplace, dtype):
    draw = STREAM.at(2)
    for p in torch.linspace(0, 1, 5).to(dtype):
        for variant in "standard", "alpha":
            x = torch.ones(60)
            y = dropout(x, p, True, inplace, rng=draw, variant=variant)
            assert same_bits(y, core(torch.ones(60), float(p), draw, variant=variant)[0])
            assert dropout(x, p, False) is x


def test_p_of_modules_is_a_tensor_of_no_dimension():
    x = torch.ones(4, 6, 8)
    for kind in (Dropout, Dropout1d, AlphaDropout, FeatureAlphaDropout):
        torch.manual_seed(SEED)
        y = kind(torch.tensor(0.25), rng=STREAM)(x)
        torch.manual_seed(SEED)
        assert torch.equal(y, kind(0.25, rng=STREAM)(x))
        assert torch.equal(kind(torch.tensor(0.25)).eval()(x), x)
    attention = nn.MultiheadAttention(8, 2, dropout=torch.tensor(0.5), batch_first=True)
    convert(attention)
    assert attention(x, x, x)[0].isfinite().all()


def test_a_random_state_is_told_what_to_pass():
    with pytest.raises(TypeError, match=r"not a RandomState: pass dropcore.Stream\("):
        dropout(torch.ones(3), 0.5, True, rng=np.random.RandomState(0))
    with pytest.raises(TypeError, match=r"not a RandomState: pass dropcore.Stream\("):
        Dropout(rng=np.random.RandomState(0))


def test_an_axis_of_numpy():
    draw = dropcore.Stream(1).at(0)
    y = dropout(torch.ones(3, 40), 0.5, True, shared_axes=np.int64(0), rng=draw)
    assert torch.equal(y, dropout(torch.ones(3, 40), 0.5, True, shared_axes=0, rng=draw))
