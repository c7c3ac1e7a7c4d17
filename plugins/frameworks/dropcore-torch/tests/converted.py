"""What the tests of converted layers share: a pair of layers that are compared."""

import copy

import pytest
import torch
from dropcore_torch import convert
from torch import nn

NOTHING = 5e-324  # above 0, and still drops nothing: outputs are as without dropout
CLEAR = (AssertionError, RuntimeError, TypeError, ValueError)


def pair(plain):
    """The layer, and a converted copy that drops nothing."""
    ours = copy.deepcopy(plain)
    ours.dropout = NOTHING
    convert(ours)
    return plain, ours


def assert_both_refuse(plain, ours, *arguments, **options):
    """Both raise, and dropcore's layer takes no random number before."""
    with pytest.raises((*CLEAR, AttributeError, LookupError)) as its:
        plain(*arguments, **options)
    before = torch.get_rng_state()
    with pytest.raises((*CLEAR, its.type)) as other:
        ours(*arguments, **options)
    assert str(other.value)
    assert torch.equal(torch.get_rng_state(), before)


def padded_attention(length):
    """A converted attention layer with dropout, its input, and a mask of padding."""
    module = nn.MultiheadAttention(12, 3, dropout=0.3, batch_first=True, add_bias_kv=True)
    convert(module)
    padding = torch.zeros(2, length, dtype=torch.bool)
    padding[0, 30:] = True
    return module, torch.randn(2, length, 12), padding
