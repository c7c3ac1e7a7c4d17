"""Attention with dropout by blocks of queries: the whole array of weights is never in memory.

    W = softmax(scale q k^T + mask),  y = drop(W) v

A block is some rows of W for some heads. A block stays in the caches while it is computed, dropped
in place and multiplied. Each weight has the decision of its place in the whole of W, so y equals
the y of the whole form. The backward pass computes each block again, from q, k and the draw.
So the memory kept for backward grows linearly with the sequence length, not with its square.

    dv = drop(W)^T dy,  G = drop(dy v^T),  dS = W (G - sum(G W)),
    dq = scale dS k,  dk = scale dS^T q

where G is dropped by the decisions of W, and the sum is over each row. The recomputation is from
Dao and others, "FlashAttention", NeurIPS 2022, section 3.1 and appendix B. Here a block has whole
rows, so no softmax has to be combined from parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, is_grad_enabled
from torch.autograd.function import Function

import dropcore
from dropcore_torch import eager, transforms, whole
from dropcore_torch._rows import Rows
from dropcore_torch.private import in_forward_mode, softmax_backward
from dropcore_torch.rule import rule_of
from dropcore_torch.source import Source
from dropcore_torch.whole import added, wide

BLOCK = 1 << 17  # elements of a block for each thread, if ROWS rows have fewer elements
# The smallest number of rows in a block: with fewer rows, the keys and the sums of their gradients
# are read too often.
ROWS = 128


@dataclass(frozen=True)
class Call:
    """The arguments of a call besides the tensors.

    Attributes
    ----------
    scale : float
        The factor of the scores.
    causal : bool
        Whether later keys are hidden from a query.
    p : float
    draw : dropcore.Draw
        The draw of the mask for W, which has the shape (batch, heads, queries, keys).
    """

    scale: float
    causal: bool
    p: float
    draw: dropcore.Draw


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, call: Call) -> Tensor:
    """Compute y.

    Parameters
    ----------
    q : torch.Tensor
        (batch, heads, queries, width), on the CPU, not empty. `batch`, or `batch` and `heads`, may
        be missing.
    k, v : torch.Tensor
        (batch, key heads, keys, width), with the dtype of q; `heads` is a multiple of `key heads`.
    mask : torch.Tensor, optional
        Axes as in W, each of the length in W or of length 1: bools, True where a query sees a key,
        or numbers that are added to the scores.

    Returns
    -------
    torch.Tensor
        The shape of q with the width of v, contiguous.
    """
    return _Blocks.apply(q, k, v, mask, call)


def _in_groups(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    # Views with all axes. k and v have four axes. q and the mask have five axes: (batch, key heads,
    # query heads for each key head, queries, width or keys).
    k, v = _with_heads(k), _with_heads(v)
    heads = k.shape[1]
    if mask is not None:
        mask = _with_heads(mask)
        mask = mask.unsqueeze(2) if mask.shape[1] == 1 else mask.unflatten(1, (heads, -1))
    return _group(q, heads), k, v, mask


def _group(x: Tensor, heads: int) -> Tensor:
    # A view of q, or of a tensor like y, with an axis for the groups of key heads.
    x = _with_heads(x)
    return x.unsqueeze(2) if x.shape[1] == heads else x.unflatten(1, (heads, -1))


def _with_heads(x: Tensor) -> Tensor:
    # Adds axes, up to (batch, head, position, width).
    return x if x.dim() == 4 else x[(None,) * (4 - x.dim())]


# ------------------------------------------------------------------------------ blocks


@dataclass(frozen=True)
class _Block:
    heads: slice  # key heads, numbered over all batches
    group: int  # the query head within each key head
    rows: slice
    columns: slice  # begins at 0; no row of the block sees the keys after this slice

    @property
    def shape(self) -> tuple[int, int, int]:
        return tuple(each.stop - each.start for each in (self.heads, self.rows, self.columns))


class _Work:
    """The tensors of a call in the form for blocks, and the computation of a block.

    The tensors have the computing dtype; batches and heads are merged into one axis.
    """

    def __init__(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, call: Call) -> None:
        q, k, v, mask = _in_groups(q, k, v, mask)
        self.batch, self.heads, self.groups, self.queries, _ = q.shape
        self.keys = k.shape[-2]
        self.q, self.k, self.v = (wide(each).flatten(0, 1) for each in (q, k, v))
        self.mask, self.call = mask, call
        self.rows = Rows(call.draw, call.p, self.keys)
        threads = torch.get_num_threads()
        height = max(ROWS, BLOCK // self.keys)
        self.height = min(self.queries, height)
        self.at_once = max(1, BLOCK // (self.height * self.keys)) * threads
        # Keys that no row sees can only be skipped if k and v are finite: 0 * nan is nan.
        self.skips = call.causal and bool(self.k.isfinite().all() and self.v.isfinite().all())
        self.triangle: Tensor | None = None

    def merged(self, y: Tensor) -> Tensor:
        """A tensor with the shape of y, in the form for blocks."""
        return _group(y, self.heads).flatten(0, 1)

    def blocks(self) -> Iterator[_Block]:
        for heads in self.chunks():
            for group in range(self.groups):
                for row in range(0, self.queries, self.height):
                    rows = slice(row, min(row + self.height, self.queries))
                    columns = slice(0, min(rows.stop, self.keys) if self.skips else self.keys)
                    yield _Block(heads, group, rows, columns)

    def chunks(self) -> Iterator[slice]:
        # If the mask differs between batches or heads, a block has heads of one batch only.
        alike = self.mask is None or self.mask.shape[:2] == (1, 1)
        many = self.batch * self.heads if alike else self.heads
        for first in range(0, self.batch * self.heads, many):
            for head in range(0, many, self.at_once):
                yield slice(first + head, first + min(head + self.at_once, many))

    def memory(self) -> Tensor:
        many = min(self.at_once, self.batch * self.heads)
        return self.q.new_empty(many * self.height * self.keys)

    def first_row(self, block: _Block) -> tuple[int, int]:
        """The first row of the block in W, and the distance to the first row of the next head."""
        step = self.groups * self.queries
        return block.heads.start * step + block.group * self.queries + block.rows.start, step

    def weights(self, block: _Block, memory: Tensor) -> Tensor:
        heads, rows, columns = block.shape
        w = memory[: heads * rows * columns].view(block.shape)
        q = self.q[block.heads, block.group, block.rows]
        k = self.k[block.heads, block.columns].transpose(1, 2)
        torch.baddbmm(w, q, k, beta=0, alpha=self.call.scale, out=w)
        if self.call.causal and block.rows.start < columns:
            w[:, :, block.rows.start :].add_(self.above(rows, columns - block.rows.start))
        if self.mask is None:
            return torch.softmax(w, -1, out=w)
        w.add_(added(self.of_mask(self.mask, block), w.dtype))
        nothing = w.amax(-1, keepdim=True) == -torch.inf
        torch.softmax(w, -1, out=w)
        return w.masked_fill_(nothing, 0) if nothing.any() else w

    def above(self, rows: int, columns: int) -> Tensor:
        # -inf for keys that are later than the query, 0 for the others.
        if self.triangle is None:
            self.triangle = self.q.new_full((self.height, self.keys), -torch.inf).triu_(1)
        return self.triangle[:rows, :columns]

    def of_mask(self, mask: Tensor, block: _Block) -> Tensor:
        """The part of a tensor with the mask's shape for a block: three axes, some of length 1."""
        batch, head = divmod(block.heads.start, self.heads)
        of_heads = slice(head, head + block.shape[0]) if mask.shape[1] > 1 else slice(0, 1)
        return mask[
            batch if mask.shape[0] > 1 else 0,
            of_heads,
            block.group if mask.shape[2] > 1 else 0,
            block.rows if mask.shape[3] > 1 else slice(0, 1),
            block.columns if mask.shape[4] > 1 else slice(0, 1),
        ]


