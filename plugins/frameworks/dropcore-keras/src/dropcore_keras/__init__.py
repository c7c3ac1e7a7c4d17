"""dropcore for Keras 3: Keras's own dropout layers, computed by dropcore.

The layers have Keras's names, arguments, seeds and serialisation. On the torch and jax backends
dropcore computes the layers on the CPU. On another backend Keras's own layers compute, and the
import of the package gives a warning.
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
