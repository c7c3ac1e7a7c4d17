"""The core's result for the draw that a call is to take; tests compare with this result."""

import ml_dtypes
import numpy as np
import torch
from dropcore_torch.functional import attention, dropout

import dropcore

SEED = 20

# How the elements of a tensor can lie in memory.
LAYOUTS = {
    "C order": lambda x: x,
    "last two axes swapped": lambda x: x.transpose(-1, -2).contiguous().transpose(-1, -2),
    "channels last": lambda x: x.movedim(1, -1).contiguous().movedim(-1, 1),
    "reversed axes": lambda x: x.permute(*reversed(range(x.dim()))),
    "with gaps": lambda x: torch.stack([x, x], -1).flatten(-2)[..., ::2],
    "with wide gaps": lambda x: (
        torch.stack([x] * 3, 0)[1].unsqueeze(-1).expand(*x.shape, 2)[..., 0]
    ),
    "gaps between rows": lambda x: torch.cat([x, x], -1)[..., : x.shape[-1]],
    "one for all": lambda x: x[..., :1].expand(x.shape),
}


def next_draw(stream):
    """The draw of the stream's key that the call after ``torch.manual_seed(SEED)`` takes."""
    torch.manual_seed(SEED)
    index = int(torch.randint(2**63 - 1, (), dtype=torch.int64))
    torch.manual_seed(SEED)
    return stream.at(index)


def array_of(tensor):
    """A copy of a tensor's elements, in C order."""
    tensor = tensor.detach().contiguous().clone()
    if tensor.dtype is torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def core(x, p, draw, **options):
    """The core's y and mask for a tensor."""
    return dropcore.dropout(array_of(x), p, training=True, rng=draw, **options)


def same_bits(tensor, array):
    """True if a tensor and an array have equal elements, signs of zeros and nans included."""
    ours = array_of(tensor)
    assert ours.dtype == array.dtype
    assert ours.shape == array.shape
    return ours.tobytes() == np.ascontiguousarray(array).tobytes()


def heads(*shape, dtype=torch.float64, seed=0):
    """Queries, keys, values or masks for attention."""
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def all_weights(q, k, v, mask, draw, p=0.3, causal=False, scale=None, gqa=False):
    """Attention in the whole form: PyTorch's operators and `dropout`."""
    if gqa:
        k, v = (x.repeat_interleave(q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = (q @ k.mT) * scale
    seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril() if causal else mask
    if seen is not None and seen.dtype is torch.bool:
        mask = torch.zeros((), dtype=q.dtype).where(seen, -torch.inf)
    scores = scores if mask is None else scores + mask
    hidden = (scores == -torch.inf).all(-1, keepdim=True)
    w = scores.masked_fill(hidden, 0).softmax(-1).masked_fill(hidden, 0)
    return dropout(w, p, True, rng=draw) @ v


def assert_rounded_from_float64(dtype, tensors, draw):
    """Attention and its gradients are those of float64, rounded to a narrower dtype."""
    q, k, v = (x.detach().to(dtype).requires_grad_() for x in tensors)
    y = attention(q, k, v, None, 0.3, rng=draw)
    assert y.dtype is dtype
    wide = [x.detach().double().requires_grad_() for x in (q, k, v)]
    exact = all_weights(*wide, None, draw)
    torch.testing.assert_close(y, exact.to(dtype))
    ours = torch.autograd.grad(y, (q, k, v), torch.ones_like(y))
    theirs = torch.autograd.grad(exact, wide, torch.ones_like(exact))
    torch.testing.assert_close(ours, tuple(x.to(dtype) for x in theirs))
    return y


class NoGradient(torch.autograd.Function):
    """Returns a copy of x, and in the backward pass no gradient."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, dy):
        return None
