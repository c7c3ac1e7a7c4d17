"""dropcore's dropout for HIPS autograd.

- ``_dropout.py``: `dropout`, a primitive with rules for reverse mode and forward mode;
- ``_recompute.py``: `checkpoint`, and the same draws if autograd computes a function again.
"""

from dropcore_hips._dropout import dropout
from dropcore_hips._recompute import checkpoint

__all__ = ["checkpoint", "dropout"]
