"""dropcore for Dask: each chunk gets its part of one mask.

- ``functional.py``: `dropout` and `keep_mask`, which check the arguments and take the draw;
- ``mask.py``: `Mask`, lazy forward, backward and keep decisions of one mask;
- ``block.py``: the functions that a worker runs for one chunk.
"""

from dropcore_dask.functional import dropout, keep_mask
from dropcore_dask.mask import Mask

__all__ = ["Mask", "dropout", "keep_mask"]
