"""The pairs of PyTorch's and dropcore's classes.

`convert` changes the class of a module, and keeps the module object, so that other references to it
stay valid. PyTorch itself extends the class of a module at run time: `torch.nn.utils.parametrize`
makes a ``ParametrizedLSTM`` of an LSTM, and `torch.distributed.fsdp.fully_shard` an ``FSDPLSTM``.
Such a class has no forward pass of its own, so it is made again with the other class as its base.
"""

from __future__ import annotations

import sys
from typing import Any

from torch import nn

from dropcore_torch import modules
from dropcore_torch.multihead import MultiheadAttention
from dropcore_torch.recurrent import GRU, LSTM, RNN

OURS: dict[type[nn.Module], Any] = {
    nn.Dropout: modules.Dropout,
    nn.Dropout1d: modules.Dropout1d,
    nn.Dropout2d: modules.Dropout2d,
    nn.Dropout3d: modules.Dropout3d,
    nn.AlphaDropout: modules.AlphaDropout,
    nn.FeatureAlphaDropout: modules.FeatureAlphaDropout,
    nn.MultiheadAttention: MultiheadAttention,
    nn.LSTM: LSTM,
    nn.GRU: GRU,
    nn.RNN: RNN,
}
PYTORCHS = {ours: torchs for torchs, ours in OURS.items()}


def in_its_place(cls: type, table: dict[type, type]) -> type | None:
    """The replacement of a class by `table`; None if there is none.

    For a class that PyTorch made at run time, the replacement is the same class with another base.
    """
    if cls in table:
        return table[cls]
    if not _is_made_at_run_time(cls):
        return None
    bases = tuple(in_its_place(base, table) or base for base in cls.__bases__)
    if bases == cls.__bases__:
        return None
    body = {name: each for name, each in vars(cls).items() if name not in _OF_INSTANCES}
    return type(cls)(cls.__name__, bases, body)


_OF_INSTANCES = ("__dict__", "__weakref__")  # each class gets its own


def _is_made_at_run_time(cls: type) -> bool:
    named = getattr(sys.modules.get(cls.__module__), cls.__name__, None)
    return cls.__module__.startswith("torch.") and named is not cls and "forward" not in vars(cls)


def name_of(cls: type) -> str:
    """The name of a class in reports; public classes of dropcore have the name for imports."""
    if not cls.__module__.startswith("dropcore_torch"):
        return cls.__name__
    public = cls.__module__ == modules.__name__
    return f"{'dropcore_torch' if public else cls.__module__}.{cls.__name__}"
