"""Memory of tensors: where outputs go, and how NumPy sees a tensor."""

from __future__ import annotations

import weakref
from typing import Any

import ml_dtypes
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dropcore_torch.private import is_zero_by_name

LARGE = 1 << 22  # bytes: from here on NumPy asks the system for huge pages
KEPT = 1 << 28  # bytes, at most, that wait for the next large tensor
LINE = 64  # bytes of a cache line, on which PyTorch's own tensors begin


def empty_like(x: Tensor) -> Tensor:
    """A tensor for what is computed from `x`, with its strides where they leave no gap."""
    if x.numel() * x.element_size() < LARGE:
        return torch.empty_like(x)
    return large_like(x)


def large_like(x: Tensor) -> Tensor:
    """A tensor in memory that NumPy allocates, or that an earlier one left.

    The pages of a fresh large tensor of PyTorch's own come one by one, and cost several times
    what the kernels take. Those of NumPy's arrays are huge; but all fresh pages are filled
    with zeros first, so some memory is kept for the next tensor of that size.
    """
    size = x.numel() * x.element_size()
    strides = x.stride() if x.is_contiguous() else torch.empty_like(x, device="meta").stride()
    storage = torch.from_numpy(_lend(size)).untyped_storage()
    return torch.empty(0, dtype=x.dtype, device=x.device).set_(storage, 0, x.size(), strides)


# Blocks that wait for a tensor, by their size; the size that came back last is last. Each
# line below leaves it whole, whatever other threads do: the worst is a block that is freed.
_kept: dict[int, list[NDArray[np.uint8]]] = {}
# Blocks that are lent, by the id of the reference to what was lent, which is here too.
_lent: dict[int, tuple[weakref.ref[NDArray[np.uint8]], NDArray[np.uint8]]] = {}


def _lend(size: int) -> NDArray[np.uint8]:
    try:
        block = _kept[size].pop()
    except (KeyError, IndexError):
        memory = np.empty(size + LINE, np.uint8)
        begin = -memory.ctypes.data % LINE
        block = memory[begin : begin + size]
    lent = block[:]  # it lives as long as the tensor, and as all that shares memory with it
    reference = weakref.ref(lent, _given_back)
    _lent[id(reference)] = reference, block
    return lent


def _given_back(reference: weakref.ref[NDArray[np.uint8]]) -> None:
    _, block = _lent.pop(id(reference))
    _keep(block)


def _keep(block: NDArray[np.uint8]) -> None:
    waiting = _kept.pop(block.size, [])
    waiting.append(block)
    _kept[block.size] = waiting
    while sum(size * len(blocks) for size, blocks in list(_kept.items())) > KEPT:
        size, blocks = next(iter(list(_kept.items())))
        del blocks[-1:]
        if not blocks:
            _kept.pop(size, None)


def dense(x: Tensor) -> Tensor:
    """The tensor with memory of its own behind every element: not sparse, nor zeros by name."""
    if x.layout is not torch.strided:
        return x.to_dense()
    return torch.zeros(x.shape, dtype=x.dtype, device=x.device) if is_zero_by_name(x) else x


def array_of(x: Tensor) -> NDArray[Any]:
    """The tensor's own memory as an array; a copy only where it is to be negated first."""
    x = dense(x.detach()).resolve_neg()
    if x.dtype is torch.bfloat16:
        return x.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return x.numpy()


def tensor_of(x: NDArray[Any]) -> Tensor:
    """A tensor in an array's memory; of one that must not be written, in a copy's."""
    return torch.from_numpy(x if x.flags.writeable else x.copy())
