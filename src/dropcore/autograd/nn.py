"""Layers: the modules that come with the engine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from dropcore.autograd.arguments import at_least
from dropcore.autograd.conv import conv2d
from dropcore.autograd.module import Module
from dropcore.autograd.norm import batch_norm
from dropcore.autograd.ops import relu, selu, sigmoid, tanh
from dropcore.autograd.tensor import Tensor, as_tensor

Seed = int | np.random.Generator | np.random.SeedSequence | None


class Linear(Module):
    """Affine map of the last axis: ``x @ weight + bias``.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool, default: True
    rng : int, SeedSequence, Generator or None
        The source of the initial values, which are uniform between -1/sqrt(in_features) and
        1/sqrt(in_features).
    dtype : float32 or float64, default: float32

    Attributes
    ----------
    weight : Tensor, shape (in_features, out_features)
    bias : Tensor, shape (out_features,), or None

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.autograd import Linear
    >>> Linear(3, 2, rng=0)(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        rng: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        at_least("in_features", in_features, 1, whole=True)
        at_least("out_features", out_features, whole=True)
        generator = np.random.default_rng(rng)
        self.weight = _uniform(generator, (in_features, out_features), in_features, dtype)
        self.bias = _uniform(generator, (out_features,), in_features, dtype) if bias else None

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Return ``x @ weight + bias`` for x of shape (..., in_features)."""
        x = as_tensor(x)
        features = self.weight.shape[0]
        if x.ndim == 0 or x.shape[-1] != features:
            raise ValueError(f"x must have shape (..., {features}), not {x.shape}")
        y = x @ self.weight
        return y if self.bias is None else y + self.bias


class Conv2d(Module):
    """Two-dimensional convolution with square windows; see `conv2d`.

    Parameters
    ----------
    in_channels, out_channels, kernel_size : int
    stride : int, default: 1
    padding : int, default: 0
    bias : bool, default: True
    rng : int, SeedSequence, Generator or None
        The source of the initial values, which are uniform between -s and s, with
        ``s = 1 / sqrt(in_channels * kernel_size**2)``.
    dtype : float32 or float64, default: float32

    Attributes
    ----------
    weight : Tensor, shape (out_channels, in_channels, kernel_size, kernel_size)
    bias : Tensor, shape (out_channels,), or None
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        rng: Seed = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        at_least("in_channels", in_channels, 1, whole=True)
        at_least("out_channels", out_channels, whole=True)
        at_least("kernel_size", kernel_size, 1, whole=True)
        generator = np.random.default_rng(rng)
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        fan_in = in_channels * kernel_size**2
        self.weight = _uniform(generator, shape, fan_in, dtype)
        self.bias = _uniform(generator, (out_channels,), fan_in, dtype) if bias else None
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Return the convolution of x, shape (batch, in_channels, height, width)."""
        return conv2d(x, self.weight, self.bias, stride=self.stride, padding=self.padding)


class BatchNorm(Module):
    """Batch normalisation over all axes except axis 1; see `batch_norm`.

    Parameters
    ----------
    channels : int
    momentum : float, default: 0.1
    eps : float, default: 1e-5
    dtype : float32 or float64, default: float32

    Attributes
    ----------
    weight, bias : Tensor, shape (channels,)
    running_mean, running_var : ndarray, shape (channels,)
        Buffers: used in inference, updated in training.
    """

    def __init__(
        self,
        channels: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        dtype: DTypeLike = np.float32,
    ) -> None:
        at_least("channels", channels, whole=True)
        self.weight = Tensor(np.ones(channels, dtype), requires_grad=True)
        self.bias = Tensor(np.zeros(channels, dtype), requires_grad=True)
        self.running_mean = np.zeros(channels, dtype)
        self.running_var = np.ones(channels, dtype)
        self.momentum = momentum
        self.eps = eps

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Normalise x, shape (batch, channels) or (batch, channels, ...)."""
        return batch_norm(
            x,
            self.weight,
            self.bias,
            self.running_mean,
            self.running_var,
            training=self.training,
            momentum=self.momentum,
            eps=self.eps,
        )


class Flatten(Module):
    """Merges all axes except the first into one."""

    def forward(self, x: Tensor | ArrayLike) -> Tensor:
        """Reshape x, shape (batch, ...), to (batch, features)."""
        x = as_tensor(x)
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


class ReLU(Module):
    """`relu` as a module."""

    forward = staticmethod(relu)


class Sigmoid(Module):
    """`sigmoid` as a module."""

    forward = staticmethod(sigmoid)


class Tanh(Module):
    """`tanh` as a module."""

    forward = staticmethod(tanh)


class SELU(Module):
    """`selu` as a module."""

    forward = staticmethod(selu)


def _uniform(
    rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, dtype: DTypeLike
) -> Tensor:
    bound = 1 / math.sqrt(fan_in)
    return Tensor(rng.uniform(-bound, bound, shape).astype(dtype), requires_grad=True)
