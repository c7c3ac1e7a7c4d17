"""dropcore's dropout for HIPS autograd.

- ``_dropout.py``: `dropout`, a primitive with rules for reverse mode and forward mode;
- ``_recompute.py``: the same draws where autograd computes a function again, `checkpoint`.
"""

from dropcore_hips._dropout import dropout
from dropcore_hips._recompute import checkpoint

__all__ = ["checkpoint", "dropout"]
