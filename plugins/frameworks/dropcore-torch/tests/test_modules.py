import copy
import io
import pickle

import numpy as np
import pytest
import torch
from dropcore_torch import (
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    FeatureAlphaDropout,
)
from expected import SEED, core, next_draw, same_bits
from torch import nn

import dropcore

pytestmark = pytest.mark.usefixtures("path")

OURS = [Dropout, Dropout1d, Dropout2d, Dropout3d, AlphaDropout, FeatureAlphaDropout]
STREAM = dropcore.Stream(11)
RANKS = {
    Dropout: {1: (), 4: ()},
    AlphaDropout: {1: (), 4: ()},
    Dropout1d: {2: (1,), 3: (2,)},
    Dropout2d: {4: (2, 3)},
    Dropout3d: {4: (1, 2, 3), 5: (2, 3, 4)},
    FeatureAlphaDropout: {2: (), 3: (2,), 5: (2, 3, 4)},
}


def ones(rank):
    return torch.ones((3, 4, 2, 3, 2)[:rank])


@pytest.mark.parametrize("ours", OURS)
def test_they_are_pytorch_s_modules(ours):
    torchs = getattr(nn, ours.__name__)
    module = ours(0.25, True)
    assert isinstance(module, torchs)
    assert (module.p, module.inplace) == (0.25, True)
    assert (ours().p, ours().inplace) == (torchs().p, torchs().inplace)
    assert repr(ours(p=0.25, inplace=True)) == repr(torchs(p=0.25, inplace=True))
    assert module.state_dict() == torchs().state_dict() == {}
    assert not list(module.buffers())
    with pytest.raises(ValueError, match="between 0 and 1"):
        ours(1.5)


@pytest.mark.parametrize("ours", OURS)
def test_what_they_share(ours):
    variant = "alpha" if "Alpha" in ours.__name__ else "standard"
    for rank, axes in RANKS[ours].items():
        x = ones(rank)
        y, _ = core(x, 0.4, next_draw(STREAM), variant=variant, shared_axes=axes)
        assert same_bits(ours(0.4, rng=STREAM)(x), y)


@pytest.mark.parametrize("ours", OURS)
def test_other_devices(ours):
    for rank in RANKS[ours]:
        x = ones(rank).to("meta")
        assert ours(0.4)(x).device == x.device


def test_axes_and_variants_of_their_own():
    x = ones(4)
    y, _ = core(x, 0.4, next_draw(STREAM), shared_axes=0)
    assert same_bits(Dropout(0.4, rng=STREAM, shared_axes=0)(x), y)
    torch.manual_seed(SEED)
    assert same_bits(Dropout2d(0.4, rng=STREAM, shared_axes=0)(x), y)
    y, _ = core(x, 0.4, next_draw(STREAM), variant="spatial", channel_axis=-1)
    module = Dropout(0.4, rng=STREAM, variant="spatial", channel_axis=-1)
    assert same_bits(module(x), y)
    assert "variant='spatial', channel_axis=-1" in repr(module)


CHANNELS = [ours for ours in OURS if any(RANKS[ours].values())]


@pytest.mark.parametrize("ours", CHANNELS)
@pytest.mark.parametrize(
    ("variant", "options"), [("standard", {}), ("alpha", {}), ("alpha", {"fixed_mean": 1.0})]
)
def test_another_variant_drops_the_same_channels(ours, variant, options):
    for rank, axes in RANKS[ours].items():
        x = ones(rank)
        y, _ = core(x, 0.4, next_draw(STREAM), variant=variant, shared_axes=axes, **options)
        assert same_bits(ours(0.4, rng=STREAM, variant=variant, **options)(x), y)
        module = ours(0.4, True, rng=STREAM, variant=variant, **options)
        torch.manual_seed(SEED)
        z = x.clone()
        assert (module(z) is z) is module.takes_inplace
        assert module.eval()(x) is x


def test_options_of_another_variant_say_what_is_shared():
    x = ones(4)
    y, _ = core(x, 0.4, next_draw(STREAM), variant="alpha")
    for variant, axes in (("alpha", ()), (dropcore.get_variant("alpha"), None)):
        module = Dropout2d(0.4, rng=STREAM, variant=variant, shared_axes=axes)
        torch.manual_seed(SEED)
        assert same_bits(module(x), y)
    y, _ = core(x, 0.4, next_draw(STREAM), variant="spatial", channel_axis=-1)
    module = Dropout2d(0.4, rng=STREAM, variant="spatial", channel_axis=-1)
    assert same_bits(module(x), y)


def test_another_variant_of_whole_channels_has_pytorch_s_checks():
    with pytest.warns(UserWarning, match="dropout2d: Received a 3D input"):
        y = Dropout2d(0.5, variant="alpha")(torch.ones(3, 4, 2))
    assert torch.equal(y[..., 0], y[..., 1])
    with pytest.raises(RuntimeError, match="dropout1d: Expected 2D or 3D input"):
        Dropout1d(0.5, variant="alpha")(torch.ones(3, 4, 2, 2))
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        FeatureAlphaDropout(0.5, variant="standard")(torch.ones(3))
    with pytest.raises(TypeError, match="input must be a tensor"):
        Dropout2d(0.5, variant="alpha")([1.0])


def test_evaluation_is_the_identity_and_p_can_be_set():
    module, x = Dropout(0.5), torch.ones(1000)
    assert module.eval()(x) is x
    module.train().p = 0.0
    assert torch.equal(module(x), x)
    module.p = 1.0
    assert torch.equal(module(x), torch.zeros(1000))
    module.p = 1.5
    with pytest.raises(ValueError, match="between 0 and 1"):
        module(x)


def test_in_place():
    x = torch.ones(50)
    assert Dropout(0.5, inplace=True)(x) is x
    assert set(x.tolist()) == {0.0, 2.0}


def test_a_generator_gives_a_key_once():
    x = torch.ones(64)
    one, other = (Dropout(0.5, rng=np.random.default_rng(4)) for _ in range(2))
    third = Dropout(0.5, rng=np.random.PCG64(5))
    ys = []
    for module in one, one, other, third:
        torch.manual_seed(SEED)
        ys.append(module(x))
    assert torch.equal(ys[0], ys[1])
    assert torch.equal(ys[0], ys[2])
    assert not torch.equal(ys[0], ys[3])


@pytest.mark.parametrize("rng", ["seed", True, 1.5])
def test_a_bad_rng_is_refused_when_the_module_is_built(rng):
    with pytest.raises(TypeError, match="rng must be None, a Stream"):
        Dropout(0.5, rng=rng)


def saved(module):
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, copy.copy, saved, lambda module: pickle.loads(pickle.dumps(module))]
)
def test_copies_drop_the_same(ours, copied):
    module = ours(0.5, rng=STREAM.child("a")).train()
    x = ones(max(RANKS[ours]))
    torch.manual_seed(SEED)
    y = module(x)
    torch.manual_seed(SEED)
    assert torch.equal(copied(module)(x), y)


def test_modules_of_one_seed_and_of_others():
    x = torch.ones(64)
    model = nn.Sequential(Dropout(0.5, rng=STREAM.child(0)), Dropout(0.5, rng=STREAM.child(1)))
    assert not torch.equal(model[0](x), model[1](x))
