"""dropcore's dropout for PyTorch on the CPU.

`functional.dropout` is the function; `Dropout`, `Dropout1d`, `Dropout2d`, `Dropout3d`,
`AlphaDropout` and `FeatureAlphaDropout` are the modules, PyTorch's own in all but what
computes them. `convert` swaps the modules of a model in place, `revert` swaps them back, and
`audit` says what drops in a model and who computes it. `install` lets dropcore compute every
dropout of a process, `uninstall` PyTorch again, and `installed` is a block of that.
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
