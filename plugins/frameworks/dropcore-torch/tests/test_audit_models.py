"""`audit` changes no model, input or generator, and takes models and outputs of any kind."""

import copy
import random
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from audited import Through, X
from dropcore_torch import audit
from expected import SEED
from torch import nn
from torch.nn import functional as F

import dropcore


class Stateful(nn.Module):
    """A module that changes all the state that a module can change."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4, max_norm=0.1)
        self.norm = nn.BatchNorm1d(4)
        self.frozen = nn.BatchNorm1d(4).eval()
        self.linear = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))
        self.drop = nn.Dropout(0.5, inplace=True)
        self.count, self.seen, self.kept = 0, [], {}
        self.torch_s = torch.Generator()
        self.numpy_s = np.random.default_rng(1)
        self.stream = dropcore.Stream(1)
        self.register_buffer("steps", torch.zeros(2))
        self.register_buffer("nothing", None)

    def train(self, mode=True):
        super().train(mode)
        self.frozen.eval()
        return self

    def forward(self, index, x):
        self.count += 1
        self.seen.append(x)
        self.kept["x"] = x
        self.new = x
        self.steps += 1
        self.steps = self.steps.clone()
        self.nothing = torch.ones(1)
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002
        torch.rand(1, generator=self.torch_s), self.numpy_s.random(), self.stream.draw()
        self.drop(x)
        return self.linear(self.frozen(self.norm(self.embedding(index) + x)))


def state(model):
    return (
        copy.deepcopy(model.state_dict()),
        [module.training for module in model.modules()],
        [None if x.grad is None else x.grad.clone() for x in model.parameters()],
        [sorted(vars(module)) for module in model.modules()],
        (model.count, list(model.seen), dict(model.kept)),
        (random.getstate(), torch.get_rng_state().tolist()),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        (model.torch_s.get_state(), str(model.numpy_s.bit_generator.state), model.stream.state),
    )


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_changed(training, fails):
    torch.manual_seed(SEED)
    model = Stateful().train(training)
    index, x = torch.tensor([0, 1, 2]), torch.randn(3, 4)
    model(index, x.clone()).sum().backward()
    model.steps.fill_(2)
    given = x.clone()
    steps = model.steps
    before = state(model)
    if fails:
        model.linear.register_forward_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            audit(model, index, x)
    else:
        with torch.no_grad():
            result = audit(model, index, x)
        assert result.calls[-1].what == "torch.nn.Dropout"
        assert not result.without_backward
    assert same(state(model), before)
    assert model.steps is steps
    assert torch.equal(x, given)


def test_steps_of_one_audit_and_of_the_next_are_alike():
    model = Through(lambda m, x: m.drop(x) if torch.rand(()) < 0.5 else x, drop=nn.Dropout(0.5))
    for seed in range(6):
        torch.manual_seed(seed)
        drops = bool(torch.rand(()) < 0.5)
        torch.manual_seed(seed)
        result = audit(model, X)
        assert len(result.calls) == 1 + drops
        assert result == audit(model, X) or result.calls == audit(model, X).calls
        assert result.idle == (() if drops else ("drop",))


def test_hooks_that_time_the_backward_pass_are_gone():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    result = audit(model, X)
    seconds = result.calls[0].seconds
    model(X).sum().backward()
    assert result.calls[0].seconds == seconds


# --------------------------------------------------------- kinds of models and of outputs


@dataclass
class Output:
    y: torch.Tensor
    rest: tuple


@pytest.mark.parametrize(
    "pack",
    [
        lambda y: (y, None, "text"),
        lambda y: {"y": y, "rest": [y.detach()]},
        lambda y: Output(y, (y,)),
        lambda y: [(y.long(), {"y": y})],
    ],
)
def test_outputs_of_any_shape(pack):
    result = audit(Through(lambda _, x: pack(F.dropout(x))), X)
    assert len(result.calls) == 1
    assert result.without_backward == ""


def test_inputs_by_name():
    class Named(nn.Module):
        def forward(self, x, *, p):
            return F.dropout(x, p["p"])

    model = Named()
    result = audit(model, X, p={"p": torch.tensor(0.5)})
    assert [call.p for call in result.calls] == [0.5]
    assert "no output depends on a parameter" in result.without_backward


@pytest.fixture
def group(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


def fully_sharded(model):
    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (1,))
    return torch.distributed.fsdp.fully_shard(model, mesh=mesh)


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (nn.parallel.DistributedDataParallel, "module.1"),
        (nn.DataParallel, "module.1"),
        (fully_sharded, "1"),
    ],
)
def test_wrapped_models_go_on_afterwards(wrap, name, group):
    model = wrap(nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)))
    for _ in range(2):
        (call,) = audit(model, X).calls
        assert call.module == name
        model(X).sum().backward()


def test_a_compiled_model_runs_line_by_line():
    model = torch.compile(nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)), backend="eager")
    model(X)
    (call,) = audit(model, X).calls
    assert (call.what, call.module) == ("torch.nn.Dropout", "_orig_mod.1")
    model(X).sum().backward()


def test_what_cannot_be_audited():
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, not function"):
        audit(F.dropout, X)
    with pytest.raises(ValueError, match="lazy"):
        audit(nn.Sequential(nn.LazyLinear(3), nn.Dropout(0.5)), X)
