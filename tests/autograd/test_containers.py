"""Modules, parameters and buffers in lists, tuples and dicts belong to the module around them."""

import copy
import pickle
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

from dropcore import Stream
from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import SGD, BatchNorm, Linear, Module, ReLU, Sequential, Tensor, relu

Pair = namedtuple("Pair", ["first", "second"])
X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)


class Box(Module):
    """Applies its parts in order; the parts may be in any container."""

    def __init__(self, held):
        self.held = held

    def forward(self, x):
        for part in flat(self.held):
            if isinstance(part, Module):
                x = part(x)
            elif isinstance(part, Tensor | np.ndarray):
                x = x * part
        return x


def flat(held):
    if isinstance(held, dict):
        held = list(held.values())
    return [p for each in held for p in flat(each)] if isinstance(held, LISTS) else [held]


LISTS = list | tuple | deque


def parts():
    scale = Tensor(np.full(4, 2, np.float32), requires_grad=True)
    return Linear(4, 4, rng=0), Dropout(0.5), scale, np.full(4, 3, np.float32)


# name: (the container of the four parts, the names of the parts)
HOLDERS = {
    "list": (list, "0 1 2 3"),
    "tuple": (tuple, "0 1 2 3"),
    "deque": (deque, "0 1 2 3"),
    "dict": (lambda p: dict(zip("abcd", p, strict=True)), "a b c d"),
    "dict of numbers": (lambda p: dict(zip([7, 5, np.int64(3), 1], p, strict=True)), "7 5 3 1"),
    "ordered dict": (lambda p: OrderedDict(zip("badc", p, strict=True)), "b a d c"),
    "named tuple": (lambda p: Pair(p[:1], p[1:]), "0.0 1.0 1.1 1.2"),
    "nested": (lambda p: [{"x": [p[0], (p[1],)]}, [], [[p[2]], p[3]]], "0.x.0 0.x.1.0 2.0.0 2.1"),
    "among others": (lambda p: [None, "text", 3, *p, range(10**12)], "3 4 5 6"),
}
holders = pytest.mark.parametrize(("hold", "names"), HOLDERS.values(), ids=HOLDERS)


@holders
def test_they_are_found_by_name(hold, names):
    linear, drop, scale, buffer = parts()
    model = Sequential(box=Box(hold((linear, drop, scale, buffer))))
    first, second, third, fourth = [f"box.held.{name}" for name in names.split()]
    assert list(model.named_modules())[2:] == [(first, linear), (second, drop)]
    found = dict(model.named_parameters())
    assert list(found) == [third, f"{first}.weight", f"{first}.bias"]
    assert found[third] is scale
    model.eval()
    assert not drop.training
    assert linear.training is False
    model.train()
    assert drop.training
    seed(model, Stream(7))
    assert drop.rng.path == tuple(second.split("."))
    assert set(model.state_dict()) == {*found, fourth, f"{second}._extra_state"}
    assert f"held.{names.split()[1]}=Dropout(0.5" in repr(model)


@holders
def test_a_model_is_saved_copied_and_trained_with_them(hold, names):
    def make():
        model = Box(hold(parts()))
        seed(model, 7)
        return model

    model, other = make(), make()
    optimiser = SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        (model(X) ** 2).mean().backward()
        optimiser.step()
    others = copy.deepcopy(model), pickle.loads(pickle.dumps(model)), other
    before = other(X).data
    other.load_state_dict(model.state_dict())
    expected = model(X).data
    assert (before != expected).any()
    for each in others:
        np.testing.assert_array_equal(each(X).data, expected)
    for parameter in model.parameters():
        assert (parameter.grad != 0).any()


def test_what_is_changed_later_counts():
    model = Box([])
    assert len(list(model.named_modules())) == 1
    model.held.append(Dropout(0.5))
    assert [name for name, _ in model.named_modules()] == ["", "held.0"]
    model.held.insert(0, {"a": Linear(4, 4)})
    assert [name for name, _ in model.named_modules()] == ["", "held.0.a", "held.1"]
    model.held.clear()
    assert len(list(model.named_modules())) == 1


def test_what_is_shared_comes_once():
    drop, linear, scale = Dropout(0.5), Linear(4, 4), Tensor([1.0], requires_grad=True)
    held = [drop, linear, scale]
    model = Sequential(a=Box(held), b=Box([held, {"x": drop}, scale]), c=linear)
    assert [n for n, _ in model.named_modules()] == ["", "a", "a.held.0", "a.held.1", "b"]
    assert len(list(model.parameters())) == 3


def test_what_holds_itself_is_gone_through_once():
    held = [Dropout(0.5)]
    held.append({"again": held, "more": [ReLU(), held]})
    model = Box(held)
    names = [name for name, _ in model.named_modules()]
    assert names == ["", "held.0", "held.1.more.0"]
    held.append(model)
    assert [name for name, _ in model.named_modules()] == names


def test_what_is_private_or_of_no_module_s_kind_is_left():
    model = Box([[1.0] * 1000, {"a": "b"}, [None], {1.5: 2}, {None: []}, {1, 2}])
    model._private = [Dropout(0.5), np.ones(3)]
    assert list(model.named_children()) == []
    assert model.state_dict() == {}


@pytest.mark.parametrize(
    ("held", "error", "named"),
    [
        ({ReLU(): 1, "x": {ReLU()}}, TypeError, "held must hold .* not in a set"),
        ({ReLU()}, TypeError, "held must hold .* not in a set"),
        ({"a.b": ReLU()}, ValueError, "keys of held must be .* not 'a.b'"),
        ([{"": ReLU()}], ValueError, "keys of held must be .* not ''"),
        ({None: ReLU()}, ValueError, "keys of held must be .* not None"),
        ({(0, 1): [ReLU()]}, ValueError, r"keys of held must be .* not \(0, 1\)"),
        ({1.5: ReLU()}, ValueError, "keys of held must be .* not 1.5"),
        ({1: ReLU(), "1": ReLU()}, ValueError, "held.1 must be the name of one item"),
    ],
)
def test_what_has_no_name_is_an_error(held, error, named):
    with pytest.raises(error, match=named):
        Box(held).eval()


@pytest.mark.parametrize("held", [ReLU(), [ReLU()], {"a": (Tensor([1.0]),)}])
def test_a_class_cannot_hold_what_its_instances_would_share(held):
    with pytest.raises(TypeError, match=r"Shared\.held\S*: a (ReLU|Tensor) must be set on self"):
        type("Shared", (Module,), {"held": held})
    assert not list(type("Fine", (Module,), {"_held": held, "sizes": [1, 2]})().named_children())


def test_a_module_may_be_a_dataclass():
    @dataclass
    class Net(Module):
        layers: list
        p: float = 0.5

        def forward(self, x):
            return relu(self.layers[0](x))

    net = Net([Linear(4, 4), BatchNorm(2)])
    assert [name for name, _ in net.named_modules()] == ["", "layers.0", "layers.1"]
    assert not net.eval().layers[1].training
    assert Sequential(net, net)(X).shape == X.shape
