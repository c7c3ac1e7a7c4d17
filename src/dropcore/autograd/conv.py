"""Two-dimensional convolution as one matrix product over patches."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from dropcore.autograd.arguments import at_least, of_shape
from dropcore.autograd.gradients import Array
from dropcore.autograd.tensor import Tensor, apply_op, as_tensor


def conv2d(
    x: Tensor | ArrayLike,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
) -> Tensor:
    """Slide a window over images: a cross-correlation, called convolution in neural networks.

    Parameters
    ----------
    x : Tensor or array, shape (batch, in_channels, height, width)
    weight : Tensor, shape (out_channels, in_channels, kernel_height, kernel_width)
    bias : Tensor, shape (out_channels,), optional
    stride : int, default: 1
        The step of the window along height and width.
    padding : int, default: 0
        The number of zeros that are added at each of the four sides.

    Returns
    -------
    Tensor, shape (batch, out_channels, out_height, out_width)
        With ``out_height = (height + 2 * padding - kernel_height) // stride + 1``.

    Raises
    ------
    TypeError, ValueError
        If the shapes do not fit, or `stride` or `padding` is not an integer or out of range.

    Notes
    -----
    All patches are copied into a matrix, which the tape keeps for the backward pass. For stride 1
    the matrix is about kernel_height * kernel_width times as large as `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.autograd import Tensor, conv2d
    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> conv2d(x, Tensor(np.ones((1, 1, 2, 2))))
    Tensor([[[[ 8., 12.],
              [20., 24.]]]])
    """
    x = as_tensor(x)
    _check(x.shape, weight.shape, stride, padding)
    out_channels, _, rows, columns = weight.shape
    if bias is not None:
        of_shape("bias", bias.shape, (out_channels,), " as the kernels of weight")
    shape = x.shape  # the rules need only the shape of x
    patches, (batch, height, width) = _patches(x.data, (rows, columns), stride, padding)
    kernels = weight.data.reshape(out_channels, patches.shape[1])
    y = (patches @ kernels.T).reshape(batch, height, width, out_channels).transpose(0, 3, 1, 2)

    def by_position(dy: Array) -> Array:
        return dy.transpose(0, 2, 3, 1).reshape(len(patches), out_channels)

    def backward_x(dy: Array) -> Array:
        dpatches = by_position(dy) @ kernels
        dpatches = dpatches.reshape(batch, height, width, shape[1], rows, columns)
        dx = np.zeros(_padded(shape, padding), dtype=dpatches.dtype)
        for i in range(rows):
            for j in range(columns):
                window = dx[:, :, i : i + stride * height : stride, j : j + stride * width : stride]
                window += dpatches[..., i, j].transpose(0, 3, 1, 2)
        return dx[:, :, padding : padding + shape[2], padding : padding + shape[3]]

    def backward_weight(dy: Array) -> Array:
        return (by_position(dy).T @ patches).reshape(out_channels, shape[1], rows, columns)

    result = apply_op(y, (x, weight), (backward_x, backward_weight))
    return result if bias is None else result + bias.reshape(1, -1, 1, 1)


def _patches(
    x: Array, window: tuple[int, int], stride: int, padding: int
) -> tuple[Array, tuple[int, int, int]]:
    """Return a row for each position of the window, and (batch, out_height, out_width)."""
    padded = np.zeros(_padded(x.shape, padding), dtype=x.dtype)
    padded[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]] = x
    views = np.lib.stride_tricks.sliding_window_view(padded, window, axis=(2, 3))
    views = views[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)
    places = views.shape[:3]
    return views.reshape(math.prod(places), math.prod(views.shape[3:])), places


def _padded(shape: tuple[int, ...], padding: int) -> tuple[int, int, int, int]:
    batch, channels, height, width = shape
    return batch, channels, height + 2 * padding, width + 2 * padding


def _check(x: tuple[int, ...], weight: tuple[int, ...], stride: int, padding: int) -> None:
    if len(x) != 4:
        raise ValueError(f"x must have shape (batch, channels, height, width), not {x}")
    if len(weight) != 4 or weight[1] != x[1]:
        raise ValueError(
            f"weight must have shape (out_channels, {x[1]}, kernel_height, kernel_width) for x of "
            f"shape {x}, not {weight}"
        )
    at_least("stride", stride, 1, whole=True)
    at_least("padding", padding, whole=True)
    if 0 in weight[2:]:
        raise ValueError(f"weight must have a window of one element or more, not shape {weight}")
    if weight[2] > x[2] + 2 * padding or weight[3] > x[3] + 2 * padding:
        padded = f"shape {x} with padding {padding}"
        raise ValueError(f"x must be as large as the window {weight[2:]} or larger, not {padded}")
