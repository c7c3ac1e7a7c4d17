"""dropcore's dropout for PyTorch on the CPU.

`functional.dropout` is the function; `Dropout`, `Dropout1d`, `Dropout2d`, `Dropout3d`,
`AlphaDropout` and `FeatureAlphaDropout` are the modules, PyTorch's own in all but what
computes them. `convert` swaps the modules of a model in place, `revert` swaps them back, and
`audit` says what drops in a model and who computes it. `install` lets dropcore compute every
dropout of a process, `uninstall` PyTorch again, and `installed` is a block of that.

What runs for a call, in the order in which it is asked:

- ``modules.py``: inference and p = 0 give the input itself;
- ``functional.py``: what dropcore does not compute goes to PyTorch's own dropout (``others.py``);
  ``torch.func`` to ``transforms.py``, compilers and tracers to ``operator.py``, all else to
- ``paths.py``: the node in C++ (``node.py``, ``node.cpp``) or the Function in Python
  (``_standard.pyx``; ``eager.py`` for variants that are not built in).

Where draws come from is in ``source.py``; what of PyTorch is private, in ``private.py``. Of
`convert`, ``suspects.py`` says what is left and why; of `audit`, ``watch.py`` sees the calls, and
``untouched.py`` puts the model back.
"""

from dropcore_torch import functional
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
    "functional",
    "install",
    "installed",
    "is_installed",
    "revert",
    "uninstall",
]
