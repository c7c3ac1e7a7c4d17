"""dropcore's dropout for PyTorch on the CPU.

`functional.dropout` is the function; `Dropout`, `Dropout1d`, `Dropout2d`, `Dropout3d`,
`AlphaDropout` and `FeatureAlphaDropout` are the modules: like PyTorch's own, but computed by
dropcore. `convert` swaps the modules of a model in place, and `revert` swaps them back. `audit`
lists the calls that drop in a model, and says whether PyTorch or dropcore computes them. After
`install` dropcore computes every dropout of a process, until `uninstall`. `installed` installs for
the length of a ``with`` block. `distributed` gives the ranks of a training run their parts of one
mask.

The code that handles a call, in this order:

- ``modules.py``: inference and p = 0 give the input itself;
- ``pieces.py`` computes dropout of DTensors, and of blocks that `distributed` places
  (``situation.py``: whether a call is within one of its ``with`` blocks; ``runs.py``: places
  along axes);
- ``functional.py`` passes tensors that dropcore does not support to PyTorch's own dropout
  (``others.py``), calls within ``torch.func`` to ``transforms.py``, and calls from compilers and
  tracers to ``operator.py``;
- ``paths.py`` computes all other calls: by the node in C++ (``node.py``, ``native``), or by the
  Function in Python (``_standard.pyx``; ``eager.py`` for variants that are not built in).

Compiled graphs call the operators of ``operator.py``; ``inductor.py`` adapts them to PyTorch's
default compiler.

``source.py`` makes the draws. ``private.py`` has all uses of PyTorch's private interfaces. For
`convert`, ``suspects.py`` finds the modules that are not swapped. For `audit`, ``watch.py`` records
the calls, and ``untouched.py`` restores the model.
"""

from dropcore_torch import distributed, functional
from dropcore_torch.audit import Audit, audit
from dropcore_torch.convert import Conversion, convert, revert
from dropcore_torch.install import install, installed, is_installed, uninstall
from dropcore_torch.modules import (
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    FeatureAlphaDropout,
)
from dropcore_torch.paths import build_node

__all__ = [
    "AlphaDropout",
    "Audit",
    "Conversion",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
    "audit",
    "build_node",
    "convert",
    "distributed",
    "functional",
    "install",
    "installed",
    "is_installed",
    "revert",
    "uninstall",
]
