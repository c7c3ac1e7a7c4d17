"""Modules: names, modes, state."""

import copy
import pickle

import numpy as np
import pytest

from dropcore.autograd import (
    SELU,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    Tensor,
    relu,
    selu,
    sigmoid,
    tanh,
)


class Counter(Module):
    """Counts its calls; the count is neither a parameter nor a buffer."""

    def __init__(self):
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x

    def get_extra_state(self):
        return {"calls": self.calls}

    def set_extra_state(self, state):
        if set(state) != {"calls"}:
            raise ValueError(f"state: {state}, expected calls")
        self.calls = state["calls"]


def network(seed=0):
    rng = np.random.default_rng(seed)
    return Sequential(
        features=Sequential(Conv2d(1, 2, 3, padding=1, rng=rng), BatchNorm(2), ReLU()),
        count=Counter(),
        flat=Flatten(),
        out=Linear(32, 3, rng=rng),
    )


X = np.random.default_rng(6).normal(size=(5, 1, 4, 4)).astype(np.float32)


def test_names_are_qualified_and_in_order():
    model = network()
    assert [name for name, _ in model.named_children()] == ["features", "count", "flat", "out"]
    assert [name for name, _ in model.named_modules()] == [
        "",
        "features",
        "features.0",
        "features.1",
        "features.2",
        "count",
        "flat",
        "out",
    ]
    assert [name for name, _ in model.named_parameters()] == [
        "features.0.weight",
        "features.0.bias",
        "features.1.weight",
        "features.1.bias",
        "out.weight",
        "out.bias",
    ]
    assert list(model.parameters()) == [p for _, p in model.named_parameters()]
    assert model.out is model[3]
    assert list(model)[1] is model.count


def test_what_is_shared_comes_once():
    layer, act = Linear(3, 3, rng=0), ReLU()
    model = Sequential(layer, act, layer, act)
    assert [name for name, _ in model.named_modules()] == ["", "0", "1"]
    assert len(list(model.parameters())) == 2
    other = Linear(3, 3, rng=1)
    other.weight = layer.weight
    assert len(list(Sequential(layer, other).parameters())) == 3
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(model(x).data, relu(layer(relu(layer(x)))).data)


def test_private_attributes_are_not_state():
    layer = Linear(2, 2, rng=0)
    layer._last, layer._other = Tensor([1.0]), ReLU()
    assert set(layer.state_dict()) == {"weight", "bias"}
    assert len(list(layer.named_modules())) == 1


def test_modes_reach_all_below():
    model = network()
    assert all(module.training for _, module in model.named_modules())
    assert model.eval() is model
    assert not any(module.training for _, module in model.named_modules())
    assert model.train() is model
    assert all(module.training for _, module in model.named_modules())


def test_state_goes_round():
    model, other = network(0), network(1)
    model(X), model(-X)
    state = model.state_dict()
    assert set(state) == {name for name, _ in model.named_parameters()} | {
        "features.1.running_mean",
        "features.1.running_var",
        "count._extra_state",
    }
    parameters = list(other.parameters())
    other.load_state_dict(pickle.loads(pickle.dumps(state)))
    assert (
        list(other.parameters()) == parameters
    )  # written in place, because optimisers refer to the arrays
    assert other.count.calls == 2
    np.testing.assert_array_equal(other.eval()(X).data, model.eval()(X).data)


def test_a_state_is_a_copy():
    model = network()
    state = model.state_dict()
    saved = state["out.weight"].copy()
    model.out.weight.data += 1
    np.testing.assert_array_equal(state["out.weight"], saved)
    model.load_state_dict(state)
    state["out.weight"] += 1
    np.testing.assert_array_equal(model.out.weight.data, saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("out.bias"), r"missing \['out.bias'\], unknown \[\]"),
        (lambda s: s.update(more=1), r"missing \[\], unknown \['more'\]"),
        (
            lambda s: s.update({"out.bias": np.zeros(4, np.float32)}),
            r"out.bias must have .* not shape \(4,\)",
        ),
        (
            lambda s: s.update({"out.bias": np.zeros(3)}),
            "out.bias must have .* not .* dtype float64",
        ),
        (lambda s: s.update({"count._extra_state": {}}), "expected calls"),
        (lambda s: s.pop("count._extra_state"), "missing"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    model = network()
    before = model.state_dict()
    state = network(1).state_dict()
    change(state)
    with pytest.raises(ValueError, match=message):
        model.load_state_dict(state)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_models_can_be_copied_and_pickled():
    model = network().eval()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other(X).data, model(X).data)
        other.out.weight.data[:] = 0
    assert model.out.weight.data.any()


