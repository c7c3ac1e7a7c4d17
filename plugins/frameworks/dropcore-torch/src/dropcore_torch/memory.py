"""Memory of tensors: the memory of outputs, and the conversion between tensors and arrays."""

from __future__ import annotations

import weakref
from typing import Any

import ml_dtypes
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dropcore_torch.private import is_zero_by_name

LARGE = 1 << 22  # bytes: NumPy asks the system for huge pages from this size on
KEPT = 1 << 28  # bytes: the most memory that is kept for later large tensors
LINE = 64  # bytes in a cache line; PyTorch's own tensors begin at one


def empty_like(x: Tensor) -> Tensor:
    """A tensor of the shape and dtype of `x`, with its strides unless `x` has gaps."""
    if x.numel() * x.element_size() < LARGE:
        return torch.empty_like(x)
    return large_like(x)


def large_like(x: Tensor) -> Tensor:
    """A tensor in memory that NumPy allocates, or that an earlier tensor used.

    The first write to each page of a large new tensor of PyTorch causes a page fault, and all page
    faults together take several times as long as the kernels. NumPy's arrays have huge pages, so
    there are few faults. But the system fills all new pages with zeros, so some memory is kept for
    the next tensor of this size.
    """
    size = x.numel() * x.element_size()
    strides = x.stride() if x.is_contiguous() else torch.empty_like(x, device="meta").stride()
    storage = torch.from_numpy(_lend(size)).untyped_storage()
    return torch.empty(0, dtype=x.dtype, device=x.device).set_(storage, 0, x.size(), strides)


# Free blocks, by their size; the sizes are in the order in which blocks were given back. Each line
# of code below keeps this table consistent, whatever other threads do; at worst a block is freed.
_kept: dict[int, list[NDArray[np.uint8]]] = {}
# Blocks in use, by the id of the weak reference to the lent array; the reference is stored too.
_lent: dict[int, tuple[weakref.ref[NDArray[np.uint8]], NDArray[np.uint8]]] = {}


def _lend(size: int) -> NDArray[np.uint8]:
    try:
        block = _kept[size].pop()
    except (KeyError, IndexError):
        memory = np.empty(size + LINE, np.uint8)
        begin = -memory.ctypes.data % LINE
        block = memory[begin : begin + size]
    lent = block[:]  # it lives as long as the tensor and every tensor that shares its memory
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
    """A tensor with memory for every element: neither sparse nor a zero tensor without memory."""
    if x.layout is not torch.strided:
        return x.to_dense()
    return torch.zeros(x.shape, dtype=x.dtype, device=x.device) if is_zero_by_name(x) else x


def array_of(x: Tensor) -> NDArray[Any]:
    """The tensor's memory as an array; a copy only if the tensor has a pending negation."""
    x = dense(x.detach()).resolve_neg()
    if x.dtype is torch.bfloat16:
        return x.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return x.numpy()


def tensor_of(x: NDArray[Any]) -> Tensor:
    """A tensor in an array's memory; if the array is read-only, in the memory of a copy."""
    return torch.from_numpy(x if x.flags.writeable else x.copy())
