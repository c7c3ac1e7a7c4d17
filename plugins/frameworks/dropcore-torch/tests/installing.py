"""What the tests of `install` share."""

import copy

import torch
from dropcore_torch import installed
from expected import SEED

OPERATORS = [
    f"{name}{suffix}"
    for name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")
    for suffix in ("", "_")
] + ["native_dropout"]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


def state():
    """All that PyTorch's dispatcher has registered for the operators."""
    return [
        (torch._C._dispatch_dump(f"aten::{name}"), torch._C._dispatch_dump_table(f"aten::{name}"))
        for name in OPERATORS
    ]


CLEAN = state()


def seeded(function, *arguments):
    torch.manual_seed(SEED)
    return function(*arguments)


def with_and_without(function, *arguments):
    """The result of a function with dropcore installed, and the result without."""
    without = outcome(function, *arguments)
    with installed():
        return outcome(function, *arguments), without


def outcome(function, *arguments):
    try:
        return seeded(function, *copy.deepcopy(arguments))
    except Exception as error:
        return type(error), str(error)[:90]  # the end can be a list of the registered kernels


def bits(x):
    return x.detach().contiguous().reshape(-1).view(torch.uint8)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(bits(a), bits(b))
    return a == b


X = torch.randn(4, 5, 6, 7)