@pytest.mark.parametrize(
    ("make", "function"), [(ReLU, relu), (Sigmoid, sigmoid), (Tanh, tanh), (SELU, selu)]
)
def test_activations_as_modules(make, function):
    np.testing.assert_array_equal(make()(X).data, function(X).data)


def test_linear():
    layer = Linear(3, 2, rng=0)
    x = np.ones((4, 5, 3), np.float32)
    np.testing.assert_array_equal(layer(x).data, x @ layer.weight.data + layer.bias.data)
    assert Linear(3, 2, bias=False).bias is None
    assert np.abs(Linear(100, 200, rng=0).weight.data).max() <= 0.1
    assert np.abs(Linear(100, 200, rng=0).weight.data).max() > 0.099
    with pytest.raises(ValueError, match=r"x must have shape \(..., 3\), not \(4, 2\)"):
        layer(np.ones((4, 2), np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layers_take_a_dtype_and_a_seed(dtype):
    def make():
        return [
            Linear(3, 2, rng=7, dtype=dtype),
            Conv2d(2, 3, 2, rng=7, dtype=dtype),
            BatchNorm(3, dtype=dtype),
        ]

    for one, same in zip(make(), make(), strict=True):
        state = one.state_dict()
        assert {value.dtype for value in state.values()} == {np.dtype(dtype)}
        same.load_state_dict(state)
        for a, b in zip(one.parameters(), same.parameters(), strict=True):
            np.testing.assert_array_equal(a.data, b.data)


def test_flatten():
    assert Flatten()(np.ones((2, 3, 4))).shape == (2, 12)
    assert Flatten()(np.ones((2,))).shape == (2, 1)
    assert Flatten()(np.ones((0, 3, 4))).shape == (0, 12)


@pytest.mark.parametrize("name", ["train", "forward", "parameters", "_x", "a.b", "", "0"])
def test_names_that_a_module_cannot_have(name):
    with pytest.raises(ValueError, match=f"the name of a module must be .* not '{name}'"):
        Sequential(ReLU(), **{name: ReLU()})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(0, 3), "in_features must be 1 or more"),
        (lambda: Linear(3, 1.5), "out_features must be an integer, not 1.5"),
        (lambda: Conv2d(3, 3, 0), "kernel_size must be 1 or more"),
        (lambda: Conv2d(0, 3, 2), "in_channels must be 1 or more"),
        (lambda: BatchNorm(-1), "channels must be 0 or more, .* not -1"),
    ],
)
def test_sizes_that_a_module_cannot_have(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_a_state_that_a_module_refuses_changes_nothing():
    class Counter(Module):
        def __init__(self):
            self.weight, self.count = Tensor([1.0], requires_grad=True), 0

        def get_extra_state(self):
            return self.count

        def set_extra_state(self, state):
            self.count = int(state)

    model = Sequential(a=Counter(), b=Counter())
    state = {
        "a.weight": [2.0],
        "b.weight": [2.0],
        "a._extra_state": 5,
        "b._extra_state": "many",
    }
    with pytest.raises(ValueError, match="many") as raised:
        model.load_state_dict(state)
    assert raised.value.__notes__ == ["in the state: b._extra_state"]
    frozen = state | {"b._extra_state": 5}
    model.b.weight.data.flags.writeable = False
    with pytest.raises(ValueError, match=r"b\.weight must .* read-only"):
        model.load_state_dict(frozen)
    assert (model.a.count, model.b.count) == (0, 0)
    assert model.a.weight.data == model.b.weight.data == 1


def test_sequential_names_what_is_no_module():
    with pytest.raises(TypeError, match="module 1 must be a Module, not <function relu"):
        Sequential(ReLU(), relu)
    with pytest.raises(AttributeError, match=r"no module 'gone'; it has \['act'\]"):
        Sequential(act=ReLU()).gone  # noqa: B018


def test_a_module_without_forward_or_extra_state():
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        Module()(1)
    with pytest.raises(NotImplementedError, match="Module has no extra state"):
        Module().set_extra_state(1)
