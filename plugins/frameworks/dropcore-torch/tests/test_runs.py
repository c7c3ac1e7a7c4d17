"""What the compiled path takes: elements in the CPU's memory; and what it leaves to others."""

import pytest
import torch
from dropcore_torch import _standard, functional, paths
from dropcore_torch.functional import dropout
from dropcore_torch.rule import rule_of
from dropcore_torch.source import source_of_layer
from expected import core, same_bits
from torch.overrides import TorchFunctionMode

import dropcore

pytestmark = pytest.mark.usefixtures("path")

DRAW = dropcore.Stream(5).at(0)

TAKEN = {
    "one element": torch.ones(()),
    "rows": torch.ones(3, 5),
    "rows in the midst of others": torch.ones(9, 5)[2:6],
    "a row of a column": torch.ones(4, 6)[:, 2:3][1:2],
    "axes of length one, their strides anything": torch.ones(7).as_strided((1, 7, 1), (3, 1, 99)),
    "columns": torch.ones(3, 5).T,
    "channels last": torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last),
    "every other": torch.ones(10)[::2],
    "one for all": torch.ones(1).expand(4),
    "float64": torch.rand(9, dtype=torch.float64),
    "float16": torch.rand(9, dtype=torch.float16),
    "bfloat16": torch.rand(9, dtype=torch.bfloat16),
}
LEFT = {
    "none": torch.ones(0, 3),
    "to be negated": torch._neg_view(torch.ones(3)),
    "zeros by name": torch._efficientzerotensor(3),
    "sparse": torch.eye(3).to_sparse(),
    "of no memory": torch.ones(3, device="meta"),
    "integers": torch.ones(3, dtype=torch.int32),
    "bytes of floats": torch.ones(3).to(torch.float8_e4m3fn),
    "complex": torch.ones(3, dtype=torch.complex64),
    "booleans": torch.ones(3, dtype=torch.bool),
}


def compiled(x):
    return paths.dropout(x, 0.5, True, False, rule_of("standard", {}), source_of_layer(DRAW))


@pytest.mark.parametrize("name", TAKEN)
def test_taken(name):
    x = TAKEN[name]
    y = compiled(x)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert same_bits(y, core(x, 0.5, DRAW)[0])


@pytest.mark.parametrize("name", LEFT)
def test_left(name):
    assert compiled(LEFT[name]) is None


def test_a_wrapper_that_its_transform_left_behind():
    kept = []
    torch.func.vmap(lambda x: kept.append(x) or x)(torch.ones(3, 4))
    assert compiled(kept[0]) is None


@pytest.fixture
def seen_within(monkeypatch):
    """A mode for functions sees those that dropout calls, and not dropout."""
    for module in _standard, functional:
        monkeypatch.setattr(module, "function_mode_enabled", lambda: False)


@pytest.mark.parametrize("n", [1000, 1_000_000])
@pytest.mark.parametrize("during", ["random_", "empty_like"])
def test_a_tensor_that_gets_other_memory_on_the_way(during, n, seen_within):
    """As a finalizer can do: the memory that was there may be gone."""
    x = torch.ones(n)

    class Moving(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if getattr(function, "__name__", "") == during:
                x.set_(torch.full((n,), 3.0).untyped_storage(), 0, (n,), (1,))
            return function(*args, **(kwargs or {}))

    with Moving():
        y = dropout(x, 0.5, True)
    assert set(y.tolist()) == {0.0, 6.0}


def test_a_tensor_that_shrinks_on_the_way(seen_within):
    x = torch.ones(1_000_000)

    class Shrinking(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if getattr(function, "__name__", "") == "random_":
                x.set_(torch.ones(3).untyped_storage(), 0, (3,), (1,))
            return function(*args, **(kwargs or {}))

    with Shrinking(), pytest.raises(RuntimeError, match="given other memory"):
        dropout(x, 0.5, True)