# ---------------------------------------------------------------------------- passes


class _Blocks(Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, call: Call
    ) -> Tensor:
        ctx.save_for_backward(q, k, v, mask)
        ctx.call = call
        work = _Work(q, k, v, mask, call)
        y = work.q.new_empty(*q.shape[:-1], v.shape[-1])
        merged = work.merged(y)
        memory = work.memory()
        for block in work.blocks():
            w = work.weights(block, memory)
            work.rows.drop(w, *work.first_row(block))
            out = merged[block.heads, block.group, block.rows]
            torch.bmm(w, work.v[block.heads, block.columns], out=out)
        return y.to(q.dtype)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, mask = ctx.saved_tensors
        if is_grad_enabled() or in_forward_mode() or transforms.are_in_the_way(dy):
            return *_by_weights((q, k, v, mask), dy, ctx.call, ctx.needs_input_grad[:4]), None
        gradients = _Gradients(_Work(q, k, v, mask, ctx.call), ctx.needs_input_grad)
        return *gradients.of(dy, (q, k, v, mask)), None


class _Gradients:
    """The gradients, as sums over the blocks.

    The gradients of k and v are summed with positions as the last axis: a matrix product with few
    rows and many columns takes less time than its transpose.
    """

    def __init__(self, work: _Work, needed: tuple[bool, ...]) -> None:
        self.work = work
        of_q, of_k, of_v, of_mask = needed[:4]
        zeros = work.q.new_zeros
        self.dq = work.q.new_empty(work.q.shape) if of_q else None
        self.dk = zeros(work.k.transpose(1, 2).shape) if of_k else None
        self.dv = zeros(work.v.transpose(1, 2).shape) if of_v else None
        self.dmask = zeros(work.mask.shape) if of_mask else None

    def of(self, dy: Tensor, given: tuple[Tensor | None, ...]) -> list[Tensor | None]:
        """The gradients of the given tensors, from the gradient of y."""
        work = self.work
        dy = work.merged(wide(dy))
        memory, other = work.memory(), work.memory()
        for block in work.blocks():
            self.add(block, dy[block.heads, block.group, block.rows], memory, other)
        dk, dv = (None if dx is None else dx.transpose(1, 2) for dx in (self.dk, self.dv))
        return [
            None if dx is None else dx.to(x.dtype).reshape(x.shape)
            for dx, x in zip((self.dq, dk, dv, self.dmask), given, strict=True)
        ]

    def add(self, block: _Block, dy: Tensor, memory: Tensor, other: Tensor) -> None:
        work, scale = self.work, self.work.call.scale
        w = work.weights(block, memory)
        g = other[: w.numel()].view(w.shape)
        packed = work.rows.drop(w, *work.first_row(block), out=g, keep=True)
        if self.dv is not None:
            self.dv[block.heads, :, block.columns].baddbmm_(dy.transpose(1, 2), g)
        if self.dq is None and self.dk is None and self.dmask is None:
            return
        torch.bmm(dy, work.v[block.heads, block.columns].transpose(1, 2), out=g)
        work.rows.again(g, packed)
        softmax_backward(g, w, out=g)
        if self.dmask is not None:
            part = work.of_mask(self.dmask, block)
            part += g.sum_to_size(part.shape)
        if self.dq is not None:
            out = self.dq[block.heads, block.group, block.rows]
            k = work.k[block.heads, block.columns]
            torch.baddbmm(out, g, k, beta=0, alpha=scale, out=out)
        if self.dk is not None:
            q = work.q[block.heads, block.group, block.rows]
            dk = self.dk[block.heads, :, block.columns]
            dk.baddbmm_(q.transpose(1, 2), g, alpha=scale)


