"""dropcore for Keras 3: Keras's own dropout layers, computed by dropcore.

The layers have Keras's names, arguments, seeds and serialisation. On the torch and jax
backends dropcore computes them on the CPU; on another backend they do what Keras's do, and
importing the package says so in a warning.
"""

from dropcore_keras.layers import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)

__all__ = [
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]
