"""The layers: subclasses of Keras's layers that override only `call`."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from dropcore_keras.backend import find_framework

_framework = find_framework()

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("int", "uint", "bool")  # prefixes of their names

_registered = keras.saving.register_keras_serializable(package="dropcore_keras")


class _Layer:
    """The `call` of all layers. It is a base class in front of Keras's layer."""

    variant = "standard"
    rate: float

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # Early versions of Python 3.11 would show the arguments of Keras's `__new__`, which takes
        # any arguments, instead of the arguments of an `__init__` that a class inherits.
        super().__init_subclass__(**kwargs)
        arguments = list(inspect.signature(cls.__init__).parameters.values())[1:]
        cls.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        if _framework is None or not _framework.serves(inputs):
            return super().call(inputs, training=training)  # type: ignore[misc]
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if dtype not in FLOATS:
            if not dtype.startswith(INTEGERS) or self.rate == 1:
                return super().call(inputs, training=training)  # type: ignore[misc]
            inputs = keras.ops.cast(inputs, self._dtype_of_integers())
        options = self._options(tuple(inputs.shape))
        return _framework.dropout(self, inputs, self.variant, **options)

    def _dtype_of_integers(self) -> str:
        return "float32"  # for every policy, as in Keras's layer

    def _options(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return {}


@_registered
class Dropout(_Layer, keras.layers.Dropout):
    """`keras.layers.Dropout`, computed by dropcore.

    Parameters
    ----------
    rate : float
        The probability that an element is dropped, in [0, 1].
    noise_shape : tuple of int or None, optional
        The shape of the mask: 1 for an axis along which all elements share a decision; for any
        other axis, None or the length of the axis.
    seed : int, optional
        The seed of the layer's `keras.random.SeedGenerator`. Each call in training takes the next
        seed of this generator, which determines the mask, on both backends. Without a seed, the
        torch backend uses PyTorch's generator.
    **kwargs
        `name`, `dtype` and so on, as for any layer.

    Examples
    --------
    >>> import dropcore_keras, keras, numpy as np
    >>> layer = dropcore_keras.Dropout(0.5, seed=1)
    >>> keras.ops.convert_to_numpy(layer(np.ones(8, "float32"), training=True)).tolist()
    [0.0, 0.0, 0.0, 2.0, 0.0, 2.0, 0.0, 0.0]
    >>> keras.ops.convert_to_numpy(layer(np.ones(2, "float32"))).tolist()
    [1.0, 1.0]
    """

    def _options(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return {"shared_axes": shared_axes(self.noise_shape, shape)}


@_registered
class AlphaDropout(_Layer, keras.layers.AlphaDropout):
    """`keras.layers.AlphaDropout` with dropcore: keeps mean and variance of selu outputs.

    Parameters
    ----------
    rate, noise_shape, seed, **kwargs
        As for `Dropout`. A rate of 1 gives zeros.
    """

    variant = "alpha"

    def _options(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return {"shared_axes": shared_axes(self.noise_shape, shape)}


@_registered
class GaussianDropout(_Layer, keras.layers.GaussianDropout):
    """`keras.layers.GaussianDropout` with dropcore: multiplies by normal noise of mean 1.

    The variance of the noise is ``rate / (1 - rate)``, as in standard dropout. On the jax backend
    a callback computes the noise in Python.

    Parameters
    ----------
    rate : float
        In [0, 1).
    seed, **kwargs
        As for `Dropout`.
    """

    variant = "gaussian"

    def _dtype_of_integers(self) -> str:
        dtype: str = self.compute_dtype
        return dtype


class _Spatial(_Layer):
    variant = "spatial"
    data_format = "channels_last"  # SpatialDropout1D has no argument for it

    def _options(self, shape: tuple[int, ...]) -> dict[str, Any]:
        return {"channel_axis": 1 if self.data_format == "channels_first" else -1}


@_registered
class SpatialDropout1D(_Spatial, keras.layers.SpatialDropout1D):
    """`keras.layers.SpatialDropout1D` with dropcore, for shape ``(samples, steps, channels)``.

    Parameters
    ----------
    rate : float
        The probability that a channel of a sample is dropped, in [0, 1].
    seed, name, dtype
        As for `Dropout`.
    """


@_registered
class SpatialDropout2D(_Spatial, keras.layers.SpatialDropout2D):
    """`keras.layers.SpatialDropout2D` with dropcore, for samples with rows and columns.

    Parameters
    ----------
    rate : float
        The probability that a channel of a sample is dropped, in [0, 1].
    data_format : {"channels_last", "channels_first"}, optional
        Keras's own setting by default.
    seed, name, dtype
        As for `Dropout`.
    """


@_registered
class SpatialDropout3D(_Spatial, keras.layers.SpatialDropout3D):
    """`keras.layers.SpatialDropout3D` with dropcore, for samples with three axes.

    Parameters
    ----------
    rate, data_format, seed, name, dtype
        As for `SpatialDropout2D`.
    """


def shared_axes(
    noise_shape: tuple[int | None, ...] | None, shape: tuple[int, ...]
) -> tuple[int, ...]:
    """The axes of an array of `shape` along which a mask of `noise_shape` is shared.

    Parameters
    ----------
    noise_shape : tuple of int or None, or None
        Broadcasts to `shape`; None stands for the length of its axis.
    shape : tuple of int

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If `noise_shape` does not broadcast to `shape`.

    Examples
    --------
    >>> shared_axes((None, 1, 8), (32, 10, 8))
    (1,)
    """
    if noise_shape is None:
        return ()
    missing = len(shape) - len(noise_shape)
    own = [
        length if missing == 0 and wanted is None else wanted
        for wanted, length in zip((1,) * missing + tuple(noise_shape), shape, strict=False)
    ]
    if missing < 0 or any(wanted not in (1, n) for wanted, n in zip(own, shape, strict=True)):
        raise ValueError(
            f"noise_shape must broadcast to the shape of inputs, {shape}, not {noise_shape}"
        )
    return tuple(axis for axis, wanted in enumerate(own) if wanted == 1)
