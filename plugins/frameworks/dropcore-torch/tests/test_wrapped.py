"""Modules that PyTorch extends or wraps: parametrizations, FSDP, DDP, `torch.compile`."""

import copy

import dropcore_torch
import pytest
import torch
from dropcore_torch import convert, revert
from expected import SEED
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.nn.utils import parametrizations, parametrize
from torch.optim.swa_utils import AveragedModel

pytestmark = pytest.mark.usefixtures("path")


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    """A process group with this process as its only member."""
    file = tmp_path_factory.mktemp("group") / "store"
    torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


# ----------------------------------------------------- classes that PyTorch extends


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


def doubled(module, name):
    parametrize.register_parametrization(module, name, Doubled())


def weight_norm(module, name):
    parametrizations.weight_norm(module, name)


def old_weight_norm(module, name):
    with pytest.warns(FutureWarning, match="deprecated"):
        nn.utils.weight_norm(module, name)


def fully_sharded(module, name):
    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (1,))
    torch.distributed.fsdp.fully_shard(module, mesh=mesh)


def both(module, name):
    doubled(module, name)
    fully_sharded(module, name)


EXTENDED = [doubled, weight_norm, old_weight_norm, fully_sharded, both]
LAYERS = {
    "LSTM": (lambda: nn.LSTM(4, 5, 2, dropout=0.5), "weight_hh_l0"),
    "GRU": (lambda: nn.GRU(4, 5, 2, dropout=0.5), "weight_ih_l1"),
    "RNN": (lambda: nn.RNN(4, 5, 2, dropout=0.5), "weight_hh_l1"),
    "attention": (lambda: nn.MultiheadAttention(4, 2, dropout=0.5), "in_proj_weight"),
}


def output(module):
    x = torch.linspace(-2, 2, 24).reshape(3, 2, 4)
    torch.manual_seed(SEED)
    y = module(x, x, x)[0] if isinstance(module, nn.MultiheadAttention) else module(x)[0]
    return y.detach().clone()


@pytest.mark.filterwarnings("ignore:FSDP2-wrapped module")
@pytest.mark.parametrize("extend", EXTENDED)
@pytest.mark.parametrize("layer", LAYERS)
def test_what_was_extended_is_converted_and_reverted(layer, extend, group):
    make, weight = LAYERS[layer]
    torch.manual_seed(1)
    plain = make()
    first, then = copy.deepcopy(plain), copy.deepcopy(plain)
    extend(plain, weight)
    before = type(plain).__mro__
    in_training = output(plain)

    convert(first, rng=1)  # each class is extended, then reverted
    dropped = output(first)
    extend(first, weight)
    extend(then, weight)
    report = convert(then, rng=1)
    assert list(report.swapped) == [""]
    assert not report.left
    assert list(convert(first, rng=1).swapped) == [""]  # a new key, equal to the first key
    assert torch.equal(output(first), output(then))
    assert not torch.equal(output(first), in_training)
    if extend is not doubled and extend is not both:
        assert torch.allclose(output(first), dropped, atol=1e-6)
    for module in first, then:
        report = revert(module)
        assert list(report.swapped) == [""]
        assert not report.left
        assert [cls.__name__ for cls in type(module).__mro__] == [cls.__name__ for cls in before]
        assert not any(cls.__module__.startswith("dropcore") for cls in type(module).__mro__)
        assert torch.equal(output(module), in_training)
        module(*[torch.randn(3, 2, 4)] * (3 if layer == "attention" else 1))[0].sum().backward()


def test_a_parametrization_is_removed_after_either():
    for swap in (lambda module: None, revert):
        module = nn.LSTM(4, 5, 2, dropout=0.5)
        convert(module)
        ours = type(module)
        doubled(module, "weight_hh_l0")
        swap(module)
        parametrize.remove_parametrizations(module, "weight_hh_l0")
        assert type(module) is (nn.LSTM if swap is revert else ours)


def test_a_subclass_with_a_forward_pass_of_its_own_is_named():
    class Own(nn.LSTM):
        def forward(self, x):
            return super().forward(x)

    module = Own(4, 5, 2, dropout=0.5)
    doubled(module, "weight_hh_l0")
    assert convert(module).left == {"": "ParametrizedOwn is a subclass with code of its own"}

    class Ours(dropcore_torch.Dropout):
        pass

    assert revert(Ours(0.5)).left == {"": "Ours is a subclass with code of its own"}


# ------------------------------------------------------------ names within wrappers


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.module = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
        self.encoder = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.5, batch_first=True)

    def forward(self, x):
        return self.encoder(self.module(x))


def compiled_parts(model):
    model.encoder = torch.compile(model.encoder, backend="eager")
    model.module[1] = torch.compile(model.module[1], backend="eager")
    return model


def checkpointed_parts(model):
    model.encoder = checkpoint_wrapper(model.encoder)
    model.encoder.self_attn = checkpoint_wrapper(model.encoder.self_attn)
    model.module = checkpoint_wrapper(model.module)
    return model


def sharded_parts(model):
    sharded = torch.distributed.fsdp.FullyShardedDataParallel
    cpu = torch.device("cpu")
    model.encoder = sharded(model.encoder, device_id=cpu)
    return sharded(model, device_id=cpu)


WRAPPERS = {
    "DDP": nn.parallel.DistributedDataParallel,
    "DataParallel": nn.DataParallel,
    "average": AveragedModel,
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "compiled parts": compiled_parts,
    "checkpointed": checkpoint_wrapper,
    "checkpointed parts": checkpointed_parts,
    "FSDP": sharded_parts,
    "several": lambda model: torch.compile(
        nn.parallel.DistributedDataParallel(checkpointed_parts(model)), backend="eager"
    ),
}


@pytest.mark.filterwarnings("ignore:.*FSDP")
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_wrapper_changes_no_key(wrapper, group):
    bare, wrapped = Whole(), WRAPPERS[wrapper](Whole())
    expected = convert(bare, rng=7)
    report = convert(wrapped, rng=7)
    assert len(report.swapped) == len(expected.swapped) == 5
    for name, within in zip(expected.swapped, report.swapped, strict=True):
        assert bare.get_submodule(name).source == wrapped.get_submodule(within).source
    assert len({bare.get_submodule(name).source for name in expected.swapped}) == 5


def test_a_name_of_the_model_s_own_is_part_of_its_keys():
    bare, within = Whole(), nn.Sequential(Whole())
    convert(bare, rng=7)
    convert(within, rng=7)
    assert bare.module[1].source != within[0].module[1].source
    same = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    convert(same, rng=7)
    assert bare.module[1].source != same[1].source


def test_masks_are_the_same_within_ddp(group):
    bare = Whole()
    wrapped = nn.parallel.DistributedDataParallel(copy.deepcopy(bare))
    ys = []
    for model in bare, wrapped:
        convert(model, rng=7)
        torch.manual_seed(SEED)
        ys.append(model(torch.ones(2, 3, 4)))
    assert torch.equal(*ys)
