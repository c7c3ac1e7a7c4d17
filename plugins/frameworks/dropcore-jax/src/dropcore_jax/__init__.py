"""dropcore for JAX: compiled dropout, with masks that can be replayed.

`dropout` is the function. `dropout_in_python` runs variants that have no compiled form.
`draw_of` gives the dropcore draw that belongs to a key. `TARGET` is the name of the compiled
call; `jax.export` needs it.
"""

from dropcore_jax.block import TARGET
from dropcore_jax.functional import dropout
from dropcore_jax.in_python import dropout_in_python
from dropcore_jax.keys import draw_of

__all__ = ["TARGET", "draw_of", "dropout", "dropout_in_python"]
