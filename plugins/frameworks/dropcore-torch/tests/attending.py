"""Inputs for attention in autograd's graph, computed in each of the three ways."""

import torch
from dropcore_torch.functional import attention
from expected import heads

import dropcore

DRAW = dropcore.Stream(3).at(5)

# The ways, and the names of their nodes in the graph: the node in C++, blocks in Python, and
# operators of PyTorch with all weights.
NODES = {
    "node": "DropcoreAttentionBackward",
    "blocks": "_BlocksBackward",
    "all weights": "UnsafeViewBackward0",
}
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def given(dtype=torch.float32, length=20, requires_grad=True):
    """q, k and v."""
    shape = 2, 3, length, 6
    made = [heads(*shape, seed=seed).to(dtype) for seed in range(3)]
    return [x.requires_grad_(requires_grad) for x in made]


def call(q, k, v, mask=None, p=0.3, **options):
    """Attention with the draw of all these tests."""
    return attention(q, k, v, mask, p, rng=DRAW, **options)
