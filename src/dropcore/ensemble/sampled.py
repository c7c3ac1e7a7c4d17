"""Predict with sub-networks drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dropcore import functional
from dropcore.adapters.autograd import Dropout
from dropcore.autograd import Module, Tensor, as_tensor, no_grad
from dropcore.autograd.contexts import inference_mode
from dropcore.draw import Draw
from dropcore.ensemble.common import (
    Output,
    check_drops,
    check_rows,
    dropout_answered,
    means_of,
    rows_of,
)
from dropcore.rng import stream_of
from dropcore.stream import Stream
from dropcore.variants.base import Array, PlannedVariant

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from dropcore.rng import RNGLike


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """The predictions of sampled sub-networks.

    Attributes
    ----------
    samples : ndarray, shape (samples, ...)
        The prediction of each sub-network: the model's output, after the function `output` of
        `mc_predict`.
    mean : ndarray
        The mean over the samples.
    std : ndarray
        The standard deviation over the samples, with the divisor ``samples - 1``.
    """

    samples: Array
    mean: Array
    std: Array

    def __repr__(self) -> str:
        spread = f"std up to {self.std.max():.3g}" if self.std.size else "no rows"
        return f"<Prediction: {len(self.samples)} samples of shape {self.mean.shape}, {spread}>"


def mc_predict(
    model: Module,
    x: Tensor | ArrayLike,
    samples: int,
    *,
    rng: RNGLike = None,
    output: Output = None,
) -> Prediction:
    """Predict with sampled sub-networks: dropout on, everything else in inference mode.

    Each sample is the prediction of one sub-network for all rows of `x`: every dropout module makes
    the mask of a single row, and uses this mask for all rows. So the predictions for a row depend
    neither on the other rows nor on the order of the rows.

    Parameters
    ----------
    model : Module
        A model with `dropcore.adapters.autograd.Dropout` modules, in any mode. Axis 0 of the input
        of each dropout module must be the axis of the rows of `x`. In inference the model must not
        mix rows.
    x : Tensor or array_like, shape (rows, ...)
    samples : int
        The number of sub-networks, at least 2.
    rng : optional
        As for `dropcore.dropout`, but None makes a new Stream. One draw determines all samples. The
        same int or Draw gives the same sub-networks, also for another `x`, or for `x` in pieces.
    output : {"softmax", "sigmoid"}, optional
        The function that is applied to the model's output before averaging.

    Returns
    -------
    Prediction
        The samples, their mean and their standard deviation, in the dtype of the model's output.

    Raises
    ------
    TypeError
        If a module's variant cannot use one mask for all rows. Accepted are planned variants,
        variants that decide each row separately, and variants with `mean_scope` "tensor".
    ValueError
        If the model has no dropout module. If the model calls dropout as a function, or calls a
        dropout module that does not belong to the model. If an argument is out of range.

    Notes
    -----
    Nothing is recorded for gradients. The modes of the modules are restored, and no draw is taken
    from their streams. If `x` is cut into pieces, the decisions are the same to the bit; values may
    differ in the last bits, because NumPy's matrix product may round differently for another
    number of rows. A dropout module processes one row after the other, so many rows take long.
    All samples are kept in memory.

    Examples
    --------
    >>> import numpy as np
    >>> from dropcore.adapters.autograd import Dropout
    >>> from dropcore.autograd import Linear, ReLU, Sequential
    >>> from dropcore.ensemble import mc_predict
    >>> model = Sequential(Linear(4, 64, rng=0), ReLU(), Dropout(0.5), Linear(64, 1, rng=1))
    >>> x = np.ones((3, 4), np.float32)
    >>> prediction = mc_predict(model, x, 50, rng=42)
    >>> prediction
    <Prediction: 50 samples of shape (3, 1), std up to 0.336>
    >>> bool((prediction.std > 0).all())
    True
    >>> bool((prediction.samples[:, 0] == prediction.samples[:, 1]).all())   # equal rows
    True
    """
    if isinstance(samples, bool) or not isinstance(samples, int | np.integer) or samples < 2:
        raise ValueError(f"samples must be an integer of 2 or more, not {samples!r}")
    check_drops(model)
    x, value = as_tensor(x), means_of(output).value
    rows_of(x)
    # The text of the draw is the seed of every stream of this ensemble.
    ensemble_seed = str(_draw(rng)).encode()
    ys = []
    with inference_mode(model), no_grad():
        for sample in range(samples):
            with dropout_answered(model, _Shared(ensemble_seed, sample, x.shape)):
                ys.append(value(as_tensor(model(x))).data)
    mean, std = _mean_and_std(ys)
    return Prediction(np.stack(ys), mean, std)


class _Shared:
    """Computes dropout modules with the same decisions for every row."""

    def __init__(self, ensemble_seed: bytes, sample: int, of_x: tuple[int, ...]) -> None:
        self.ensemble_seed = ensemble_seed
        self.sample = sample
        self.of_x = of_x
        self.streams: dict[str, Stream] = {}

    def __call__(self, name: str, module: Dropout, arrays: dict[str, Array]) -> Array:
        check_rows(name, arrays["x"].shape, self.of_x)
        _check_shares(name, module, arrays["x"].shape)
        if name not in self.streams:
            path = (*(name.split(".") if name else ()), self.sample)
            self.streams[name] = Stream(self.ensemble_seed, path)
        first: dict[str, Any] = {key: array[:1] for key, array in arrays.items()}
        _, mask = functional.dropout(
            first.pop("x"),
            module.p,
            training=True,
            rng=self.streams[name],
            variant=module.variant,
            **first,
        )
        inputs = [arrays[key] for key in module.variant.inputs]
        y = np.empty_like(inputs[0], order="C")
        for row in range(self.of_x[0]):
            mask.forward(*[a[row : row + 1] for a in inputs], out=y[row : row + 1])
        return y


def _check_shares(name: str, module: Dropout, shape: tuple[int, ...]) -> None:
    # The decisions of a plan are independent or shared, so the mask of one row is right for every
    # row. A variant that keeps the mean over a tensor treats one row as a tensor. For any other
    # variant, the decisions for a single row may differ from the decisions for this row within x.
    variant = module.variant
    if isinstance(variant, PlannedVariant) or variant.mean_scope == "tensor":
        return
    if variant.independent_unit((2, *shape[1:]))[0] != 2:
        raise TypeError(
            f"the variant of module {name!r} must decide each row along axis 0 separately, not "
            f"{variant!r}, which decides rows together: mc_predict needs one mask for all rows"
        )


def _draw(rng: RNGLike) -> Draw:
    """Take one draw from `rng`."""
    if isinstance(rng, Draw):
        return rng
    return (Stream() if rng is None else stream_of(rng)).draw()


def _mean_and_std(ys: list[Array]) -> tuple[Array, Array]:
    # A loop instead of np.sum, whose order of additions, and so the rounding, depends on the shape.
    mean = np.zeros(ys[0].shape)
    for y in ys:
        mean += y
    mean /= len(ys)
    square = np.zeros(ys[0].shape)
    for y in ys:
        square += (y - mean) ** 2
    std = np.sqrt(square / (len(ys) - 1))
    return mean.astype(ys[0].dtype), std.astype(ys[0].dtype)