# ------------------------------------------------------------- derivatives of gradients


def gradients_of(
    given: tuple[Tensor, Tensor, Tensor, Tensor | None],
    dy: Tensor,
    numbers: tuple[float, bool, float, str, int],
    needed: tuple[bool, bool, bool],
) -> list[Tensor | None]:
    """Return the gradients of q, k and v, for the node in C++ if it does not compute them.

    Parameters
    ----------
    given : tuple
        q, k, v and the mask.
    dy : torch.Tensor
    numbers : tuple
        `scale`, `causal` and `p` as in `Call`; the key of the draw in hex digits, and its index.
    needed : tuple of bool
    """
    *rest, key, index = numbers
    call = Call(*rest, dropcore.Draw.parse(f"dc1:{key}:{index}"))
    return _by_weights(given, dy, call, (*needed, False))[:3]


def _by_weights(
    given: tuple[Tensor | None, ...], dy: Tensor, call: Call, needed: tuple[bool, ...]
) -> list[Tensor | None]:
    # The gradients by the whole form. PyTorch can differentiate them.
    rule, source = rule_of("standard", {}), Source(call.draw, True)

    def drop(w: Tensor) -> Tensor:
        return eager.dropout((w,), call.p, True, rule, source)

    again = is_grad_enabled()
    with torch.enable_grad():
        # Views: a tensor may be given twice, or depend on another, and each has its own gradient.
        own = [None if x is None else x.view_as(x) for x in given]
        q, k, v, mask = _in_groups(*own)
        k, v = k.unsqueeze(2), v.unsqueeze(2)
        y = whole.attention(q, k, v, mask, call.causal, call.scale, drop).reshape(dy.shape)
    wanted = [x for x, need in zip(own, needed, strict=True) if need]
    found = iter(torch.autograd.grad(y, wanted, dy, create_graph=again))
    return [next(found) if need else None for need in needed]
