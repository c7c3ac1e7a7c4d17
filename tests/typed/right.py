"""Right programs: type checkers find no error, and infer these types."""

from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

import dropcore
from dropcore import Mask, Stream, Variant
from dropcore.adapters import autograd
from dropcore.autograd import Linear, Sequential, Tensor
from dropcore.variants.alpha import Alpha
from dropcore.variants.spatial import Spatial

AnyArray = np.ndarray[Any, np.dtype[Any]]
x = np.ones((2, 3, 4), np.float32)
half = x.astype(np.float16)
stream = Stream(42)

# y has the dtype of x.
y, mask = dropcore.dropout(x, 0.5, training=True, rng=stream)
assert_type(y, npt.NDArray[np.float32])
assert_type(mask, Mask)
assert_type(mask.forward(x), npt.NDArray[np.float32])
assert_type(dropcore.dropout(half, 0.5, training=False, out=half)[0], npt.NDArray[np.float16])
assert_type(dropcore.dropout([1.0, 2.0], 0.5, training=True)[0], AnyArray)
layer = dropcore.Dropout(0.5, rng=42)
assert_type(layer(x), npt.NDArray[np.float32])
assert_type(layer([1.0, 2.0]), AnyArray)
assert_type(layer.train(), dropcore.Dropout)
dx: npt.NDArray[np.float32] = layer.backward(x)
assert_type(dropcore.keep_mask(9, 0.5, rng=1), npt.NDArray[np.bool_])
assert_type(dropcore.keep_mask(9, 0.5, rng=1, packed=True), npt.NDArray[np.uint8])
draw = dropcore.Stream(1).at(0)
assert_type(dropcore.keep_mask(9, 0.5, rng=draw, shard=((18,), (9,))), npt.NDArray[np.bool_])
assert_type(dropcore.dropout(x, 0.5, training=True, rng=draw, shard=((18,), (9,)))[1], Mask)

# Options of the built-in variants.
dropcore.dropout(x, 0.5, training=True, shared_axes=(1, 2))
z, mask = dropcore.dropout(x, np.float64(0.5), training=True, variant="spatial", channel_axis=1)
assert_type(z, npt.NDArray[np.float32])
dropcore.dropout(x, 0.5, training=True, variant="alpha", fixed_mean=0.1, shared_axes=[1])
dropcore.Dropout(0.5, "spatial", rng=stream, channel_axis=-1, batch_axis=None)
dropcore.Dropout(0.5, "alpha", store="draw", reuse=False, fixed_var=2)
Mask.from_keep([True, False], 0.5, variant="standard", shared_axes=1)
assert_type(dropcore.get_variant("spatial", channel_axis=1), Spatial)
assert_type(dropcore.get_variant("alpha"), Alpha)

# Variants of plugins, variant instances, and names that are known only at run time.
dropcore.dropout(x, 0.1, training=True, variant="dropblock", block_size=7, channel_axis=1)
dropcore.Dropout(0.1, "dropblock", block_size=7)
dropcore.Dropout(0.1, Spatial(channel_axis=1))
assert_type(dropcore.get_variant("zoneout"), Variant)


def chosen(name: str, options: dict[str, Any], array: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return y for any variant."""
    layer = dropcore.Dropout(0.1, name, **options)
    return layer(array) + dropcore.dropout(array, 0.1, training=True, variant=name, **options)[0]


# The engine.
model = Sequential(Linear(4, 3), autograd.Dropout(0.5, "spatial", channel_axis=1))
assert_type(model(x), Tensor)
assert_type(autograd.Dropout(0.5)(x), Tensor)
assert_type(autograd.dropout(x, 0.5, training=True, variant="alpha", fixed_mean=0), Tensor)
assert_type(autograd.dropout(x, 0.5, training=True, variant="zoneout", previous=x), Tensor)
