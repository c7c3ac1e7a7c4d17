"""dropcore for JAX: dropout that is compiled, and whose masks can be replayed.

`dropout` is the function. `dropout_in_python` runs the variants that have no compiled form,
and `draw_of` says which draw of dropcore's a key means.
"""

from dropcore_jax.functional import dropout
from dropcore_jax.in_python import dropout_in_python
from dropcore_jax.keys import draw_of

__all__ = ["draw_of", "dropout", "dropout_in_python"]
